"""An ONNX model → a file, one tensor at a time: building it as one protobuf first takes its size four times over.

Protocol Buffers encoding: a field is a tag, (number << 3) | 2 for what has a length, its length as a varint, its bytes;
fields may come in any order. Numbers are those of onnx.proto.
"""

from collections.abc import Iterator, Sequence
from typing import IO

import numpy as np
import onnx
from onnx import TensorProto, helper

from exporter.encoder.ops import Array

Tensor = tuple[str, Array]
"""A name and its values, in any layout: they are made contiguous when they are written."""

_GRAPH_OF_MODEL, _INITIALIZER_OF_GRAPH, _RAW_DATA_OF_TENSOR = 7, 5, 9


def write(file: IO[bytes], model: onnx.ModelProto, tensors: Sequence[Tensor]) -> None:
    """Write `model`, whose graph has no initializers of its own, with `tensors` as its initializers."""
    graph = model.graph.SerializeToString(deterministic=True)
    rest = onnx.ModelProto()
    rest.CopyFrom(model)
    rest.ClearField("graph")
    heads = [_head(name, values) for name, values in tensors]
    sizes = [len(head) + values.nbytes for head, (_, values) in zip(heads, tensors, strict=True)]
    starts = [_start(_INITIALIZER_OF_GRAPH, size) for size in sizes]
    file.write(rest.SerializeToString(deterministic=True))
    file.write(_start(_GRAPH_OF_MODEL, len(graph) + sum(map(len, starts)) + sum(sizes)))
    file.write(graph)
    for start, head, (_, values) in zip(starts, heads, tensors, strict=True):
        file.write(start + head)
        file.write(_little_endian(values).data)


def _head(name: str, values: Array) -> bytes:
    """A TensorProto up to its values."""
    kind = helper.np_dtype_to_tensor_dtype(values.dtype.newbyteorder("="))
    proto = TensorProto(dims=values.shape, data_type=kind, name=name)
    return bytes(proto.SerializeToString(deterministic=True)) + _start(_RAW_DATA_OF_TENSOR, values.nbytes)


def _start(field: int, size: int) -> bytes:
    return bytes([(field << 3) | 2, *_varint(size)])


def _varint(value: int) -> Iterator[int]:
    """Seven bits a byte, the lowest first; the eighth says that more follow."""
    while value > 127:
        yield value & 127 | 128
        value >>= 7
    yield value


def _little_endian(values: Array) -> Array:
    return np.ascontiguousarray(values).astype(values.dtype.newbyteorder("<"), copy=False)
