"""The main job on the embedded checkpoint, ending in one table: what `make demo` runs.

    python -m benchmarks.demo [-o artifacts/demo] [--rounds 3]

Size, size as a store would compress it, parity figures, accuracy on the kept test rows, latency by tokens and peak
memory, for PyTorch and for bundles of all targets. Core ML off a Mac is simulated, and Core AI is run by Apple's
reference for the CPU: they have no times, and what is too slow for a whole comparison is not asked the test rows.
Targets whose extra is not installed are not run. The raw values go to measurements.json beside the bundles.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from rich.table import Table
from rich.text import Text

from exporter.checkpoint.checkpoint import Checkpoint, load
from exporter.checkpoint.source import DEMO, HubOptions, resolve
from exporter.cli.progress import progress_on_stderr
from exporter.options.request import Request
from exporter.pipeline import Exported, export
from exporter.targets.registry import TARGETS
from exporter.verification.measured_cases import bundle_case, pytorch_case
from exporter.verification.reference.default_texts import TEST_ROWS
from runtimes.backends.pytorch.runner import TorchRunner
from runtimes.backends.registry import BACKENDS, open_runner
from runtimes.bundle.reading import read_bundle
from runtimes.extras import EXTRAS, missing
from runtimes.measurement.bench import compressed_bytes
from runtimes.measurement.measure import Case, Measurement, Plan, fingerprint, measure
from runtimes.parity.cases import Encoder, Limits
from runtimes.reporting.terminal import show
from runtimes.runner import Runner, most_rows

LENGTHS = (16, 128, 512)
WANTED = {
    ("onnx", "litert"): tuple(TARGETS["onnx"].schemes),
    ("coreml",): ("fp16", "int8", "palettize6"),
    ("coreai",): ("none", "int8"),
}
"""Targets that are exported together, codes being made once for all, and their schemes."""
REFERENCE = "PyTorch float32"


@dataclass(frozen=True)
class Row:
    """One line of the table; sizes in bytes. `measured` is empty where no times are taken, `accuracy` None if slow."""

    name: str
    files: list[Path]
    exported: Exported | None
    accuracy: float | None
    measured: list[Measurement]


def say(text: str) -> None:
    """Progress to stderr."""
    print(f"demo: {text}", file=sys.stderr)


def main() -> None:
    """Export, compare, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=Path("artifacts/demo"))
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    checkpoint, lacking = load(resolve(DEMO, HubOptions())), absent()
    with progress_on_stderr("demo"):
        done = [item for targets in WANTED for item in export_all(targets, given.output, lacking)]
        measured = measure(cases(checkpoint, done), Plan(LENGTHS, rounds=given.rounds))
    record = {"host": fingerprint(), "measurements": [asdict(item) for item in measured]}
    (given.output / "measurements.json").write_text(json.dumps(record), encoding="utf-8")
    test_rows = [json.loads(line) for line in TEST_ROWS.read_text(encoding="utf-8").splitlines()]
    show(table(rows(checkpoint, done, measured, test_rows), len(test_rows), lacking))
    if any(item.parity.verdict.value != "pass" for item in done):
        raise SystemExit(1)


def absent() -> dict[str, str]:
    """Wanted targets whose extra is not installed → what is missing, and how to get it."""
    every = [target for targets in WANTED for target in targets if target in EXTRAS]
    return {target: lacking for target in every if (lacking := missing(target))}


def export_all(targets: tuple[str, ...], place: Path, lacking: Mapping[str, str]) -> list[Exported]:
    """Every wanted scheme of some targets that lack nothing; a failing bundle is kept, to be shown."""
    here = tuple(target for target in targets if target not in lacking)
    return export(Request(DEMO, here, WANTED[targets], place, keep_failing=True)) if here else []


def cases(checkpoint: Checkpoint, done: list[Exported]) -> list[Case]:
    """What can be measured here: PyTorch, and the bundles whose runtime is here."""
    timed = [item for item in done if not BACKENDS[item.recipe.target].cannot_time_here()]
    models = [bundle_case(item.recipe.name, read_bundle(item.directory)) for item in timed if item.directory]
    return [pytorch_case(REFERENCE, checkpoint), *models]


