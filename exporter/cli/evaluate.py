"""`bertport evaluate BUNDLE --data FILE`: what a bundle loses on labelled rows, beside PyTorch."""

import argparse
import logging
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exporter.options.answering import add_answering, answering
from exporter.options.checkpoint import add_checkpoint
from exporter.options.help import Options, add_json, add_output, defaults_to
from exporter.verification.check import Check
from runtimes.bundle.reading import read_bundle
from runtimes.errors import UsageError
from runtimes.records.writing import printed, require_writable, write_record

if TYPE_CHECKING:
    from exporter.verification.labelled.answers import Evaluation
    from runtimes.evaluation.data.dataset import DataFile

_log = logging.getLogger(__name__)

EXAMPLES = (
    ("bertport evaluate artifacts/demo/onnx-int8 --data rows.csv", "columns of text and label are guessed"),
    (
        "bertport evaluate nli/onnx-int8 --data dev.jsonl --text premise --text-pair hypothesis --max-drop 0.5",
        "pairs of texts; ends with 1 where more than half a point is lost",
    ),
)
_SHOWN = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    from runtimes.parity.aggregation import OF_WORDS

    group = parser.add_argument_group("bundle")
    group.add_argument("bundle", type=Path, metavar="BUNDLE", help="Evaluate this bundle on labelled rows.")
    add_checkpoint(group)
    add_output(group, "FILE", "Write the record to FILE, with every row's answers.")
    group.add_argument("--max-drop", type=float, metavar="POINTS", help="End with 1 when more is lost.")
    told = (
        f"Let these of a word's tokens decide its label: the first, their mean, or the surest. {defaults_to('first')}"
    )
    group.add_argument("--aggregation", choices=tuple(OF_WORDS), help=told)
    add_data(parser)
    add_json(parser, "Print the record instead of tables.")


def add_data(parser: argparse.ArgumentParser) -> None:
    """Declare how labelled rows are found and read, and what decides."""
    from runtimes.evaluation.choice_of_metric import listed

    _add_file(parser.add_argument_group("labelled rows"))
    group = parser.add_argument_group("comparison with PyTorch")
    metric = f"Let this decide: {listed()}. {defaults_to('that of GLUE for its tasks, else the first')}"
    group.add_argument("--metric", metavar="NAME", help=metric)
    add_answering(group)


def _add_file(group: Options) -> None:
    from runtimes.evaluation.data.table import FORMATS

    kinds = tuple(dict.fromkeys(FORMATS.values()))
    told = "Read labelled rows from this file: CSV, TSV or JSON Lines; .gz too."
    group.add_argument("--data", type=Path, required=True, metavar="FILE", help=told)
    group.add_argument("--format", choices=kinds, help="Read it so, where the name of the file does not say.")
    told = f"Take text, words or question from this column; may repeat. {defaults_to('guessed')}"
    group.add_argument("--text", action="append", metavar="COLUMN", help=told)
    told = f"Put this between several text columns. {defaults_to('a space')}"
    group.add_argument("--join", default=" ", metavar="STRING", help=told)
    told = "Take the second text, or what an answer is sought in, from this column."
    group.add_argument("--text-pair", metavar="COLUMN", help=told)
    told = f"Take labels, tags or answers from this column. {defaults_to('guessed')}"
    group.add_argument("--label", metavar="COLUMN", help=told)
    told = "Read this value in the data as that label; may be several."
    group.add_argument("--labels", nargs="+", default=[], metavar="VALUE=LABEL", help=told)
    told = f"Take N rows, evenly over the file. {defaults_to('all')}"
    group.add_argument("--limit", type=int, metavar="N", help=told)


def data_file(parsed: argparse.Namespace) -> "DataFile":
    """What `add_data` was told."""
    from runtimes.evaluation.data.columns import Choice
    from runtimes.evaluation.data.dataset import DataFile
    from runtimes.evaluation.data.labels import parse_given

    choice = Choice(tuple(parsed.text or ()), parsed.text_pair, parsed.label, parsed.join)
    return DataFile(parsed.data, parsed.format, choice, parse_given(parsed.labels), parsed.limit)


def run(parsed: argparse.Namespace) -> int:
    """Evaluate, print, and return the exit code."""
    from exporter.verification.labelled.evaluation import evaluate, evaluation_record

    require_writable(parsed.output)
    if parsed.max_drop is not None and not math.isfinite(parsed.max_drop):
        raise UsageError(f"--max-drop {parsed.max_drop}: expected a number of points")
    bundle, asked = read_bundle(parsed.bundle), answering(parsed)
    check = Check(bundle, parsed.checkpoint, allow_pickle=parsed.allow_pickle, answering=asked)
    done = evaluate(check, data_file(parsed), parsed.metric, parsed.aggregation)
    record = evaluation_record(done)
    if parsed.output:
        write_record(parsed.output, record)
    if parsed.json:
        print(printed(record))
    else:
        _show(done)
    for text in done.warnings:
        _log.warning(f"warning: {text}")
    return _within(done, parsed.max_drop)


def _show(done: "Evaluation") -> None:
    from runtimes.evaluation.tables import differences_table, figures_table
    from runtimes.reporting.terminal import show

    compared, name = done.comparison, done.bundle.manifest.recipe.name
    title = f"{len(done.dataset.golds):,} rows of {done.dataset.file.path.name}"
    show(figures_table(title, f"{name} ({done.status})", compared))
    if compared.differing:
        show(differences_table([_row(done, at) for at in compared.differing[:_SHOWN]], len(compared.differing)))
    low, high = compared.interval.low * 100, compared.interval.high * 100
    same = "" if compared.agreement is None else f"; the same answer to {compared.agreement:.2%} of the rows"
    metric = compared.reference.metric
    print(f"{metric}: drop {done.drop_points:+.2f} points, 95 % between {low:+.2f} and {high:+.2f}{same}")


def _row(done: "Evaluation", at: int) -> tuple[int, str, Any, Any, Any]:
    from runtimes.evaluation.differing import show_difference

    example, labels = done.dataset.examples[at], done.bundle.manifest.labels
    shown = show_difference(example, done.dataset.golds[at], done.reference[at], done.candidate[at])
    expected, reference, candidate = (_named(one, labels) for one in (shown.expected, shown.reference, shown.candidate))
    return example.line, shown.text, expected, reference, candidate


def _named(answer: Any, labels: tuple[str, ...]) -> str:
    """An answer in words: labels by name."""
    if isinstance(answer, list) and answer and isinstance(answer[0], int):
        return " ".join(labels[number] if number >= 0 else "–" for number in answer)
    return labels[answer] if isinstance(answer, int) else str(answer)


def _within(done: "Evaluation", max_drop: float | None) -> int:
    if max_drop is None or done.drop_points <= max_drop:
        return 0
    _log.warning(f"{done.comparison.reference.metric} drops by {done.drop_points:.2f} points, beyond {max_drop:.2f}")
    return 1
