"""Gold answers from label cells, one function for each kind of problem.

A cell that is not certain is an error that shows the cell and the spelling expected; lists and records in text are read
as whatever wrote them spelled them, see `cells`.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runtimes.errors import UsageError
from runtimes.evaluation.data.cells import looks_structured, read_cell, shown
from runtimes.evaluation.data.labels import LabelMap, map_labels, spelled

Cells = Sequence[Sequence[Any]]
"""Of each row the cells of the label columns: one, or one for each label."""
_SAID_ONE_EACH = "a column for each label"
_SAID_ONE_HOT = "a list of 0 and 1 for all labels"
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)


class CellError(UsageError):
    """A cell that is not certain; `row` counts from 0."""

    def __init__(self, row: int, message: str) -> None:
        super().__init__(message)
        self.row = row


@dataclass(frozen=True)
class Golds:
    """What is right in each row, and how the labels were understood."""

    values: list[Any]
    said: str


Reader = Callable[[Cells, Sequence[str], Mapping[str, str]], Golds]
"""Cells, the model's labels, and what the user said of them (`labels.parse_given`) → golds; raises UsageError."""


def one_label(cells: Cells, labels: Sequence[str], given: Mapping[str, str]) -> Golds:
    """A label: its number."""
    single = _each((row[0] for row in cells), _single)
    found = map_labels(single, labels, given)
    return Golds([found.number(cell) for cell in single], found.said)


def many_labels(cells: Cells, labels: Sequence[str], given: Mapping[str, str]) -> Golds:
    """Labels: numbers in order.

    A list of those that hold, names or numbers with commas between, a 0 or 1 for every label in a list, a record or
    columns. Where lists could be both numbers of labels and a 0 or 1 for each, it is asked for.
    """
    if cells and len(cells[0]) > 1:
        return Golds(_each(cells, lambda row: [at for at, cell in enumerate(row) if _is_set(cell)]), _SAID_ONE_EACH)
    rows = _each((row[0] for row in cells), lambda cell: _label_list(cell, labels))
    if _is_one_hot(rows, len(labels)):
        return Golds(_each(rows, lambda row: [at for at, cell in enumerate(row) if _is_set(cell)]), _SAID_ONE_HOT)
    _each(rows, _without_twins)
    found = _map_all(rows, labels, given)
    return Golds([sorted(found.number(label) for label in row) for row in rows], found.said)


def amount(cells: Cells, _labels: Sequence[str], _given: Mapping[str, str]) -> Golds:
    """A number."""
    values = _each((row[0] for row in cells), _number)
    if len(set(values)) < 2:
        raise UsageError("all labels are one number: nothing correlates with that; pass rows of different amounts")
    return Golds(values, "amounts")


def relevances(cells: Cells, _labels: Sequence[str], _given: Mapping[str, str]) -> Golds:
    """How well a text answers its query: a number, 0 for not at all."""
    values = _each((row[0] for row in cells), _relevance)
    if len(set(values)) < 2:
        raise UsageError(
            f"every relevance is {values[0]:g}: any order is as good; pass texts that answer their query and some "
            "that do not"
        )
    return Golds(values, "relevances: 0 for none, more for better")


def word_labels(cells: Cells, labels: Sequence[str], given: Mapping[str, str]) -> Golds:
    """A label for each word: a list, or labels with blanks between."""
    rows = _each((row[0] for row in cells), words)
    found = _map_all(rows, labels, given)
    return Golds([[found.number(label) for label in row] for row in rows], found.said)


def answer_texts(cells: Cells, _labels: Sequence[str], _given: Mapping[str, str]) -> Golds:
    """The right answers: a text, a list of them, or SQuAD's {"text": […]}; none means that there is no answer."""
    return Golds(_each((row[0] for row in cells), _answers), "answers by their text")


def words(cell: Any) -> list[Any]:
    """The words of a row, or their labels: a list, in a text as JSON, Python or numpy spell it, or blanks between."""
    found = structured(cell, '["a", "b"]') if isinstance(cell, str) and looks_structured(cell) else cell
    found = found.split() if isinstance(found, str) else found
    if not isinstance(found, list) or not found:
        raise UsageError(f'expected a list of words or labels as ["a", "b"], or blanks between, found {shown(cell)}')
    strange = next((one for one in found if not isinstance(one, str | int | float) or one != one), None)
    if strange is not None or None in found:
        raise UsageError(f"expected words or labels in a list, found {shown(strange)} in {shown(cell)}")
    return found


def texts_of_words(cell: Any) -> list[str]:
    """The words of a row to read, which are texts."""
    found = words(cell)
    strange = next((word for word in found if not isinstance(word, str)), None)
    if strange is not None:
        raise UsageError(f'expected words as ["a", "b"], found {shown(strange)} in {shown(cell)}; put it in quotes')
    return found


