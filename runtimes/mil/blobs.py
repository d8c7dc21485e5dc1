"""The weight file of a package, `weights/weight.bin`, memory-mapped.

Layout, all little-endian (coremltools' MILBlob storage format, version 2):

    header   64 bytes   uint32 number of blobs, uint32 version, zeros
    record   64 bytes   uint32 0xDEADBEEF, uint32 type, uint64 bytes, uint64 offset of the data, uint64 unused bits
    data     at a multiple of 64, sub-byte elements packed from the least significant bit

A program names the offset of a record. Everything a record says is held against the file's length and against what
the program expects before any array is made.
"""

import struct
from pathlib import Path

import numpy as np

from runtimes.errors import BundleError
from runtimes.mil.datatypes import Array, DataType, unpack
from runtimes.mil.refusal import refusal

_HEADER = struct.Struct("<II")
_RECORD = struct.Struct("<IIQQQ")
_BLOCK_BYTES = 64
_VERSION = 2
_SENTINEL = 0xDEADBEEF


class BlobFile:
    """One mapped weight file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._bytes = _map(path)
        _, version = _HEADER.unpack(self._bytes[: _HEADER.size].tobytes())
        if version != _VERSION:
            raise refusal(f"{path}: weight file of format {version}, expected {_VERSION}; export the package again")

    def read(self, offset: int, data_type: DataType, count: int) -> Array:
        """Return `count` elements of `data_type` from the record at `offset`; shape (count,), read-only where mapped.

        Raises `BundleError` for a record outside the file, without the sentinel, of another type or another size.
        """
        data = self.raw(offset, data_type, count)
        if data_type.is_packed:
            return unpack(data, count, data_type)
        return data.view(data_type.dtype.newbyteorder("<"))

    def raw(self, offset: int, data_type: DataType, count: int) -> Array:
        """Return the bytes of the same elements as they lie in the file, uint8 (bytes,). Raises as `read`."""
        size_bytes, start = self._record(offset, data_type)
        expected_bytes = (count * data_type.bits + 7) // 8
        if size_bytes != expected_bytes:
            expected = f"expected {expected_bytes} for {count} × {data_type.name}"
            raise self._error(f"blob at {offset} holds {size_bytes} bytes, {expected}")
        return self._bytes[start : start + size_bytes]

    def _record(self, offset: int, data_type: DataType) -> tuple[int, int]:
        """Return (bytes, start) of the data that the record at `offset` describes, both inside the file."""
        self._require_inside(offset, _BLOCK_BYTES, f"blob record at {offset}")
        sentinel, storage, size_bytes, start, _ = _RECORD.unpack(self._bytes[offset : offset + _RECORD.size].tobytes())
        if sentinel != _SENTINEL:
            raise self._error(f"no blob record at {offset}: found {sentinel:#x}, expected {_SENTINEL:#x}")
        if storage != data_type.storage:
            expected = f"expected {data_type.storage} ({data_type.name})"
            raise self._error(f"blob at {offset} has data type {storage}, {expected}")
        self._require_inside(start, size_bytes, f"data of the blob at {offset}")
        return size_bytes, start

    def _require_inside(self, start: int, size_bytes: int, subject: str) -> None:
        if start + size_bytes > len(self._bytes):
            raise self._error(f"{subject} ends at byte {start + size_bytes}, the file has {len(self._bytes)}")

    def _error(self, reason: str) -> BundleError:
        return refusal(f"{self._path}: {reason}; the package is damaged, export it again")


def _map(path: Path) -> Array:
    """Map `path` read-only as uint8; a file shorter than its header is refused."""
    try:
        size_bytes = path.stat().st_size
        if size_bytes < _BLOCK_BYTES:
            raise refusal(f"{path}: {size_bytes} bytes, a weight file has at least {_BLOCK_BYTES}; export again")
        return np.memmap(path, dtype=np.uint8, mode="r").view(np.ndarray)
    except OSError as error:
        reason = error.strerror or error
        raise refusal(f"{path}: weight file cannot be read ({reason}); export the package again") from error
