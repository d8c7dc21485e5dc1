"""A file of labelled rows → `Table`: CSV, TSV or JSON Lines, plain or gzip, UTF-8.

What cannot be read whole is refused with the line that is wrong: a row dropped or shifted in silence would change a
figure that someone decides by.
"""

import csv
import gzip
import io
import json
import sys
import zlib
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from exporter.errors import UsageError

FORMATS = {".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl"}
"""What a file's name says of its format, with or without .gz after it."""
_GZIP = b"\x1f\x8b"
_LONGEST_NAME = 64
_PART_BYTES = 1 << 20
MAX_TABLE_BYTES = 500_000_000
"""Of a file of rows, unpacked."""
_UNPACKED_BYTES, _UNPACKED_RATIO = 64_000_000, 30
"""What gzip may unpack to: so many bytes, or so many times the file. Text becomes three to ten times smaller by it."""


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
    text = decoded(path, unpacked(path))
    if form == "jsonl":
        table = _json_lines(path, text)
    else:
        cells, lines, notes = _tab_separated(path, text) if form == "tsv" else _comma_separated(path, text)
        table = _with_header(path, cells, lines, notes, known, given)
    if not table.rows:
        raise UsageError(f"{path}: no rows; expected one labelled text a row")
    return table


def _form(path: Path) -> str:
    name = path.name.lower().removesuffix(".gz")
    form = FORMATS.get(Path(name).suffix)
    if form is None:
        raise UsageError(f"{path}: expected a name that ends in {', '.join(FORMATS)} (.gz after it); or pass --format")
    return form


def unpacked(path: Path) -> bytes:
    """A file's bytes, out of gzip where they are in it. Raises UsageError for what cannot be read."""
    try:
        with path.open("rb") as file:  # which may be a pipe
            content = _bounded(path, file)
        if content[:2] == _GZIP:
            with gzip.GzipFile(fileobj=io.BytesIO(content)) as packed:
                return _bounded(path, packed, max(_UNPACKED_BYTES, _UNPACKED_RATIO * len(content)))
    except EOFError as error:
        raise UsageError(f"{path}: a gzip file that ends early; fetch it again") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise UsageError(f"{path}: a damaged gzip file ({error}); fetch it again") from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror or error}); pass a file of labelled rows") from error
    if path.suffix.lower() == ".gz" and content:
        raise UsageError(f"{path}: called .gz, but not gzip; unpack or rename it")
    return content


def _bounded(path: Path, file: IO[bytes] | gzip.GzipFile, most_bytes: int = MAX_TABLE_BYTES) -> bytes:
    """What can be read, bounded: a megabyte of gzip may hold a gigabyte of zeros."""
    parts, left_bytes = [], min(most_bytes, MAX_TABLE_BYTES)
    while part := file.read(_PART_BYTES):
        left_bytes -= len(part)
        if left_bytes < 0:
            raise UsageError(f"{path}: more than {most_bytes:,} bytes of rows; split it, or take a part of it")
        parts.append(part)
    return b"".join(parts)


def decoded(path: Path, content: bytes) -> str:
    """UTF-8 as text. Raises UsageError with the line that is none."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UsageError(
            f"{path}, line {line}: expected UTF-8, found byte 0x{content[error.start]:02x}; convert the file"
        ) from error


Cells = tuple[list[list[str]], list[int], tuple[str, ...]]
"""Rows of cells, the lines they begin on, and notes."""


def _comma_separated(path: Path, text: str) -> Cells:
    rows, lines = _parsed(path, text, delimiter=",", quoting=csv.QUOTE_MINIMAL)
    _check_widths(path, rows, lines)
    return rows, lines, ()


def _tab_separated(path: Path, text: str) -> Cells:
    """GLUE's files quote nothing, a quote is a quote; those of spreadsheets quote as CSV does."""
    rows, lines = _parsed(path, text, delimiter="\t", quoting=csv.QUOTE_NONE)
    if len({len(row) for row in rows}) > 1 and '"' in text:
        try:
            quoted, their_lines = _parsed(path, text, delimiter="\t", quoting=csv.QUOTE_MINIMAL)
            _check_widths(path, quoted, their_lines)
        except UsageError:
            pass  # told below, of the file as it is usually written
        else:
            return quoted, their_lines, ("quotes taken as CSV's, for only so has every row the same cells",)
    _check_widths(path, rows, lines)
    return rows, lines, ()


def _parsed(path: Path, text: str, delimiter: str, quoting: Any) -> tuple[list[list[str]], list[int]]:
    rows, lines, before = [], [], 0
    with _cells_of_any_size():
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quoting=quoting, strict=True)
        try:
            for row in reader:
                if row:
                    rows.append(row)
                    lines.append(before + 1)
                before = reader.line_num
        except csv.Error as error:
            raise UsageError(f"{path}, line {before + 1}: quotes that do not match ({error}); correct it") from error
    return rows, lines


@contextmanager
def _cells_of_any_size() -> Iterator[None]:
    """`csv` refuses cells beyond 131,072 characters, by a setting of the whole process."""
    before = csv.field_size_limit(sys.maxsize)
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


def _json_lines(path: Path, text: str) -> Table:
    objects, lines = [], []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            objects.append(_json_object(path, number, line))
            lines.append(number)
    columns = tuple(objects[0]) if objects else ()
    return Table(path, columns, [[row.get(name) for name in columns] for row in objects], lines, True)


def _json_object(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        found = json.loads(line, object_pairs_hook=_without_twins)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}, line {number}: expected one JSON object a line ({error})") from error
    if not isinstance(found, dict):
        raise UsageError(f"{path}, line {number}: expected one JSON object a line, found {type(found).__name__}")
    return found


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name twice")
    return found