def structured(cell: str, expected: str) -> Any:
    """A text in brackets as what it spells. Raises UsageError with the spelling expected."""
    try:
        return read_cell(cell)
    except ValueError as error:
        raise UsageError(f"expected a list as {expected}, found {shown(cell)} ({error}); write it as JSON") from error


def _each(cells: Iterable[Any], read: Callable[[Any], Any]) -> list[Any]:
    """Every cell read. Raises `CellError` with the row of the first that cannot be."""
    found = []
    for row, cell in enumerate(cells):
        try:
            found.append(read(cell))
        except UsageError as error:
            raise CellError(row, str(error)) from error
    return found


def _map_all(rows: Sequence[Sequence[Any]], labels: Sequence[str], given: Mapping[str, str]) -> LabelMap:
    everything = [label for row in rows for label in row]
    if not everything:
        raise UsageError("no row has a label; pass rows that have some")
    return map_labels(everything, labels, given)


def _single(cell: Any) -> Any:
    """One label; a list of one is that one. Raises UsageError for what may be several, or none."""
    found = structured(cell, "1") if isinstance(cell, str) and looks_structured(cell) else cell
    if isinstance(found, list) and len(found) == 1:
        found = found[0]
    if isinstance(found, list | dict | bool) or found is None or found != found:
        raise UsageError(f"expected one label, its name or its number, found {shown(cell)}")
    return found


def _number(cell: Any) -> float:
    found = structured(cell, "1.5") if isinstance(cell, str) and looks_structured(cell) else cell
    if isinstance(found, list) and len(found) == 1:
        found = found[0]
    if isinstance(found, str) and _NUMBER.fullmatch(found):
        found = float(found)
    if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
        raise UsageError(f"expected a number as label, such as 1.5, for the model gives amounts, found {shown(cell)}")
    return float(found)


def _relevance(cell: Any) -> float:
    found = _number(cell)
    if found < 0:
        raise UsageError(f"expected a relevance of 0 or more, found {shown(cell)}; write 0 for what does not answer")
    return found


def _is_set(cell: Any) -> bool:
    text = spelled(cell).lower()
    if text not in ("0", "1", "true", "false"):
        raise UsageError(f"expected 0 or 1 in a label's column, found {text!r}")
    return text in ("1", "true")


def _label_list(cell: Any, labels: Sequence[str]) -> list[Any]:
    """The labels of a cell, or a 0 or 1 for each of the model's."""
    if isinstance(cell, str):
        if not looks_structured(cell):
            return [part for part in cell.split(",") if part.strip()]
        cell = structured(cell, '["a", "b"]')
    if isinstance(cell, dict) and set(cell) == set(labels):
        cell = [cell[label] for label in labels]
        return [float(_is_set(value)) for value in cell]  # no number of a label is one
    if isinstance(cell, int) and not isinstance(cell, bool):
        return [cell]
    if not isinstance(cell, list) or not all(isinstance(one, str | int | float) and one == one for one in cell):
        raise UsageError(f'expected labels as ["a", "b"], or 0 or 1 for each of {len(labels)}, found {shown(cell)}')
    return cell


def _is_one_hot(rows: Sequence[Sequence[Any]], count: int) -> bool:
    """Whether lists say 0 or 1 for every label, and are no numbers of labels.

    They are where one repeats a number, is of floats or of bools: no list of labels' numbers is so. Raises UsageError
    where nothing tells.
    """
    filled = [row for row in rows if len(row)]
    alike = all(len(row) == count and all(spelled(one).lower() in _FLAGS for one in row) for row in rows)
    if not filled or not alike:
        return False
    if any(isinstance(one, float | bool) for row in rows for one in row) or any(_twins(row) for row in rows):
        return True
    if count == 1 and any(spelled(row[0]) == "1" for row in rows):
        return True
    said = "may be numbers of labels, or a 0 or 1 for each"
    raise UsageError(f'lists such as {shown(list(filled[0]))} {said}; write the labels\' names, as ["a"]')


_FLAGS = ("0", "1", "true", "false")


def _twins(row: Sequence[Any]) -> bool:
    return len({*map(spelled, row)}) < len(row)


def _without_twins(row: Sequence[Any]) -> None:
    if _twins(row):
        raise UsageError(
            f"labels {shown(list(row))}: one twice in a row; expected the labels that hold, or 0 or 1 for each"
        )


def _answers(cell: Any) -> list[str]:
    expected = '{"text": ["…"]}'
    found = structured(cell, expected) if isinstance(cell, str) and looks_structured(cell) else cell
    found = found.get("text") if isinstance(found, dict) else found
    if isinstance(found, list) and found and all(isinstance(one, dict) for one in found):
        found = [one.get("text") for one in found]  # SQuAD's own file has a record for each
    if isinstance(found, str):
        found = [found]
    if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
        raise UsageError(f"expected an answer, a list of them, or {expected}, found {shown(cell)}")
    return found or [""]