def rows(
    checkpoint: Checkpoint, done: list[Exported], measured: list[Measurement], test_rows: list[dict[str, Any]]
) -> list[Row]:
    """PyTorch, then every bundle."""
    geometry = checkpoint.geometry
    found = []
    for item in (None, *done):
        name = item.recipe.name if item else REFERENCE
        files, runner = reference_of(checkpoint) if item is None else bundle_of(item)
        say(f"accuracy on {len(test_rows)} test rows: {name}")
        positions = runner.positions or geometry.positions
        encode = Encoder(checkpoint.tokenizer.tokenizer, Limits(positions, geometry.types, 0))
        score = accuracy(runner, encode, test_rows)
        found.append(Row(name, files, item, score, [m for m in measured if m.case.name == name]))
    return found


def reference_of(checkpoint: Checkpoint) -> tuple[list[Path], Runner]:
    """The weights on disk, and the model in PyTorch."""
    directory = checkpoint.source.directory
    return [directory / "model.safetensors"], TorchRunner(directory, checkpoint.model.head.architecture)


def bundle_of(item: Exported) -> tuple[list[Path], Runner]:
    """The files of a bundle's model, and the model opened."""
    assert item.directory is not None
    bundle = read_bundle(item.directory)
    roots = [item.directory / name for name in bundle.manifest.models]
    files = [path for root in roots for path in (root, *root.rglob("*")) if path.is_file()]
    return files, open_runner(bundle)


def accuracy(runner: Runner, encode: Encoder, test_rows: list[dict[str, Any]]) -> float | None:
    """Share of the kept test rows that the model labels right; None for a runner that is too slow for so many."""
    if (most_rows(runner) or len(test_rows)) < len(test_rows):
        return None
    found = [int(np.argmax(runner.run(encode.batch([encode.row(row["text"])]))["logits"])) for row in test_rows]
    return float(np.mean([label == row["label"] for label, row in zip(found, test_rows, strict=True)]))


def table(found: list[Row], test_rows: int, lacking: Mapping[str, str]) -> Table:
    """The figures; latencies are medians over all rounds. What lacks an extra is not run: the reason stands below."""
    drawn = Table(title="the demo checkpoint, one thread", title_justify="left")
    columns = ["", "MB", "zipped", "parity", "max diff", "mean diff", "agree", f"accuracy, {test_rows}"]
    for column in [*columns, *(f"ms at {n}" for n in LENGTHS), "peak MB"]:
        drawn.add_column(column, justify="right" if column else "left", no_wrap=not column)
    for row in found:
        sizes = [sum(path.stat().st_size for path in row.files), compressed_bytes(row.files)]
        megabytes = [f"{size / 1e6:.2f}" for size in sizes]
        score = "not run" if row.accuracy is None else f"{row.accuracy:.4f}"
        drawn.add_row(row.name, *megabytes, *compared(row), score, *timed(row))
    for target in lacking:
        drawn.add_row(target, *["not run"] * (len(drawn.columns) - 1))
    reasons = [f"{target}: not run: {reason}" for target, reason in lacking.items()]
    drawn.caption = Text("\n".join(reasons)) if reasons else None
    return drawn


def compared(row: Row) -> list[str]:
    """Parity columns."""
    if row.exported is None:
        return ["reference", "–", "–", "–"]
    parity = row.exported.parity
    figures = (f"{parity.max_absolute:.1e}", f"{parity.mean_absolute:.1e}", f"{parity.agreement:.4f}")
    return [f"{parity.verdict.value}, {parity.status}", *figures]


def timed(row: Row) -> list[str]:
    """Latency and memory columns; `not run` for what has no times here."""
    if not row.measured:
        return ["not run"] * (len(LENGTHS) + 1)
    medians = [median(value for m in row.measured for value in m.latency_s[n]) for n in LENGTHS]
    return [*(f"{value * 1e3:.2f}" for value in medians), f"{max(m.peak_rss_bytes for m in row.measured) / 1e6:.0f}"]


if __name__ == "__main__":
    main()
