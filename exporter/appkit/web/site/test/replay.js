import { Predictor } from "../bertkit/index.js";

const GIVEN = ["text", "text_pair", "input_ids", "attention_mask", "token_type_ids"];

/**
 * Replays golden.json: text → ids, ids → outputs, outputs → what a user sees, each beside what PyTorch gives.
 *
 * Runs in Node and in browsers. Gives counts of vectors that differ; the budget, the largest difference and the mean of
 * them, in logits, NaN where a number is; and the milliseconds of each run.
 */
export async function replay(ort, golden, options) {
  const predictor = await Predictor.load(ort, options);
  const found = { vectors: 0, wrongTokens: 0, wrongDecisions: 0, differences: [], runs_ms: [] };
  found.tolerance = predictor.settings.parity.toleranceAbsolute;
  for (const vector of golden.vectors) {
    const encoding = encode(predictor, vector);
    const start = performance.now();
    const outputs = await predictor.outputs(encoding);
    found.runs_ms.push(performance.now() - start);
    found.vectors += 1;
    found.wrongTokens += !sameTokens(encoding, vector);
    for (const [name, expected] of Object.entries(vector).filter(([key]) => !GIVEN.includes(key))) {
      compare(found, outputs[name], expected, predictor.settings);
    }
  }
  await predictor.close();
  const { differences, ...rest } = found;
  const largestDifference = differences.reduce((most, one) => (one <= most ? most : one), 0);
  return { ...rest, largestDifference, meanDifference: differences.reduce((sum, one) => sum + one, 0) / differences.length };
}

/** A golden text is cut as it was at the export: the longest first, to the model's positions, whatever its tokenizer says. */
export function encode({ tokenizer, settings }, vector) {
  const maxLength = Math.max(settings.maxTokens, vector.input_ids.length);
  return tokenizer.encode(settings.prompt + vector.text, { pair: vector.text_pair ?? null, maxLength, truncation: "longest_first" });
}

function sameTokens(encoding, vector) {
  const pairs = [
    [encoding.ids, vector.input_ids],
    [encoding.typeIds, vector.token_type_ids ?? encoding.typeIds],
    [encoding.attentionMask, vector.attention_mask],
  ];
  return pairs.every(([ours, theirs]) => String(ours) === String(theirs));
}

/** NaN differs from all. */
function compare(found, ours, expected, settings) {
  const flat = [expected].flat(Infinity);
  flat.forEach((value, i) => found.differences.push(Math.abs(value - ours[i])));
  const width = Array.isArray(expected[0]) ? expected[0].length : flat.length;
  const same = ours.length === flat.length && String(decide(ours, width, settings)) === String(decide(flat, width, settings));
  found.wrongDecisions += !same;
}

/** Which label of each row of `width` numbers: the largest, or for several labels at once all that are likely. */
function decide(values, width, { problem, shown }) {
  if (problem === "multi_label_classification") return Array.from(values, (value) => value > shown.likelyLogit);
  const rows = Array.from({ length: values.length / width }, (_, i) => values.slice(i * width, (i + 1) * width));
  return rows.map((row) => row.indexOf(Math.max(...row)));
}
