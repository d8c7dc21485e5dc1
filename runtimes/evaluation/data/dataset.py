"""Reading labelled rows as examples and gold answers."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runtimes.bundle.reading import sha256
from runtimes.errors import UsageError
from runtimes.evaluation.data import golds
from runtimes.evaluation.data.columns import Choice, Columns, choose_columns
from runtimes.evaluation.data.examples import Example
from runtimes.evaluation.data.table import Table, read_table
from runtimes.evaluation.problems import Problem
from runtimes.evaluation.ranking import deciding, judge


@dataclass(frozen=True)
class DataFile:
    """What the user says of the data: `labels` maps cells to labels, `limit` is the most rows to take.

    Of rows that belong together all are taken or none, and of one query at least.
    """

    path: Path
    form: str | None = None
    choice: Choice = field(default_factory=Choice)
    labels: Mapping[str, str] = field(default_factory=dict)
    limit: int | None = None


@dataclass(frozen=True)
class Dataset:
    """Examples, what is right in each, and in words how the file was read.

    `groups` numbers for each row what it stands or falls with: its query, or itself alone.
    """

    file: DataFile
    sha256: str
    rows_in_file: int
    columns: Columns
    notes: tuple[str, ...]
    examples: list[Example]
    golds: list[Any]
    groups: list[int]


def read_dataset(file: DataFile, problem: Problem, labels: tuple[str, ...]) -> Dataset:
    """Read the file for a problem and a model's labels. Raises UsageError for all that is wrong with it.

    Labels are understood from the whole file; `limit` rows are then taken evenly over it, for files are often sorted.
    """
    if file.limit is not None and file.limit < 1:
        raise UsageError(f"--limit {file.limit}: expected 1 row or more")
    table = read_table(file.path, problem.names.all, file.choice.given, file.form)

    def labelled(cells: Any) -> bool:
        try:
            problem.golds([[cell] for cell in cells], labels, file.labels)
        except UsageError:
            return False
        return True

    classes = labels if problem.golds is golds.many_labels else ()
    columns = choose_columns(table, problem.names, file.choice, labelled, classes)
    right = _golds(table, columns, problem, labels, file)
    examples = _examples(table, columns, problem, right.values)
    rows = _grouped(table, examples, right) if problem.grouped else _each_alone(right)
    taken = _spread(rows.groups, file.limit)
    return Dataset(
        file,
        sha256(file.path),
        len(examples),
        columns,
        (*table.notes, columns.said(), rows.said),
        [examples[rows.numbers[at]] for at in taken],
        [rows.golds[at] for at in taken],
        [rows.groups[at] for at in taken],
    )


@dataclass(frozen=True)
class _Rows:
    """Rows that count, by their numbers in the file: what is right in each, its group, and how that came in words."""

    numbers: Sequence[int]
    golds: Sequence[Any]
    groups: Sequence[int]
    said: str


def _each_alone(right: golds.Golds) -> _Rows:
    every = range(len(right.values))
    return _Rows(every, right.values, every, right.said)


def _grouped(table: Table, examples: Sequence[Example], right: golds.Golds) -> _Rows:
    judged = judge([str(example.first) for example in examples], right.values)
    try:
        numbers, said = deciding(judged)
    except UsageError as error:
        raise UsageError(f"{table.path}: {error}") from error
    kept = [judged[at] for at in numbers]
    return _Rows(numbers, kept, [gold.query for gold in kept], f"{right.said}; {said}")


def _golds(table: Table, columns: Columns, problem: Problem, labels: tuple[str, ...], file: DataFile) -> golds.Golds:
    cells = [_cells(table, name) for name in columns.labels]
    try:
        return problem.golds(list(zip(*cells, strict=True)), labels, file.labels)
    except UsageError as error:
        named = ", ".join(map(repr, columns.labels))
        place = f", line {table.lines[error.row]}" if isinstance(error, golds.CellError) else ""
        raise UsageError(f"{table.path}{place}, label column {named}: {error}") from error


def _examples(table: Table, columns: Columns, problem: Problem, right: list[Any]) -> list[Example]:
    texts = list(zip(*(_cells(table, name) for name in columns.texts), strict=True))
    seconds = [None] * len(texts) if columns.second is None else _cells(table, columns.second)
    answerable = not problem.only_second or all(gold != [""] for gold in right)
    examples = []
    for line, parts, second, gold in zip(table.lines, texts, seconds, right, strict=True):
        try:
            first = golds.texts_of_words(parts[0]) if problem.words else columns.join.join(map(_text, parts))
            if problem.words and len(first) != len(gold):
                raise UsageError(f"{len(first)} words and {len(gold)} labels; give each word one")
            examples.append(Example(first, None if second is None else _text(second), line, answerable))
        except UsageError as error:
            raise UsageError(f"{table.path}, line {line}: {error}") from error
    return examples


def _cells(table: Table, name: str) -> list[Any]:
    cells = table.column(name)
    for line, cell in zip(table.lines, cells, strict=True):
        if cell is None:
            raise UsageError(f"{table.path}, line {line}: no {name!r}, which the first line has; correct it")
    return cells


def _text(cell: Any) -> str:
    if isinstance(cell, list | dict) or cell != cell:
        raise UsageError(f"expected text, found {str(cell)[:60]!r}; name another column with --text")
    return str(cell)


def _spread(groups: Sequence[int], limit: int | None) -> list[int]:
    """Numbers of `limit` rows at most, of whole groups evenly over all, one group at least; all without a limit."""
    most, sizes = min(len(groups), limit or len(groups)), Counter(groups)
    wanted = max(1, most * len(sizes) // len(groups))
    while wanted > 1 and sum(sizes[one] for one in _evenly(list(sizes), wanted)) > most:
        wanted -= 1
    taken = set(_evenly(list(sizes), wanted))
    return [at for at, group in enumerate(groups) if group in taken]


def _evenly(groups: Sequence[int], wanted: int) -> list[int]:
    return [groups[len(groups) * at // wanted] for at in range(wanted)]
