"""Writing an ONNX file one tensor at a time, without the whole model as one protobuf.

Protocol Buffers encoding: a field is a tag, (number << 3) | 2 for what has a length, its length as a varint, its bytes;
fields may come in any order. Numbers are those of onnx.proto.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from exporter.model.ops import Array

Tensor = tuple[str, Array]
"""A name and its values, in any layout: they are made contiguous when they are written."""

_GRAPH_OF_MODEL, _INITIALIZER_OF_GRAPH, _RAW_DATA_OF_TENSOR = 7, 5, 9


@dataclass(frozen=True)
class Saved:
    """A model in a file of `size_bytes`: its graph without initializers, and these with where their values start."""

    model: onnx.ModelProto
    tensors: Sequence[Tensor]
    starts: Sequence[int]
    size_bytes: int


def write(file: IO[bytes], model: onnx.ModelProto, tensors: Sequence[Tensor]) -> Saved:
    """Write `model`, whose graph has no initializers of its own, with `tensors` as its initializers."""
    graph = model.graph.SerializeToString(deterministic=True)
    rest = onnx.ModelProto()
    rest.CopyFrom(model)
    rest.ClearField("graph")
    heads = [_head(name, values) for name, values in tensors]
    sizes = [len(head) + values.nbytes for head, (_, values) in zip(heads, tensors, strict=True)]
    openings = [_start(_INITIALIZER_OF_GRAPH, size) for size in sizes]
    total = len(graph) + sum(map(len, openings)) + sum(sizes)
    size = file.write(rest.SerializeToString(deterministic=True) + _start(_GRAPH_OF_MODEL, total) + graph)
    starts = []
    for opening, head, (_, values) in zip(openings, heads, tensors, strict=True):
        size += file.write(opening + head)
        starts.append(size)
        size += file.write(little_endian(values).data)
    return Saved(model, tensors, starts, size)


def read(content: bytes) -> Saved:
    """What `write` gave for a file of this content. Raises ValueError where the tensors lie otherwise."""
    model = onnx.load_from_string(content)
    tensors, starts, end = [], [], 0
    for tensor in model.graph.initializer:
        starts.append(content.index(tensor.raw_data, end))
        end = starts[-1] + len(tensor.raw_data)
        tensors.append((tensor.name, numpy_helper.to_array(tensor)))
    model.graph.ClearField("initializer")
    return Saved(model, tensors, starts, len(content))


def described(name: str, values: Array) -> TensorProto:
    """A tensor without its values."""
    kind = helper.np_dtype_to_tensor_dtype(values.dtype.newbyteorder("="))
    return TensorProto(dims=values.shape, data_type=kind, name=name)


def little_endian(values: Array) -> Array:
    """As the file holds them."""
    return np.ascontiguousarray(values).astype(values.dtype.newbyteorder("<"), copy=False)


def _head(name: str, values: Array) -> bytes:
    """A TensorProto up to its values."""
    head = bytes(described(name, values).SerializeToString(deterministic=True))
    return head + _start(_RAW_DATA_OF_TENSOR, values.nbytes)


def _start(field: int, size: int) -> bytes:
    return bytes([(field << 3) | 2, *_varint(size)])


def _varint(value: int) -> Iterator[int]:
    """Seven bits a byte, the lowest first; the eighth says that more follow."""
    while value > 127:
        yield value & 127 | 128
        value >>= 7
    yield value
