"""Reading a data file line by line: plain or gzip, UTF-8 or UTF-16, within bounds.

Only a line feed, a carriage return or both part lines: U+0085, U+2028, form feeds and their like are text. A file of
64 kB may unpack to 64 MB of line feeds; every bound is told with what to do.
"""

import codecs
import gzip
import io
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from runtimes.errors import BertportError, UsageError

MAX_FILE_BYTES = 500_000_000
"""Of a file of rows, unpacked."""
_UNPACKED_BYTES, _UNPACKED_RATIO = 64_000_000, 30
"""What gzip may unpack to: so many bytes, or so many times the file. Text becomes three to ten times smaller by it."""
MAX_LINES, MAX_ROWS = 5_000_000, 1_500_000
"""Lines, blank ones too, and rows among them."""
MAX_LINE_CHARACTERS = 2_000_000
"""Of a line, and of a cell that spans several."""
MAX_VALUES = 15_000_000
"""Commas and tabs of a file: each may part two cells, or two words in one."""
_GZIP = b"\x1f\x8b"
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""In the order in which they are tried: a mark of UTF-32 begins with one of UTF-16."""
_HEAD_BYTES = 4096
_ESCAPED = range(0xDC80, 0xDD00)
"""What stands for the bytes that are no UTF-8 (PEP 383)."""

Lines = Iterator[tuple[int, str]]
"""The number of each line, from 1, and the line with its end."""


@contextmanager
def opened(path: Path) -> Iterator[Callable[[], Lines]]:
    """Yield a function that reads the file's lines from its beginning, as often as it is called.

    Raises UsageError for what cannot be read, is no text, or is larger than it may be.
    """
    try:
        with _seekable(path) as file:
            yield lambda: _lines(path, file)
    except EOFError as error:
        raise UsageError(f"{path}: a gzip file that ends early; fetch it again") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise UsageError(f"{path}: a damaged gzip file ({error}); fetch it again") from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror or error}); pass a file of rows or texts") from error


@contextmanager
def _seekable(path: Path) -> Iterator[IO[bytes]]:
    """The file itself; of a pipe a copy, as far as it may go."""
    with path.open("rb") as file:
        if path.is_file():
            yield file
            return
        with tempfile.TemporaryFile() as copy:
            shutil.copyfileobj(_Bounded(path, file, MAX_FILE_BYTES), copy)
            yield copy


class _Bounded(io.RawIOBase):
    """Reads no more than so many bytes, and says so where there are more."""

    def __init__(self, path: Path, file: IO[bytes] | gzip.GzipFile, most_bytes: int) -> None:
        self._path, self._file, self._most_bytes, self._left_bytes = path, file, most_bytes, most_bytes

    def readable(self) -> bool:
        """As every file that is read."""
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]  # typeshed's Buffer is 3.12's
        """Fill the buffer. Raises UsageError beyond the bound."""
        content = self._file.read(len(buffer))
        self._left_bytes -= len(content)
        if self._left_bytes < 0:
            raise _too_much(self._path, f"more than {self._most_bytes:,} bytes of rows")
        buffer[: len(content)] = content
        return len(content)


def _lines(path: Path, file: IO[bytes]) -> Lines:
    file.seek(0)
    packed = file.read(len(_GZIP)) == _GZIP
    size_bytes = file.seek(0, io.SEEK_END)
    file.seek(0)
    if not packed:
        if path.suffix.lower() == ".gz" and size_bytes:
            raise UsageError(f"{path}: called .gz, but not gzip; unpack or rename it")
        return _numbered(path, _Bounded(path, file, MAX_FILE_BYTES))
    most_bytes = min(MAX_FILE_BYTES, max(_UNPACKED_BYTES, _UNPACKED_RATIO * size_bytes))
    return _numbered(path, _Bounded(path, gzip.GzipFile(fileobj=file), most_bytes))


def _numbered(path: Path, raw: _Bounded) -> Lines:
    buffered = io.BufferedReader(raw, 1 << 16)
    encoding = _encoding(path, buffered.peek(_HEAD_BYTES)[:_HEAD_BYTES])
    text = io.TextIOWrapper(buffered, encoding, errors="surrogateescape", newline="")
    number, values = 0, 0
    while line := _next(path, text, number):
        number += 1
        values += line.count(",") + line.count("\t")
        if number > MAX_LINES:
            raise _too_much(path, f"more than {MAX_LINES:,} lines")
        if values > MAX_VALUES:
            raise _too_much(path, f"more than {MAX_VALUES:,} cells and elements")
        _check_line(path, number, line)
        yield number, line


def _next(path: Path, text: io.TextIOWrapper, number: int) -> str:
    try:
        return text.readline(MAX_LINE_CHARACTERS + 1)
    except UnicodeError as error:  # UTF-16 and UTF-32 escape nothing
        raise UsageError(f"{path}, after line {number}: damaged {text.encoding} ({error}); save it as UTF-8") from error


def _check_line(path: Path, number: int, line: str) -> None:
    if len(line) > MAX_LINE_CHARACTERS:
        raise _too_much(path, f"line {number} has more than {MAX_LINE_CHARACTERS:,} characters")
    if not line.isascii():
        wrong = next((ord(character) for character in line if ord(character) in _ESCAPED), None)
        if wrong is not None:
            found = f"expected UTF-8, found byte 0x{wrong - 0xDC00:02x}"
            raise UsageError(f"{path}, line {number}: {found}; convert the file")


def _encoding(path: Path, head: bytes) -> str:
    """What the byte order mark says; UTF-8 without one, and no guess where that is none."""
    found = next((encoding for mark, encoding in _MARKS.items() if head.startswith(mark)), None)
    if found is None and _is_wide(head):
        raise UsageError(f"{path}: UTF-16 without a byte order mark, or no text at all; save it as UTF-8")
    return found or "utf-8"


def _is_wide(head: bytes) -> bool:
    """Whether every second byte is (nearly always) zero, as in UTF-16 of a text in Latin letters."""
    few, many = sorted((head[::2].count(0), head[1::2].count(0)))
    return many > 0.4 * len(head) / 2 and few < 0.1 * len(head) / 2


def _too_much(path: Path, found: str) -> BertportError:
    return UsageError(f"{path}: {found}; split it, or take a part of it")
