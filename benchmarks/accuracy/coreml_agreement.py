"""Core ML schemes against PyTorch on test rows: size, difference, agreement, accuracy, and time to convert.

    python -m benchmarks.accuracy.coreml_agreement --data ../shared/data [--rows 1000]

The saved packages run under the portable interpreter: numbers are `simulated`, and say nothing of a device's speed.
"""

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.models.labelled_text import ag_news_test
from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import DEMO, HubOptions, resolve
from exporter.options.request import Request
from exporter.pipeline import Exported, export
from exporter.targets.registry import TARGETS
from exporter.targets.target import Settings
from exporter.verification.check import Answering
from runtimes.backends.pytorch.runner import TorchRunner
from runtimes.backends.registry import open_runner
from runtimes.bundle.reading import read_bundle
from runtimes.measurement.measure import fingerprint
from runtimes.parity.cases import Encoder, Limits
from runtimes.parity.compare import agreement
from runtimes.runner import Batch, Runner, full_batch

SETTINGS = {
    "iOS17, Neural Engine layout": Settings(),
    "iOS18, Neural Engine layout": Settings(options={"deployment_target": "iOS18"}),
    "iOS18, GPU layout": Settings(options={"deployment_target": "iOS18", "compute_units": "cpu-and-gpu"}),
    "iOS18, 32 + 128 + 256 tokens": Settings(
        options={"deployment_target": "iOS18", "sequence_lengths": (32, 128, 256)}
    ),
}
NEWER = ("int4", "int4-embeddings")
"""Schemes that need iOS 18."""


@dataclass(frozen=True)
class Labelled:
    """Texts, their labels, and PyTorch's logits [N, labels]."""

    texts: list[str]
    labels: list[int]
    expected: "np.ndarray[Any, Any]"


def all_logits(runner: Runner, encode: Encoder, texts: list[str]) -> "np.ndarray[Any, Any]":
    """Logits of every text, each run alone: [N, labels]."""
    return np.concatenate([runner.run(encode.batch([encode.row(text)]))["logits"] for text in texts])


def seconds(runner: Runner, batch: Batch) -> float:
    """Wall time of one run."""
    start = time.perf_counter()
    runner.run(batch)
    return time.perf_counter() - start


def wanted() -> list[tuple[str, str]]:
    """Every (settings, scheme) that can be."""
    newer = {name for name, settings in SETTINGS.items() if settings.options.get("deployment_target") == "iOS18"}
    return [
        (name, scheme)
        for name in SETTINGS
        for scheme in TARGETS["coreml"].schemes
        if scheme not in NEWER or name in newer
    ]


def exported(name: str, scheme: str, folder: Path) -> tuple[Exported, float]:
    """One bundle, verified, and the seconds it took with everything imported; kept even if it fails."""
    place = Path(folder) / name / scheme
    asked = Answering(cached=False)  # its time is told
    request = Request(DEMO, ("coreml",), (scheme,), place, settings=SETTINGS[name], keep_failing=True, answering=asked)
    start = time.perf_counter()
    (done,) = export(request)
    return done, time.perf_counter() - start


def figures(runner: Runner, encode: Encoder, data: Labelled) -> dict[str, Any]:
    """Difference from PyTorch, agreement, accuracy, and the time of a forward of 128 tokens."""
    found = all_logits(runner, encode, data.texts)
    full = full_batch(np.full((1, 128), 1000))
    return {
        "interpreter_forward_s": median(seconds(runner, full) for _ in range(20)),
        "max_absolute": float(np.abs(found - data.expected).max()),
        "mean_absolute": float(np.abs(found - data.expected).mean()),
        "agreement": agreement(data.expected, found),
        "accuracy": float(np.mean(found.argmax(-1) == data.labels)),
    }


def main() -> None:
    """Export everything, run the rows, write and print the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("-o", "--output", type=Path, default=Path("artifacts/coreml_agreement.json"))
    given = parser.parse_args()
    checkpoint = load(resolve(DEMO, HubOptions()))
    encode = Encoder(checkpoint.tokenizer.tokenizer, Limits(128, checkpoint.geometry.types, 0))
    texts, labels = (part[: given.rows] for part in ag_news_test(given.data))
    expected = all_logits(TorchRunner(checkpoint.source.directory, checkpoint.model.head.architecture), encode, texts)
    data, rows = Labelled(texts, labels, expected), []
    with TemporaryDirectory() as folder:
        for name, scheme in wanted():
            done, export_s = exported(name, scheme, Path(folder))
            assert done.directory is not None
            row = {"target": name, "scheme": scheme, "size_bytes": done.size_bytes, "export_and_verify_s": export_s}
            rows.append(row | figures(open_runner(read_bundle(done.directory)), encode, data))
            print(json.dumps(rows[-1]), flush=True)
    record = {
        "host": fingerprint(),
        "status": "simulated",
        "test_rows": len(texts),
        "logit_range": float(np.ptp(expected)),
        "pytorch_accuracy": float(np.mean(expected.argmax(-1) == labels)),
        "rows": rows,
    }
    given.output.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
