"""Reading a saved ONNX model lazily: weights stay in the file until their rows are asked for.

Protocol Buffers encoding: a field is a tag, (number << 3) | wire type, and a value; of a field that comes twice the
last one counts, or for messages both, one after the other. Numbers are those of onnx.proto.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from math import prod
from pathlib import Path
from typing import BinaryIO

import numpy as np
import onnx
from onnx import TensorProto, helper

from exporter.model.ops import Array

_GRAPH, _INITIALIZER, _RAW_DATA = 7, 5, 9
_VARINT, _WIDE, _BYTES, _NARROW = 0, 1, 2, 5
_MOST_BESIDE_BYTES = 64_000_000
"""Of all that is no raw data of a weight: nodes, names, shapes. The largest graph of ours has a thousandth of that."""


@dataclass(frozen=True)
class StoredTensor:
    """An initializer, read when asked for: `start` is where its little-endian values begin in the file."""

    path: Path
    dtype: "np.dtype[np.generic]"
    shape: tuple[int, ...]
    start: int

    def read(self, first: int = 0, end: int | None = None) -> Array:
        """Its values, or some rows of them: the first axis from `first` to `end`."""
        if not self.shape:
            return self._values(0, 1).reshape(())
        stop = self.shape[0] if end is None else min(end, self.shape[0])
        width = prod(self.shape[1:])
        return self._values(first * width, (stop - first) * width).reshape(stop - first, *self.shape[1:])

    def _values(self, at: int, count: int) -> Array:
        stored = self.dtype.newbyteorder("<")
        with self.path.open("rb") as file:
            file.seek(self.start + at * self.dtype.itemsize)
            content = file.read(count * self.dtype.itemsize)
        return np.frombuffer(content, stored, count).astype(self.dtype, copy=False)


@dataclass(frozen=True)
class StoredModel:
    """A saved model: its graph without initializers, these by name, and the names that come twice."""

    model: onnx.ModelProto
    tensors: Mapping[str, StoredTensor]
    repeated: tuple[str, ...]


def open_model(path: Path) -> StoredModel:
    """Read the graph of the model at `path`. Raises ValueError with the reason for what is no such file."""
    try:
        with path.open("rb") as file:
            return _read(path, file)
    except (ValueError, MemoryError):
        raise
    except Exception as error:  # protobuf's DecodeError is not part of its public names
        raise ValueError(str(error)) from error


def _read(path: Path, file: BinaryIO) -> StoredModel:
    rest, graph, found = BytesIO(), BytesIO(), []
    for number, start, end, whole in _fields(file, 0, path.stat().st_size):
        if number != _GRAPH:
            _keep(file, whole, end, rest)
            continue
        for inner, body, stop, opening in _fields(file, start, end):
            if inner == _INITIALIZER:
                found.append(_tensor(path, file, body, stop))
            else:
                _keep(file, opening, stop, graph)
    model = onnx.ModelProto.FromString(rest.getvalue())
    model.graph.MergeFromString(graph.getvalue())
    counts = Counter(name for name, _ in found)
    return StoredModel(model, dict(found), tuple(sorted(name for name, number in counts.items() if number > 1)))


def _tensor(path: Path, file: BinaryIO, start: int, end: int) -> tuple[str, StoredTensor]:
    """An initializer's name and where its values lie."""
    head, raw = BytesIO(), None
    for number, body, stop, opening in _fields(file, start, end):
        if number == _RAW_DATA:
            raw = (body, stop)
        else:
            _keep(file, opening, stop, head)
    proto = TensorProto.FromString(head.getvalue())
    if proto.data_location == TensorProto.EXTERNAL or raw is None:
        raise ValueError(f"tensor {proto.name}: expected its values in the file as raw data; export again")
    dtype, shape = np.dtype(helper.tensor_dtype_to_np_dtype(proto.data_type)), tuple(proto.dims)
    if any(size < 0 for size in shape) or raw[1] - raw[0] != prod(shape) * dtype.itemsize:
        raise ValueError(f"tensor {proto.name}: {raw[1] - raw[0]:,} bytes for a shape of {list(shape)}; export again")
    return proto.name, StoredTensor(path, dtype, shape, raw[0])


def _fields(file: BinaryIO, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Number, start and end of the value, and start of the whole field, of each field of a message."""
    at = start
    while at < end:
        file.seek(at)
        tag = _varint(file)
        kind = tag & 7
        if kind == _BYTES:
            size = _varint(file)
            body = file.tell()
        else:
            body = file.tell()
            size = _size(file, kind)
        if body + size > end:
            raise ValueError(f"a field at byte {at:,} goes beyond its message; export again")
        yield tag >> 3, body, body + size, at
        at = body + size


def _size(file: BinaryIO, kind: int) -> int:
    """Bytes of a value that has no length of its own."""
    if kind == _VARINT:
        before = file.tell()
        _varint(file)
        return file.tell() - before
    if kind not in (_WIDE, _NARROW):
        raise ValueError(f"a field of wire type {kind}, which no ONNX file has; export again")
    return 8 if kind == _WIDE else 4


def _varint(file: BinaryIO) -> int:
    value = 0
    for shift in range(0, 70, 7):
        byte = file.read(1)
        if not byte:
            raise ValueError("the file ends within a field; export again")
        value |= (byte[0] & 127) << shift
        if byte[0] < 128:
            return value
    raise ValueError("a number of more than ten bytes; export again")


def _keep(file: BinaryIO, start: int, end: int, kept: BytesIO) -> None:
    if kept.tell() + end - start > _MOST_BESIDE_BYTES:
        raise ValueError(f"more than {_MOST_BESIDE_BYTES:,} bytes beside the weights; export again")
    file.seek(start)
    kept.write(file.read(end - start))
