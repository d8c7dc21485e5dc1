"""`bertport evaluate`: the task's metric of a bundle and of PyTorch over the same labelled rows."""

from typing import Any, cast

from exporter.verification.check import Check
from exporter.verification.labelled.answers import Evaluation, Examiner
from exporter.verification.origin import find_checkpoint
from runtimes.errors import in_unicode
from runtimes.evaluation.data.dataset import DataFile, Dataset
from runtimes.evaluation.differing import show_difference
from runtimes.measurement.host import fingerprint, versions
from runtimes.records.evaluate import DifferingRow, EvaluatedRows, EvaluateRecord, RowAnswers, Scores
from runtimes.records.subjects import Columns, Source
from runtimes.records.values import Status
from runtimes.records.writing import plain


def evaluate(check: Check, data: DataFile, metric: str | None = None, aggregation: str | None = None) -> Evaluation:
    """Compare a bundle with PyTorch on labelled rows, by `metric` or what the problem is judged by.

    `aggregation` decides a word's label of its tokens' (`runtimes.parity.aggregation`); None: by the first.
    Raises UsageError for what is wrong with the data, and as `verification.verify` for bundle and checkpoint.
    """
    examiner = Examiner(find_checkpoint(check), data, check.answering, metric, aggregation=aggregation)
    return examiner.examine(check.bundle, check.bundle.manifest.recipe.name)


def evaluation_record(done: Evaluation) -> EvaluateRecord:
    """Make the record: everything that was found, and answers from which all of it can be computed again."""
    manifest, compared = done.bundle.manifest, done.comparison
    expected, pytorch, exported = (tuple(plain(side)) for side in (done.dataset.golds, done.reference, done.candidate))
    return EvaluateRecord(
        host=fingerprint(),
        versions=versions("torch", "transformers"),
        bundle=in_unicode(done.bundle.directory.name),
        source=Source(manifest.source_model, manifest.source_revision),
        recipe=plain(manifest.recipe),
        size_bytes=done.bundle.size_bytes,
        problem=manifest.problem,
        labels=manifest.labels,
        status=cast("Status", done.status),
        data=EvaluatedRows(**rows_read(done.dataset) | _lengths(done)),
        metric=compared.reference.metric,
        aggregation=done.aggregation or "",
        pytorch=Scores(**vars(compared.reference)),
        exported=Scores(**vars(compared.candidate)),
        drop_points=done.drop_points,
        interval_points=(compared.interval.low * 100, compared.interval.high * 100),
        interval_method=f"95 %, {compared.interval.method}",
        agreement=compared.agreement,
        differing=tuple(_difference(done, at) for at in compared.differing),
        warnings=tuple(done.warnings),
        rows=RowAnswers(expected=expected, pytorch=pytorch, exported=exported),
    )


def rows_read(dataset: Dataset) -> dict[str, Any]:
    """The fields of `Rows`: which were read, and how."""
    return {
        "file": in_unicode(dataset.file.path.name),
        "sha256": dataset.sha256,
        "rows_in_file": dataset.rows_in_file,
        "rows": len(dataset.examples),
        "limit": dataset.file.limit,
        "columns": Columns(**vars(dataset.columns)),
        "notes": dataset.notes,
    }


def _lengths(done: Evaluation) -> dict[str, int]:
    return {"positions": done.positions, "cut_rows": done.cut_rows, "changed_rows": done.changed_rows}


def _difference(done: Evaluation, at: int) -> DifferingRow:
    example, answers = done.dataset.examples[at], (done.dataset.golds[at], done.reference[at], done.candidate[at])
    expected, pytorch, exported = plain(answers)
    text = show_difference(example, *answers).text
    return DifferingRow(row=at, line=example.line, text=text, expected=expected, pytorch=pytorch, exported=exported)
