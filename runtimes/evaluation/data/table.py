"""Reading a table of labelled rows: CSV, TSV or JSON Lines, plain or gzip.

What cannot be read whole is refused with the line that is wrong: a row dropped or shifted in silence would change a
figure that someone decides by. Lines are read one after the other; see `lines` for what is the most of each.
"""

import csv
import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runtimes.errors import UsageError
from runtimes.evaluation.data.lines import MAX_LINE_CHARACTERS, MAX_ROWS, Lines, opened

FORMATS = {".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl"}
"""What a file's name says of its format, with or without .gz after it."""
MAX_COLUMNS = 2_000
_LONGEST_NAME = 64


@dataclass(frozen=True)
class Table:
    """Rows of one width, in the file's order; `lines` are where they begin.

    Cells are strings; of JSON Lines whatever is there, None where the row lacks what the first line has.
    Columns of a file without a header are called 1, 2, 3, …; `notes` say what was taken for what.
    """

    path: Path
    columns: tuple[str, ...]
    rows: list[list[Any]]
    lines: list[int]
    header: bool
    notes: tuple[str, ...] = ()

    def column(self, name: str) -> list[Any]:
        """The cells of one column."""
        at = self.columns.index(name)
        return [row[at] for row in self.rows]


def read_table(path: Path, known: Collection[str], given: Collection[str] = (), form: str | None = None) -> Table:
    """Read the file at `path`; `form` is one of csv, tsv, jsonl, or None for what its name says.

    The first row of a CSV or TSV is a header if it holds one of the `known` names (in lower case) or all names `given`.
    Raises UsageError for what is missing, no text, or not of that form.
    """
    form = form or _form(path)
    with opened(path) as lines:
        if form == "jsonl":
            table = _json_lines(path, lines())
        else:
            cells, numbers, notes = _tab_separated(path, lines) if form == "tsv" else _comma_separated(path, lines)
            table = _with_header(path, cells, numbers, notes, known, given)
    if not table.rows:
        raise UsageError(f"{path}: no rows; expected one labelled text a row")
    return table


def _form(path: Path) -> str:
    name = path.name.lower().removesuffix(".gz")
    form = FORMATS.get(Path(name).suffix)
    if form is None:
        raise UsageError(f"{path}: expected a name that ends in {', '.join(FORMATS)} (.gz after it); or pass --format")
    return form


Cells = tuple[list[list[str]], list[int], tuple[str, ...]]
"""Rows of cells, the lines they begin on, and notes."""


def _comma_separated(path: Path, lines: Callable[[], Lines]) -> Cells:
    rows, numbers = _parsed(path, lines(), delimiter=",", quoting=csv.QUOTE_MINIMAL)
    _check_widths(path, rows, numbers)
    return rows, numbers, ()


