"""The constants of a saved .tflite file by name, as an audit of encoded weights asks for them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from exporter.model.ops import Array
from runtimes.tflite.model import Model, Quantization, Tensor
from runtimes.tflite.reading import read_model
from runtimes.tflite.schema import TYPES

_SHARED_BYTE = "int4"
_TYPES = {name: np.dtype(name) for name in TYPES if name != _SHARED_BYTE}


@dataclass(frozen=True)
class StoredTensor:
    """A constant; `content` are its little-endian bytes, a view of the file. Of int4 two share a byte."""

    dtype: "np.dtype[np.generic]"
    shape: tuple[int, ...]
    content: Array

    def read(self, first: int = 0, end: int | None = None) -> Array:
        """Its values, or some rows of them: the first axis from `first` to `end`."""
        values = self.content.view(self.dtype.newbyteorder("<")).reshape(self.shape)
        return (values[first:end] if self.shape else values).astype(self.dtype, copy=False)


@dataclass(frozen=True)
class StoredModel:
    """A file with its constants by name, and the number of the buffer of each.

    Scales that a file has beside its integers, and not as a tensor, are among them: those of `NAME.int8` as
    `NAME.scale`, those of `NAME.int4`, which are chosen in float16, as `NAME.scale.float16`.
    """

    model: Model
    tensors: Mapping[str, StoredTensor]
    buffers: Mapping[str, int]


def open_model(path: Path) -> StoredModel:
    """Read the graphs of the model at `path`, of weights where they lie. Raises BundleError as `read_model` does."""
    model = read_model(path)
    constants = [one for graph in model.subgraphs for one in graph.tensors if one.buffer]
    tensors: dict[str, StoredTensor] = {}
    buffers: dict[str, int] = {}
    beside: dict[str, StoredTensor] = {}
    for one in constants:  # of several graphs the first has what the others are held against
        for found, names in ((_tensors(one, model.buffers[one.buffer]), tensors), (_scales(one), beside)):
            for name, tensor in found:
                names.setdefault(name, tensor)
        buffers.setdefault(one.name, one.buffer)
    return StoredModel(model, beside | tensors, buffers)


def _tensors(one: Tensor, content: Array) -> Iterator[tuple[str, StoredTensor]]:
    """The constant itself; nothing of a type that bertport does not write."""
    if one.dtype in _TYPES:
        yield one.name, StoredTensor(_TYPES[one.dtype], one.shape, content)
    elif one.dtype == _SHARED_BYTE:
        *rows, width = one.shape or (0,)
        shape = (len(content),) if width % 2 else (*rows, width // 2)
        yield one.name, StoredTensor(np.dtype(np.uint8), shape, content)


def _scales(one: Tensor) -> Iterator[tuple[str, StoredTensor]]:
    """The scales of its rows, where it has some."""
    name, _, kind = one.name.rpartition(".")
    if one.quantization is None or one.quantization.block_scales is not None:
        return
    if kind == "int8":
        scale = one.quantization.scale.astype("<f4", copy=False)
        yield f"{name}.scale", StoredTensor(np.dtype(np.float32), (len(scale), 1), scale.view(np.uint8))
    elif kind == "int4":
        yield f"{name}.scale.float16", _as_chosen(one.quantization)


def _as_chosen(how: Quantization) -> StoredTensor:
    """Scales in float16, or as they are where one of them is no float16."""
    with np.errstate(over="ignore"):
        half = how.scale.astype("<f2")
    stored = half if np.array_equal(half.astype(np.float32), how.scale, equal_nan=True) else how.scale.astype("<f4")
    return StoredTensor(stored.dtype.newbyteorder("="), stored.shape, stored.view(np.uint8))
