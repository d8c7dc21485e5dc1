import os from "node:os";
import { Predictor } from "../bertkit/index.js";
import { encode, replay } from "./replay.js";

const [WARM_UP_RUNS, RUNS] = [5, 50];

/**
 * What a run in Node finds, as `bertport report` reads it: times in seconds, memory in bytes, every raw value.
 *
 * `load_s` is load and the first run; `latency_s` are single runs of the first golden text.
 */
export async function makeRecord(ort, golden, options) {
  const found = await replay(ort, golden, options);
  const { settings, ...times } = await time(ort, golden.vectors[0], options);
  const { largestDifference: largest, meanDifference: mean, tolerance } = found;
  const isFinite = Number.isFinite(largest + mean);
  return {
    kind: "device",
    schema_version: 1,
    status: "measured",
    bertport: settings.bertport,
    source: settings.source,
    target: settings.target,
    task: settings.task,
    scheme: settings.scheme,
    manifest_sha256: settings.manifestSha256,
    host: { device: os.arch(), system: `${os.type()} ${os.release()}, Node ${process.version}`, cores: os.cpus().length, simulator: false },
    vectors: found.vectors,
    tolerance_absolute: tolerance,
    runs: [
      {
        compute_units: "cpu",
        max_absolute: isFinite ? largest : -1,
        mean_absolute: isFinite ? mean : -1,
        verdict: isFinite && largest <= tolerance ? "pass" : "fail",
        ...times,
      },
    ],
    peak_rss_bytes: process.resourceUsage().maxRSS * 1024,
  };
}

async function time(ort, vector, options) {
  const start = performance.now();
  const predictor = await Predictor.load(ort, options);
  const encoding = encode(predictor, vector);
  await predictor.outputs(encoding);
  const load_s = (performance.now() - start) / 1000;
  const latency_s = [];
  for (let run = 0; run < WARM_UP_RUNS + RUNS; run++) {
    const before = performance.now();
    await predictor.outputs(encoding);
    if (run >= WARM_UP_RUNS) latency_s.push((performance.now() - before) / 1000);
  }
  await predictor.close();
  return { settings: predictor.settings, tokens: encoding.ids.length, load_s, latency_s };
}
