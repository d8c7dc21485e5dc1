"""Reading MLIR bytecode from left to right within bounds: numbers, bytes, texts, sections.

A number takes one to nine bytes: as many zero bits as the first byte begins with from below are the bytes that follow.
A section is a letter, a length and so many bytes; with the letter's high bit set an alignment comes between, and bytes
0xCB up to it. (MLIR's documentation, "MLIR Bytecode Format", version 6.)
"""

from pathlib import Path
from typing import NamedTuple

from runtimes.errors import BundleError

_ALIGNED = 0x80
_FILLER = 0xCB
_MOST_ALIGNMENT = 1 << 16


class Span(NamedTuple):
    """Where in the file something lies."""

    start: int
    end: int


class Cursor:
    """A place in the bytes of `path`, and the end that nothing is read beyond. Raises BundleError there."""

    __slots__ = ("at", "end", "path", "view")

    def __init__(self, path: Path, view: memoryview, span: Span | None = None) -> None:
        self.path, self.view = path, view
        self.at, self.end = span or Span(0, len(view))

    @property
    def left(self) -> int:
        """Bytes up to the end."""
        return self.end - self.at

    def within(self, span: Span) -> "Cursor":
        """Another one for a part of the file."""
        return Cursor(self.path, self.view, span)

    def skip(self, size: int) -> Span:
        """Pass so many bytes; where they lie."""
        if size > self.left:
            raise self.refused(f"{size:,} bytes are said to be at {self.at:,}, and {self.left:,} are left")
        self.at += size
        return Span(self.at - size, self.at)

    def byte(self) -> int:
        """One byte."""
        self.skip(1)
        return self.view[self.at - 1]

    def number(self) -> int:
        """A number below 2⁶⁴."""
        first = self.byte()
        if first & 1:
            return first >> 1
        more = 8 if first == 0 else (first & -first).bit_length() - 1
        start, end = self.skip(more)
        rest = int.from_bytes(self.view[start:end], "little")
        return rest if first == 0 else (first | rest << 8) >> more + 1

    def signed(self) -> int:
        """A number whose lowest bit is its sign."""
        number = self.number()
        return number >> 1 ^ -(number & 1)

    def flagged(self) -> tuple[int, bool]:
        """A number, and what its lowest bit says besides."""
        number = self.number()
        return number >> 1, bool(number & 1)

    def count(self, least_bytes: int = 1) -> int:
        """How many entries follow, each of at least so many bytes."""
        number = self.number()
        if number * least_bytes > self.left:
            raise self.refused(f"{number:,} entries are said to be at {self.at:,}, and {self.left:,} bytes are left")
        return number

    def text(self) -> str:
        """A text that ends with 0."""
        start = self.at
        while self.byte():
            pass
        return self.decoded(Span(start, self.at - 1))

    def decoded(self, span: Span) -> str:
        """A text that lies somewhere. Raises BundleError for what is no UTF-8."""
        try:
            return bytes(self.view[span.start : span.end]).decode()
        except UnicodeDecodeError as error:
            raise self.refused(f"the text at {span.start:,} is no UTF-8") from error

    def align(self, to: int) -> None:
        """Pass what fills the file up to a multiple of `to`."""
        if to & to - 1 or not 0 < to <= _MOST_ALIGNMENT:
            raise self.refused(f"an alignment of {to:,} at {self.at:,}")
        while self.at % to:
            if self.byte() != _FILLER:
                raise self.refused(f"what is at {self.at - 1:,} should fill the file up to a multiple of {to:,}")

    def section(self) -> tuple[int, Span]:
        """Number of the section that begins here, and where its content lies; the cursor is behind it then."""
        letter, size = self.byte(), self.number()
        if letter & _ALIGNED:
            self.align(self.number())
        return letter & ~_ALIGNED, self.skip(size)

    def refused(self, reason: str) -> BundleError:
        """The error to raise."""
        return BundleError(f"{self.path}: {reason}; the program is damaged, export it again")
