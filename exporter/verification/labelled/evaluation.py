"""A bundle and PyTorch over the same labelled rows: what was lost on the way, in the figures of the task."""

from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from exporter.verification.check import Check
from exporter.verification.labelled.answers import Evaluation, Examiner
from exporter.verification.origin import find_checkpoint
from runtimes.errors import in_unicode
from runtimes.evaluation.data.dataset import DataFile, Dataset
from runtimes.evaluation.differing import show_difference
from runtimes.measurement.measure import fingerprint
from runtimes.version import __version__

SCHEMA_VERSION = 1


def evaluate(check: Check, data: DataFile, threads: int = 1, metric: str | None = None) -> Evaluation:
    """Compare a bundle with PyTorch on labelled rows, by `metric` or what the problem is judged by.

    Raises UsageError for what is wrong with the data, and as `verification.verify` for bundle and checkpoint.
    """
    examiner = Examiner(find_checkpoint(check), data, threads, metric)
    return examiner.examine(check.bundle, check.bundle.manifest.recipe.name)


def evaluation_record(done: Evaluation) -> dict[str, Any]:
    """For JSON: everything that was found, and answers from which all of it can be computed again."""
    manifest, dataset, compared = done.bundle.manifest, done.dataset, done.comparison
    return {
        "kind": "evaluate",
        "schema_version": SCHEMA_VERSION,
        "host": fingerprint(),
        "versions": {"bertport": __version__, **{name: version(name) for name in ("torch", "transformers")}},
        "bundle": in_unicode(done.bundle.directory.name),
        "source": {"model": manifest.source_model, "revision": manifest.source_revision},
        "recipe": asdict(manifest.recipe),
        "size_bytes": done.bundle.size_bytes,
        "problem": manifest.problem,
        "labels": list(manifest.labels),
        "status": done.status,
        "data": data_record(dataset)
        | {"positions": done.positions, "cut_rows": done.cut_rows, "changed_rows": done.changed_rows},
        "metric": compared.reference.metric,
        "pytorch": asdict(compared.reference),
        "exported": asdict(compared.candidate),
        "drop_points": done.drop_points,
        "interval_points": [compared.interval.low * 100, compared.interval.high * 100],
        "interval_method": f"95 %, {compared.interval.method}",
        "agreement": compared.agreement,
        "differing": [_difference(done, at) for at in compared.differing],
        "warnings": done.warnings,
        "rows": {"expected": dataset.golds, "pytorch": done.reference, "exported": done.candidate},
    }


def data_record(dataset: Dataset) -> dict[str, Any]:
    """Which rows were read, and how."""
    return {
        "file": in_unicode(dataset.file.path.name),
        "sha256": dataset.sha256,
        "rows_in_file": dataset.rows_in_file,
        "rows": len(dataset.examples),
        "limit": dataset.file.limit,
        "columns": asdict(dataset.columns),
        "notes": list(dataset.notes),
    }


def _difference(done: Evaluation, at: int) -> dict[str, Any]:
    example = done.dataset.examples[at]
    shown = show_difference(example, done.dataset.golds[at], done.reference[at], done.candidate[at])
    return {
        "row": at,
        "line": example.line,
        "text": shown.text,
        "expected": done.dataset.golds[at],
        "pytorch": done.reference[at],
        "exported": done.candidate[at],
    }
