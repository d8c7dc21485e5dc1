"""`bertport evaluate BUNDLE --data FILE`: what a bundle loses on labelled rows, beside PyTorch."""

import argparse
import logging
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exporter.options.answering import add_answering, answering
from exporter.verification.check import Check
from runtimes.bundle.reading import read_bundle
from runtimes.errors import UsageError
from runtimes.records.writing import printed, require_writable, write_record

if TYPE_CHECKING:
    from exporter.verification.labelled.answers import Evaluation
    from runtimes.evaluation.data.dataset import DataFile

_log = logging.getLogger(__name__)

HELP = "accuracy, F1 and what else the task is judged by, of a bundle and PyTorch on labelled rows"
_SHOWN = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    from runtimes.parity.aggregation import OF_WORDS

    parser.add_argument("bundle", type=Path)
    add_data(parser)
    parser.add_argument(
        "--aggregation",
        choices=tuple(OF_WORDS),
        help="which tokens decide a word's label: the first, their mean, or the surest (default: the first)",
    )
    parser.add_argument("--max-drop", type=float, metavar="POINTS", help="exit with 1 when more is lost")
    parser.add_argument("--checkpoint", metavar="MODEL", help="where its checkpoint is now: a folder or hub id")
    parser.add_argument("--allow-pickle", action="store_true", help="read pytorch_model.bin, weights only")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write the record, with every row's answers")
    parser.add_argument("--json", action="store_true", help="print the record instead of tables")


def add_data(parser: argparse.ArgumentParser) -> None:
    """Declare how labelled rows are found and read."""
    from runtimes.evaluation.choice_of_metric import listed
    from runtimes.evaluation.data.table import FORMATS

    kinds = tuple(dict.fromkeys(FORMATS.values()))
    parser.add_argument("--data", type=Path, required=True, metavar="FILE", help="CSV, TSV or JSON Lines; .gz too")
    parser.add_argument("--format", choices=kinds, help="where the file's name does not say")
    parser.add_argument(
        "--text", action="append", metavar="COLUMN", help="text, words or question; may repeat (default: guessed)"
    )
    parser.add_argument("--join", default=" ", metavar="STRING", help="what to put between several text columns")
    parser.add_argument("--text-pair", metavar="COLUMN", help="second text, or what an answer is sought in")
    parser.add_argument("--label", metavar="COLUMN", help="labels, tags or answers (default: guessed)")
    parser.add_argument(
        "--labels", nargs="+", default=[], metavar="VALUE=LABEL", help="which value in the data is which label"
    )
    parser.add_argument("--limit", type=int, metavar="N", help="take N rows, evenly over the file")
    parser.add_argument(
        "--metric", metavar="NAME", help=f"what decides: {listed()} (default: GLUE's for its tasks, else the first)"
    )
    add_answering(parser)


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
        _log.info(f"warning: {text}")
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
    _log.info(f"{done.comparison.reference.metric} drops by {done.drop_points:.2f} points, beyond {max_drop:.2f}")
    return 1
