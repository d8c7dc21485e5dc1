"""Choosing the columns of a table: named by the user, or guessed by the names that data sets use."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from runtimes.errors import UsageError
from runtimes.evaluation.data.table import Table


@dataclass(frozen=True)
class Names:
    """The column names (in lower case) that are taken without being asked, the likeliest first.

    `pairs` are (text, second text); `second_needed`: the problem reads two texts.
    """

    texts: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...]
    labels: tuple[str, ...]
    second_needed: bool = False

    @property
    def all(self) -> frozenset[str]:
        """Every name that marks a header."""
        return frozenset([*self.texts, *self.labels, *(name for pair in self.pairs for name in pair)])


@dataclass(frozen=True)
class Choice:
    """What the user named: `texts` are joined by `join`; empty or None is to be guessed."""

    texts: tuple[str, ...] = ()
    second: str | None = None
    label: str | None = None
    join: str = " "

    @property
    def given(self) -> tuple[str, ...]:
        """The columns named."""
        return (*self.texts, *(name for name in (self.second, self.label) if name is not None))


@dataclass(frozen=True)
class Columns:
    """What is read. `labels` are several where each label has a column of its own, of 0 and 1."""

    texts: tuple[str, ...]
    second: str | None
    labels: tuple[str, ...]
    join: str

    def said(self) -> str:
        """The choice in words."""
        text = f" joined by {self.join!r} ".join(map(repr, self.texts))
        second = f", second text {self.second!r}" if self.second is not None else ""
        return f"text {text}{second}, label {', '.join(map(repr, self.labels))}"


def choose_columns(
    table: Table, names: Names, choice: Choice, labelled: Callable[[Sequence[Any]], bool], classes: Sequence[str] = ()
) -> Columns:
    """Settle on columns; `labelled` tells whether the cells of one are labels of the model.

    `classes` are labels that may have a column each. Raises UsageError for a name that is not there, and where no guess
    is safe.
    """
    unknown = [name for name in choice.given if name not in table.columns]
    if unknown:
        raise UsageError(f"{table.path}: no column {', '.join(map(repr, unknown))}; it has {_listed(table)}")
    labels = (choice.label,) if choice.label is not None else _labels(table, names, choice, labelled, classes)
    texts, second = _texts(table, names, choice, labels)
    if set(texts) & {*labels, second} or second in labels:
        raise UsageError(f"{table.path}: one column cannot be text and label; name them apart with --text and --label")
    return Columns(texts, second, labels, choice.join)


def _labels(
    table: Table,
    names: Names,
    choice: Choice,
    labelled: Callable[[Sequence[Any]], bool],
    classes: Sequence[str],
) -> tuple[str, ...]:
    own = {name.casefold(): name for name in table.columns}
    if classes and all(label.casefold() in own for label in classes):
        return tuple(own[label.casefold()] for label in classes)
    named = [own[name] for name in names.labels if name in own]
    if named:
        return (named[0],)
    free = [name for name in table.columns if name not in choice.given]
    fitting = [name for name in free if labelled(table.column(name))]
    if len(fitting) != 1:
        found = f"{len(fitting)} could be: {', '.join(fitting)}" if fitting else "no column holds the model's labels"
        raise UsageError(
            f"{table.path}: which column is the label? {found}; name it with --label, out of {_listed(table)}"
        )
    return (fitting[0],)


def _texts(table: Table, names: Names, choice: Choice, labels: tuple[str, ...]) -> tuple[tuple[str, ...], str | None]:
    if choice.texts and (choice.second or not names.second_needed):
        return choice.texts, choice.second
    own = {name.casefold(): name for name in table.columns if name not in labels}
    pairs = [(own[first], own[second]) for first, second in names.pairs if first in own and second in own]
    if pairs and not choice.given:
        return (pairs[0][0],), pairs[0][1]
    if names.second_needed:
        asked = "which columns are the two texts? Name them with --text and --text-pair"
        raise UsageError(f"{table.path}: {asked}, out of {_listed(table)}")
    free = [name for name in own.values() if name != choice.second]
    if not table.header and free:
        return tuple(free), choice.second  # AG News, DBpedia, Yelp as published: label, then title and text
    named = [own[name] for name in names.texts if own.get(name) in free]
    if not named and len(free) != 1:
        raise UsageError(f"{table.path}: which column is the text? Name it with --text, out of {_listed(table)}")
    return ((named or free)[0],), choice.second


def _listed(table: Table) -> str:
    return ", ".join(map(repr, table.columns))
