"""Label cells → what is right, in the model's numbers; one function for each kind of problem."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from exporter.errors import UsageError
from runtimes.evaluation.labels import LabelMap, map_labels, spelled

Cells = Sequence[Sequence[Any]]
"""Of each row the cells of the label columns: one, or one for each label."""
_SAID_ONE_EACH = "a column for each label"


@dataclass(frozen=True)
class Golds:
    """What is right in each row, and how the labels were understood."""

    values: list[Any]
    said: str


Reader = Callable[[Cells, Sequence[str], Mapping[str, str]], Golds]
"""Cells, the model's labels, and what the user said of them (`labels.parse_given`) → golds; raises UsageError."""


def one_label(cells: Cells, labels: Sequence[str], given: Mapping[str, str]) -> Golds:
    """A label: its number."""
    found = map_labels((row[0] for row in cells), labels, given)
    return Golds([found.number(row[0]) for row in cells], found.said)


def many_labels(cells: Cells, labels: Sequence[str], given: Mapping[str, str]) -> Golds:
    """Labels: numbers in order. A list, names or numbers with commas between, or a column of 0 and 1 for each label."""
    if cells and len(cells[0]) > 1:
        return Golds([[at for at, cell in enumerate(row) if _is_set(cell)] for row in cells], _SAID_ONE_EACH)
    rows = [_parts(row[0]) for row in cells]
    doubled = next((row for row in rows if len({*map(spelled, row)}) < len(row)), None)
    if doubled is not None:
        raise UsageError(f"labels {doubled}: one twice in a row; expected the labels that hold, or a column for each")
    found = _map_all(rows, labels, given)
    return Golds([sorted(found.number(label) for label in row) for row in rows], found.said)


def amount(cells: Cells, _labels: Sequence[str], _given: Mapping[str, str]) -> Golds:
    """A number."""
    try:
        values = [float(row[0]) for row in cells]
    except (TypeError, ValueError) as error:
        raise UsageError(f"expected a number as label, for the model gives amounts ({error})") from error
    if not all(map(math.isfinite, values)):
        raise UsageError("expected a number as label, found NaN or infinity")
    if len(set(values)) < 2:
        raise UsageError("all labels are one number: nothing correlates with that; pass rows of different amounts")
    return Golds(values, "amounts")


def word_labels(cells: Cells, labels: Sequence[str], given: Mapping[str, str]) -> Golds:
    """A label for each word: a list, or labels with blanks between."""
    rows = [words(row[0]) for row in cells]
    found = _map_all(rows, labels, given)
    return Golds([[found.number(label) for label in row] for row in rows], found.said)


def answer_texts(cells: Cells, _labels: Sequence[str], _given: Mapping[str, str]) -> Golds:
    """The right answers: a text, a list of them, or SQuAD's {"text": […]}; none means that there is no answer."""
    return Golds([_answers(row[0]) for row in cells], "answers by their text")


def words(cell: Any) -> list[Any]:
    """The words of a row, or their labels: a list (in a CSV as JSON), or with blanks between."""
    if isinstance(cell, str):
        cell = _json(cell) if cell.lstrip().startswith("[") and cell.rstrip().endswith("]") else cell.split()
    if not isinstance(cell, list) or not cell:
        raise UsageError(f"expected a list of words or labels, found {str(cell)[:60]!r}")
    return cell


def _map_all(rows: Sequence[Sequence[Any]], labels: Sequence[str], given: Mapping[str, str]) -> LabelMap:
    everything = [label for row in rows for label in row]
    if not everything:
        raise UsageError("no row has a label; pass rows that have some")
    return map_labels(everything, labels, given)


def _is_set(cell: Any) -> bool:
    text = spelled(cell).lower()
    if text not in ("0", "1", "true", "false"):
        raise UsageError(f"expected 0 or 1 in a label's column, found {text!r}")
    return text in ("1", "true")


def _parts(cell: Any) -> list[Any]:
    if isinstance(cell, list):
        return cell
    return [part for part in str(cell).split(",") if part.strip()]


def _json(cell: str) -> Any:
    try:
        return json.loads(cell)
    except ValueError:
        return cell.split()


def _answers(cell: Any) -> list[str]:
    if isinstance(cell, dict):
        cell = cell.get("text")
    if isinstance(cell, str):
        cell = [cell]
    if not isinstance(cell, list) or not all(isinstance(text, str) for text in cell):
        raise UsageError(f'expected an answer, a list of them, or {{"text": […]}}, found {str(cell)[:60]!r}')
    return cell or [""]
