"""Reading a flatbuffer within bounds: tables, vectors and texts of a file that may say anything.

A table begins with how far before it its vtable lies; a vtable is its own size, the table's, and for each slot where in
the table its field is, 0 for none (all uint16). A vector is a count and its elements, a text a vector of bytes with a 0
behind. Offsets to both are counted from where they stand. Nothing is followed beyond the file, and what is made of it
is bounded: a vector of a million offsets to one table is a few bytes of a file each, and an object each here.
"""

import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from runtimes.errors import BundleError
from runtimes.tflite.model import Array

MOST_COPIED = 1 << 24
"""Bytes of texts and small vectors, and _TABLE_BYTES for each table: several times what 24 layers in 6 lengths take."""
_TABLE_BYTES = 192
_INT = struct.Struct("<i")
_UINT = struct.Struct("<I")
_VTABLE = struct.Struct("<HH")
_KINDS = {
    "Bool": struct.Struct("<?"),
    "Int8": struct.Struct("<b"),
    "Uint8": struct.Struct("<B"),
    "Int32": _INT,
    "Uint32": _UINT,
    "Float32": struct.Struct("<f"),
    "Uint64": struct.Struct("<Q"),
}
_WIDEST = 8
"""Bytes of the largest scalar: what a runtime may read of a field whose kind we do not know."""


class VTable(NamedTuple):
    """Bytes of a table, where in it each slot's field is (0: nowhere), and the slots that are stored."""

    size: int
    offsets: tuple[int, ...]
    stored: frozenset[int]


class FlatBuffer:
    """The bytes of a file, uint8, and how much may still be made of them."""

    def __init__(self, path: Path, content: Array) -> None:
        self.path, self.content, self.view = path, content, content.data
        self._end, self._left = len(content), MOST_COPIED
        self._vtables: dict[int, VTable] = {}

    def root(self, identifier: bytes) -> "Table":
        """The table that the file begins with. Raises BundleError for a file of another kind."""
        if self._end < 8 or self.view[4:8] != identifier:
            raise self.refused("no file that begins as a .tflite does")
        return Table(self, self.target(0))

    def require(self, at: int, size: int, align: int = 1) -> None:
        """Raise BundleError unless `size` bytes are there from `at` on, at a multiple of `align`."""
        if at < 0 or at + size > self._end:
            raise self.refused(f"{size:,} bytes are said to be at {at:,}, and the file has {self._end:,}")
        if at % align:
            raise self.refused(f"what is at {at:,} should be at a multiple of {align}")

    def target(self, at: int) -> int:
        """Where the offset that stands at `at` leads."""
        self.require(at, 4, 4)
        return at + int(_UINT.unpack_from(self.view, at)[0])

    def vector(self, at: int, size: int) -> tuple[int, int]:
        """Start and count of the vector at `at`, whose elements have `size` bytes, all within the file."""
        self.require(at, 4, 4)
        (count,) = _UINT.unpack_from(self.view, at)
        self.require(at + 4, count * size, size)
        return at + 4, count

    def spend(self, size: int) -> None:
        """Raise BundleError once too much is made of the file."""
        self._left -= size
        if self._left < 0:
            raise self.refused("more tables, names and lists than any encoder has")

    def vtable(self, at: int) -> "VTable":
        """What is at `at`; many tables share one."""
        if at not in self._vtables:
            self.require(at, 4, 2)
            size, table_size = _VTABLE.unpack_from(self.view, at)
            if size < 4 or size % 2 or table_size < 4:
                raise self.refused(f"no table is described at {at:,}")
            self.require(at, size)
            self.spend(size)
            offsets = struct.unpack_from(f"<{(size - 4) // 2}H", self.view, at + 4)
            stored = frozenset(slot for slot, offset in enumerate(offsets) if offset)
            self._vtables[at] = VTable(table_size, offsets, stored)
        return self._vtables[at]

    def refused(self, reason: str) -> BundleError:
        """The error to raise."""
        return BundleError(f"{self.path}: {reason}; the .tflite file is damaged, export it again")


