"""Reading a file of texts, labelled or not, as texts alone.

Plain text holds one a line; of a table the columns are taken that evaluation would take, without its labels.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from runtimes.errors import UsageError
from runtimes.evaluation.data.cells import looks_structured, read_cell
from runtimes.evaluation.data.columns import Names
from runtimes.evaluation.data.lines import MAX_ROWS, opened
from runtimes.evaluation.data.table import FORMATS, Table, read_table
from runtimes.evaluation.problems import PROBLEMS

LABELLED_ROWS = 300
"""Of a table, for a comparison with PyTorch: minutes of the interpreter, and an interval of two points."""
_TEXT_SHARE = 0.5
"""A column without a name is of texts where so many of its cells hold a blank: labels and numbers do not."""


def read_texts(path: Path) -> tuple[str, ...]:
    """The texts of a file: a tab parts the two of a pair, and only those.

    Raises UsageError for a file that is missing, damaged or without text, and for a table none of whose columns are
    known to hold any.
    """
    plain = Path(path.name.lower().removesuffix(".gz")).suffix not in FORMATS
    texts = read_plain(path) if plain else tuple(text for text in _texts_of(_table(path)) if text.strip())
    if not texts:
        raise UsageError(f"{path}: holds no text; give one a line, or a table with a column of texts")
    return texts


def table_of(path: Path) -> Table | None:
    """The table that a file is by its name and the columns that its first line names; None for plain text.

    Tab-parted pairs are plain text, too, whatever the file is called.
    """
    form = FORMATS.get(Path(path.name.lower().removesuffix(".gz")).suffix)
    if form is None:
        return None
    with opened(path) as lines:
        first = next((line for _, line in lines() if line.strip()), "")
    cells = first.strip().split("\t" if form == "tsv" else ",")
    named = {cell.strip().strip('"').casefold() for cell in cells} & _names()
    return _table(path) if form == "jsonl" or named else None


def battery_texts(path: Path) -> tuple[str, ...]:
    """The texts of a file to compare on: all lines of plain text, and of a table so many rows, evenly over it.

    Raises UsageError as `read_texts`.
    """
    table = table_of(path)
    if table is None:
        return read_plain(path)
    found = [text for text in _texts_of(table) if text.strip()]
    taken = min(len(found), LABELLED_ROWS)
    return tuple(found[len(found) * at // taken] for at in range(taken))


def read_plain(path: Path) -> tuple[str, ...]:
    """The lines of a file that hold anything, without their ends. Raises UsageError for one that cannot be read."""
    texts = []
    with opened(path) as lines:
        for _, line in lines():
            if line.strip():
                texts.append(line.rstrip("\r\n"))
            if len(texts) > MAX_ROWS:
                raise UsageError(f"{path}: more than {MAX_ROWS:,} texts; split it, or take a part of it")
    return tuple(texts)


def _table(path: Path) -> Table:
    return read_table(path, _names())


def _names() -> frozenset[str]:
    """Of columns, all that are known to any problem."""
    return frozenset(name for problem in PROBLEMS.values() for name in problem.names.all)


def _texts_of(table: Table) -> list[str]:
    """Each row's text: columns without names are joined by a blank, the two texts of a pair by a tab."""
    pair = _pair(table)
    columns = pair or _columns(table)
    rows = zip(*(table.column(name) for name in columns), strict=True)
    return [("\t" if pair else " ").join(map(_text, row)) for row in rows]


def _pair(table: Table) -> tuple[str, ...]:
    own = {name.casefold(): name for name in table.columns}
    pairs = [pair for names in _known() for pair in names.pairs if all(name in own for name in pair)]
    return (own[pairs[0][0]], own[pairs[0][1]]) if pairs else ()


def _columns(table: Table) -> tuple[str, ...]:
    own = {name.casefold(): name for name in table.columns}
    named = [own[name] for names in _known() for name in names.texts if name in own]
    found = tuple(named[:1]) or tuple(name for name in table.columns if _holds_texts(table.column(name)))
    if not found:
        listed = ", ".join(map(repr, table.columns))
        raise UsageError(f"{table.path}: which column is the text? Call it 'text', out of {listed}; or give plain text")
    return found


def _known() -> Sequence[Names]:
    return [problem.names for problem in PROBLEMS.values()]


def _holds_texts(cells: Sequence[Any]) -> bool:
    return sum(" " in _text(cell).strip() for cell in cells) >= _TEXT_SHARE * len(cells)


def _text(cell: Any) -> str:
    """A cell on one line; a list of words as text, anything else as it is written."""
    if isinstance(cell, str) and looks_structured(cell):
        cell = _words(cell)
    words = map(str, cell) if isinstance(cell, list) else [] if cell is None else [str(cell)]
    return " ".join(" ".join(words).split())


def _words(cell: str) -> Any:
    """A list of words that a text spells; the text itself where it spells something else, or nothing."""
    try:
        found = read_cell(cell)
    except ValueError:
        return cell
    return found if isinstance(found, list) and found and all(isinstance(one, str) for one in found) else cell