def _tab_separated(path: Path, lines: Callable[[], Lines]) -> Cells:
    """GLUE's files quote nothing, a quote is a quote; those of spreadsheets quote as CSV does."""
    rows, numbers = _parsed(path, lines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    if len({len(row) for row in rows}) > 1 and any('"' in cell for row in rows for cell in row):
        try:
            quoted, their_numbers = _parsed(path, lines(), delimiter="\t", quoting=csv.QUOTE_MINIMAL)
            _check_widths(path, quoted, their_numbers)
        except UsageError:
            pass  # told below, of the file as it is usually written
        else:
            return quoted, their_numbers, ("quotes taken as CSV's, for only so has every row the same cells",)
    _check_widths(path, rows, numbers)
    return rows, numbers, ()


def _parsed(path: Path, lines: Lines, delimiter: str, quoting: Any) -> tuple[list[list[str]], list[int]]:
    rows, numbers, before = [], [], 0
    with _long_cells():
        reader = csv.reader((line for _, line in lines), delimiter=delimiter, quoting=quoting, strict=True)
        try:
            for row in reader:
                if row:
                    rows.append(row)
                    numbers.append(before + 1)
                    _check_size(path, len(rows), before + 1, len(row))
                before = reader.line_num
        except csv.Error as error:
            raise UsageError(f"{path}, line {before + 1}: {_said(error)}; correct it") from error
    return rows, numbers


def _said(error: csv.Error) -> str:
    """What is wrong, in words: `csv` has a line for a quote that never ends and one for a cell beyond its limit."""
    if "field limit" in str(error):
        return f"a cell of more than {MAX_LINE_CHARACTERS:,} characters: a quote that never ends, or no row of texts"
    return f"quotes that do not match ({error})"


def _check_size(path: Path, rows: int, line: int, columns: int) -> None:
    if rows > MAX_ROWS:
        raise UsageError(f"{path}: more than {MAX_ROWS:,} rows; split it, or take a part of it")
    if columns > MAX_COLUMNS:
        raise UsageError(
            f"{path}, line {line}: {columns:,} columns, at most {MAX_COLUMNS:,} are read; is it the format that its "
            "name says? See --format"
        )


@contextmanager
def _long_cells() -> Iterator[None]:
    """`csv` refuses cells beyond 131,072 characters, by a setting of the whole process."""
    before = csv.field_size_limit(MAX_LINE_CHARACTERS)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _check_widths(path: Path, rows: list[list[str]], lines: list[int]) -> None:
    for row, line in zip(rows, lines, strict=True):
        if len(row) != len(rows[0]):
            raise UsageError(
                f"{path}, line {line}: {len(row)} cells, where the first line has {len(rows[0])}; correct it"
            )


def _with_header(
    path: Path,
    cells: list[list[str]],
    lines: list[int],
    notes: tuple[str, ...],
    known: Collection[str],
    given: Collection[str],
) -> Table:
    first = [cell.strip() for cell in cells[0]] if cells else []
    if not _is_header(first, known, given):
        columns = tuple(str(number + 1) for number in range(len(first)))
        said = f"no header: columns are called {columns[0]} to {columns[-1]}" if columns else ""
        return Table(path, columns, list(cells), lines, False, (*notes, said))
    _check_columns(path, first)
    return Table(path, tuple(first), list(cells[1:]), lines[1:], True, notes)


def _is_header(first: list[str], known: Collection[str], given: Collection[str]) -> bool:
    if given:
        numbers = {str(number + 1) for number in range(len(first))}
        return set(given) <= set(first) or not set(given) <= numbers
    if any(cell.lower() in known for cell in first):
        return True
    return bool(first) and not any(cell.isdigit() or len(cell) > _LONGEST_NAME or not cell for cell in first)


def _check_columns(path: Path, columns: list[str]) -> None:
    twice = [name for name, count in Counter(columns).items() if count > 1]
    if twice:
        raise UsageError(f"{path}: columns named twice: {', '.join(map(repr, twice))}; rename them")


def _json_lines(path: Path, lines: Lines) -> Table:
    """What the first object has is what every row is asked for."""
    columns: tuple[str, ...] = ()
    rows, numbers = [], []
    for number, line in lines:
        if line.strip():
            found = _json_object(path, number, line)
            columns = columns or tuple(found)
            rows.append([found.get(name) for name in columns])
            numbers.append(number)
            _check_size(path, len(rows), number, len(found))
            if not columns:
                raise UsageError(f"{path}, line {number}: an object without a name in it; expected a labelled text")
    _refuse_document(path, columns, rows)
    return Table(path, columns, rows, numbers, True)


def _refuse_document(path: Path, columns: tuple[str, ...], rows: list[list[Any]]) -> None:
    """SQuAD's own file is one object: its rows are records in a list of it."""
    held = dict(zip(columns, rows[0], strict=True)) if len(rows) == 1 else {}
    for name in ("data", "rows", "examples", "records"):
        if isinstance(held.get(name), list) and all(isinstance(one, dict) for one in held[name]):
            raise UsageError(f"{path}: one JSON document with rows in {name!r}, expected JSON Lines: {_ONE_A_LINE}")


_ONE_A_LINE = 'write one object a line, such as {"text": "…", "label": "…"}; of SQuAD one question, context and answers'


def _json_object(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        found = json.loads(line, object_pairs_hook=_without_twins)
    except (ValueError, RecursionError) as error:
        whole = number == 1 and line.lstrip()[:1] in ("[", "{")
        step = (
            "; a JSON document over several lines, or an array, is no JSON Lines: write one object a line"
            if whole
            else ""
        )
        raise UsageError(f"{path}, line {number}: expected one JSON object a line ({error}){step}") from error
    if not isinstance(found, dict):
        kind = type(found).__name__
        raise UsageError(f"{path}, line {number}: expected one JSON object a line, found {kind}; write it so")
    return found


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name twice")
    return found
