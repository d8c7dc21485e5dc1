"""bertport beside Optimum on one checkpoint, in one run: export time, latency, difference from PyTorch, accuracy.

    make bench DATA=../shared/data      (or: python benchmarks/side_by_side.py --data ../shared/data)

Latency: one thread, all sessions in one process and one ONNX Runtime, in short turns that go round and round, so
that what else the machine does meets all alike. Every raw value is in the JSON; the ratios are of medians.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from labelled_text import ag_news_test
from rich.table import Table

from exporter.checkpoint import Checkpoint, load
from exporter.reference import TEST_ROWS
from exporter.schemes import SCHEMES
from exporter.source import HubOptions, resolve
from runtimes.battery import Encoder, Limits
from runtimes.measure import fingerprint
from runtimes.onnxruntime import OnnxRunner
from runtimes.parity import agreement
from runtimes.pytorch import TorchRunner
from runtimes.report import show
from runtimes.runner import Batch, Outputs, Runner, full_batch

LENGTHS = {16: 20, 128: 10, 512: 3}
"""Tokens → runs in one turn."""
TURNS = 60
OPTIMUM_BIN = Path(".venv-optimum/bin")
BASE = "Optimum float32"
QUANTIZED = {
    "Optimum int8 avx512": ["--avx512"],
    "Optimum int8 avx512, per channel": ["--avx512", "--per_channel"],
    "Optimum int8 arm64": ["--arm64"],
}


@dataclass(frozen=True)
class Contender:
    """A saved ONNX model."""

    name: str
    path: Path


def timed(command: list[str]) -> float:
    """Wall time of a command, in seconds."""
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def export_ours(checkpoint: str, work: Path, *options: str) -> list[str]:
    """The command that exports one bundle."""
    name = "-".join(options).strip("-") or "verified"
    return [sys.executable, "-m", "exporter", checkpoint, "-o", str(work / name), *options]


def export_optimum(checkpoint: Path, work: Path) -> list[str]:
    """The command that exports with Optimum."""
    command = ["export", "onnx", "--task", "text-classification", "--model", str(checkpoint), str(work / "optimum")]
    return [str(OPTIMUM_BIN / "optimum-cli"), *command]


def export_times(model: str, checkpoint: Path, work: Path, rounds: int = 3) -> dict[str, list[float]]:
    """Wall times of the three exports, interleaved."""
    commands = {
        "optimum-cli export onnx": export_optimum(checkpoint, work),
        "bertport export": export_ours(model, work),
        "bertport export --no-verify": export_ours(model, work, "--no-verify"),
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            times[name].append(timed(command))
    return times


def contenders(model: str, work: Path) -> list[Contender]:
    """Every scheme of ours, and Optimum's float32 and int8 models; `work` holds Optimum's export already."""
    schemes = [part for name in SCHEMES["onnx"] for part in ("--quantize", name)]
    timed([*export_ours(model, work, *schemes)[:4], "-o", str(work / "ours"), *schemes])
    found = [Contender(BASE, work / "optimum" / "model.onnx")]
    for name, options in QUANTIZED.items():
        folder = work / name.replace(" ", "-").replace(",", "")
        command = ["onnxruntime", "quantize", "--onnx_model", str(work / "optimum"), *options, "-o", str(folder)]
        timed([str(OPTIMUM_BIN / "optimum-cli"), *command])
        found.append(Contender(name, folder / "model_quantized.onnx"))
    ours = [Contender(f"bertport {name}", work / "ours" / f"onnx-{name}" / "model.onnx") for name in SCHEMES["onnx"]]
    return found + ours


def latencies(runners: dict[str, Runner], vocabulary: int) -> dict[str, dict[int, list[float]]]:
    """Raw seconds of single-row runs, by contender and tokens; the first run of a turn warms up and is left out."""
    random = np.random.default_rng(0)
    batches = {n: full_batch(random.integers(1000, vocabulary, (1, n))) for n in LENGTHS}
    times: dict[str, dict[int, list[float]]] = {name: {n: [] for n in LENGTHS} for name in runners}
    for length, runs in LENGTHS.items():
        for _ in range(TURNS):
            for name, runner in runners.items():
                runner.run(batches[length])
                times[name][length] += [seconds(runner.run, batches[length]) for _ in range(runs)]
    return times


def seconds(run: Callable[[Batch], Outputs], batch: Batch) -> float:
    """Wall time of one run."""
    start = time.perf_counter()
    run(batch)
    return time.perf_counter() - start


def all_logits(runner: Runner, encode: Encoder, texts: list[str]) -> np.ndarray[Any, Any]:
    """Logits of every text, each run alone: [N, labels]."""
    return np.concatenate([runner.run(encode.batch([encode.row(text)]))["logits"] for text in texts])


def faithfulness(
    runners: dict[str, Runner], reference: Runner, encode: Encoder, texts: list[str], labels: list[int]
) -> dict[str, dict[str, float]]:
    """Differences from PyTorch, label agreement and accuracy over labelled texts."""
    expected = all_logits(reference, encode, texts)
    found: dict[str, dict[str, float]] = {"PyTorch": {"accuracy": float(np.mean(expected.argmax(-1) == labels))}}
    for name, runner in runners.items():
        logits = all_logits(runner, encode, texts)
        difference = np.abs(logits - expected)
        found[name] = {
            "max_absolute": float(difference.max()),
            "mean_absolute": float(difference.mean()),
            "agreement": agreement(expected, logits),
            "accuracy": float(np.mean(logits.argmax(-1) == labels)),
        }
    return found


def labelled(data: Path | None) -> tuple[list[str], list[int]]:
    """The official AG News test where it is at hand, else the rows kept with the demo."""
    if data is not None:
        return ag_news_test(data)
    rows = [json.loads(line) for line in TEST_ROWS.read_text(encoding="utf-8").splitlines()]
    return [row["text"] for row in rows], [row["label"] for row in rows]


def main() -> None:
    """Measure, print, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--model", default="demo", help="a classifier checkpoint with AG News labels")
    parser.add_argument("-o", "--output", type=Path, default=Path("artifacts/side_by_side.json"))
    given = parser.parse_args()
    checkpoint = load(resolve(given.model, HubOptions()))
    with TemporaryDirectory() as folder:
        record = compare(given.model, checkpoint, Path(folder), *labelled(given.data))
    given.output.parent.mkdir(parents=True, exist_ok=True)
    given.output.write_text(json.dumps(record) + "\n", encoding="utf-8")
    show(table(record))
    for name, values in record["export_s"].items():
        print(f"{name}: {median(values):.2f} s")