class Table:
    """One table; fields by slot, and what is not stored is None, empty, or the default given."""

    __slots__ = ("_at", "_file", "_offsets", "_size", "stored")

    def __init__(self, file: FlatBuffer, at: int) -> None:
        file.require(at, 4, 4)
        file.spend(_TABLE_BYTES)
        self._file, self._at = file, at
        self._size, self._offsets, self.stored = file.vtable(at - _INT.unpack_from(file.view, at)[0])
        file.require(at, self._size)

    def _field(self, slot: int, size: int) -> int:
        """Where the field lies, with `size` bytes of the table; 0 where it is not stored."""
        offset = self._offsets[slot] if slot < len(self._offsets) else 0
        if offset == 0:
            return 0
        if offset < 4 or offset + size > self._size or (self._at + offset) % size:
            raise self._file.refused(f"a field of the table at {self._at:,} is not within it")
        return self._at + offset

    def scalar(self, slot: int, kind: str, default: Any = 0) -> Any:
        """A number of a kind of flatbuffers'."""
        form = _KINDS[kind]
        at = self._field(slot, form.size)
        return form.unpack_from(self._file.view, at)[0] if at else default

    def table(self, slot: int) -> "Table | None":
        """A table that this one refers to."""
        at = self._field(slot, 4)
        return Table(self._file, self._file.target(at)) if at else None

    def tables(self, slot: int) -> "Iterator[Table]":
        """A vector of tables."""
        at = self._field(slot, 4)
        if at:
            start, count = self._file.vector(self._file.target(at), 4)
            for place in range(start, start + 4 * count, 4):
                yield Table(self._file, self._file.target(place))

    def numbers(self, slot: int, dtype: str) -> Array:
        """A vector of numbers: a view of the file."""
        at = self._field(slot, 4)
        item = np.dtype(dtype).newbyteorder("<")
        start, count = self._file.vector(self._file.target(at), item.itemsize) if at else (0, 0)
        return self._file.content[start : start + count * item.itemsize].view(item)

    def data(self, slot: int) -> tuple[int, Array]:
        """A vector of bytes, and where in the file it begins."""
        at = self._field(slot, 4)
        start, count = self._file.vector(self._file.target(at), 1) if at else (0, 0)
        return start, self._file.content[start : start + count]

    def ints(self, slot: int) -> tuple[int, ...]:
        """A vector of int32, copied."""
        at = self._field(slot, 4)
        if not at:
            return ()
        start, count = self._file.vector(self._file.target(at), 4)
        self._file.spend(4 * count)
        return struct.unpack_from(f"<{count}i", self._file.view, start)

    def text(self, slot: int) -> str:
        """A text. Raises BundleError for what is no UTF-8, or has no end where C would look for it."""
        start, raw = self.data(slot)
        if not start:
            return ""
        self._file.require(start, len(raw) + 1)
        self._file.spend(len(raw))
        content = self._file.view[start : start + len(raw) + 1].tobytes()
        if content.find(b"\0") != len(raw):
            raise self._file.refused(f"the text at {start:,} does not end where it should")
        try:
            return content[:-1].decode()
        except UnicodeDecodeError as error:
            raise self._file.refused(f"the text at {start:,} is no UTF-8") from error

    def require_only(self, what: str, known: frozenset[int], names: Mapping[int, str]) -> None:
        """Refuse any other slot: a runtime may follow it where we do not. `names` are those of some."""
        if not self.stored <= known:
            strange = min(self.stored - known)
            field = names.get(strange, f"the field {strange}")
            raise self._file.refused(f"{what} has {field}, which bertport does not read")

    def raw(self, slot: int) -> int:
        """A field of a kind that is not known, as an integer: what lies between it and the next one, or the end."""
        at = self._field(slot, 1)
        self._file.require(at, _WIDEST)
        offset = self._offsets[slot]
        end = min([one for one in self._offsets if one > offset], default=self._size)
        return int.from_bytes(self._file.view[at : at + min(end - offset, _WIDEST)], "little")
