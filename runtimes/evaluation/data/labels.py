"""Mapping labels in the data to the model's: by name, by integers from 0 or 1, or as the user says.

A mapping is told in words, and where the data cannot decide it, it is asked for: labels silently shifted by one make a
good model look broken, and two swapped ones a broken export look good.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runtimes.errors import UsageError

_INTEGER = re.compile(r"(-?\d+)(\.0+)?", re.ASCII)
_SHOWN = 8


@dataclass(frozen=True)
class LabelMap:
    """Cell → number of the model's label; `said` tells how that came about."""

    numbers: Mapping[str, int]
    said: str

    def number(self, cell: Any) -> int:
        """The label of one of the cells that the map was made from."""
        return self.numbers[spelled(cell)]


def spelled(cell: Any) -> str:
    """A cell as a label: without blanks around it, a whole number without its fraction."""
    text = str(cell).strip()
    whole = _INTEGER.fullmatch(text)
    return str(int(whole[1])) if whole else text


def map_labels(cells: Iterable[Any], labels: Sequence[str], given: Mapping[str, str]) -> LabelMap:
    """Map every distinct cell; `given` is what the user said, cell → label or its number.

    Raises UsageError where a cell is no label of the model's, or may be one of two.
    """
    found = sorted({spelled(cell) for cell in cells}, key=_in_order)
    if "" in found:
        raise UsageError(f"a row without a label; expected one of {_listed(labels)}")
    if given:
        return _as_given(found, labels, given)
    by_name = _by_name(found, labels)
    if by_name is not None:
        return LabelMap(by_name, "labels by their names")
    if all(_INTEGER.fullmatch(text) for text in found):
        return _by_number([int(text) for text in found], labels)
    own = {label.casefold() for label in labels}
    strange = [text for text in found if text.casefold() not in own]
    raise UsageError(
        f"labels that the model does not have: {_listed(strange)}; it has {_listed(labels)}; "
        f"say which is which with --labels {strange[0]}={labels[0]} …"
    )


def parse_given(texts: Sequence[str]) -> dict[str, str]:
    """`--labels VALUE=LABEL …` → {VALUE: LABEL}. Raises UsageError for what has no `=`, or is said twice."""
    pairs = [text.rpartition("=") for text in texts]
    wrong = [text for text, (value, _, label) in zip(texts, pairs, strict=True) if not value or not label]
    if wrong:
        raise UsageError(f"--labels {wrong[0]}: expected VALUE=LABEL, as in --labels 1=World 2=Sports")
    found = {spelled(value): label.strip() for value, _, label in pairs}
    if len(found) != len(pairs):
        raise UsageError("--labels: a value given twice; give each one label")
    return found


def _in_order(text: str) -> tuple[bool, int, str]:
    whole = _INTEGER.fullmatch(text)
    return (whole is None, int(whole[1]) if whole else 0, text)


def _as_given(found: Sequence[str], labels: Sequence[str], given: Mapping[str, str]) -> LabelMap:
    unsaid = [text for text in found if text not in given]
    if unsaid:
        raise UsageError(f"--labels: nothing said of {_listed(unsaid)}, which the data has; add VALUE=LABEL for each")
    return LabelMap({text: _label(text, given[text], labels) for text in found}, "labels as --labels says")


def _label(value: str, label: str, labels: Sequence[str]) -> int:
    """A label's number from its name, or from the number itself."""
    by_name = _by_name([label], labels)
    if by_name is not None:
        return by_name[label]
    if label.isascii() and label.isdigit() and int(label) < len(labels):
        return int(label)
    raise UsageError(f"--labels {value}={label}: the model has no such label; it has {_listed(labels)}")


def _by_name(found: Sequence[str], labels: Sequence[str]) -> dict[str, int] | None:
    """By equal names, else by names that differ in case; None where one has no or two such labels."""
    exact = {label.strip(): number for number, label in enumerate(labels)}
    if all(text in exact for text in found):
        return {text: exact[text] for text in found}
    folded = {label.strip().casefold(): number for number, label in enumerate(labels)}
    if len(folded) == len(labels) and all(text.casefold() in folded for text in found):
        return {text: folded[text.casefold()] for text in found}
    return None


def _by_number(found: Sequence[int], labels: Sequence[str]) -> LabelMap:
    """0-based where there is a 0, 1-based where the number of labels is itself a label; neither: ask."""
    count = len(labels)
    low, high = min(found), max(found)
    if low < 0 or high > count or (low == 0 and high == count):
        raise UsageError(
            f"labels {_listed(list(map(str, found)))}, where the model has {count} ({_listed(labels)}); "
            "expected their names, or whole numbers from 0 or from 1; or say which is which with --labels"
        )
    if low > 0 and high < count:
        raise UsageError(
            f"labels {_listed(list(map(str, found)))} may count from 0 or from 1; say with --labels which is which, "
            f"as in --labels {low}={labels[low]}"
        )
    base = 0 if low == 0 else 1
    listed = _listed([f"{number + base} = {label}" for number, label in enumerate(labels)])
    return LabelMap({str(number): number - base for number in found}, f"labels are numbers from {base}: {listed}")


def _listed(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return ", ".join(texts[:_SHOWN]) + more