def compare(model: str, checkpoint: Checkpoint, work: Path, texts: list[str], labels: list[int]) -> dict[str, Any]:
    """Everything measured, raw."""
    directory, geometry = checkpoint.source.directory, checkpoint.geometry
    export_s = export_times(model, directory, work)
    models = contenders(model, work)
    runners: dict[str, Runner] = {item.name: OnnxRunner(item.path) for item in models}
    encode = Encoder(checkpoint.tokenizer.tokenizer, Limits(geometry.positions, geometry.types, 0))
    reference = TorchRunner(directory, checkpoint.model.head.architecture)
    return {
        "host": fingerprint(),
        "test_rows": len(texts),
        "export_s": export_s,
        "size_bytes": {item.name: item.path.stat().st_size for item in models},
        "latency_s": latencies(runners, geometry.vocabulary),
        "faithfulness": faithfulness(runners, reference, encode, texts, labels),
    }


def table(record: dict[str, Any]) -> Table:
    """One row a contender; latencies as ratios to Optimum's float32 export in this run."""
    title = f"one thread, {record['host']['processor']}; latency ÷ {BASE}'s; {record['test_rows']} test rows"
    drawn = Table(title=title, title_justify="left")
    for column in ("", "MB", *(f"{n} tokens" for n in LENGTHS), "max diff", "mean diff", "agreement", "accuracy"):
        drawn.add_column(column, justify="right" if column else "left", no_wrap=True)
    base = {n: median(record["latency_s"][BASE][n]) for n in LENGTHS}
    for name, latency in record["latency_s"].items():
        figures = record["faithfulness"][name]
        drawn.add_row(
            name,
            f"{record['size_bytes'][name] / 1e6:.2f}",
            *(f"{median(latency[n]) / base[n]:.3f}" for n in LENGTHS),
            f"{figures['max_absolute']:.1e}",
            f"{figures['mean_absolute']:.1e}",
            f"{figures['agreement']:.4f}",
            f"{figures['accuracy']:.4f}",
        )
    return drawn


if __name__ == "__main__":
    main()
