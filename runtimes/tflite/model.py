"""A .tflite model as dataclasses: what a file says, whoever wrote it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
OptionValue = int | float | bool | tuple[int, ...]
FREE = -1
"""A size that the caller sets by resizing an input."""


@dataclass(frozen=True)
class Quantization:
    """How integers stand for floats: q · scale.

    `scale` float32 [channels] runs along `axis`, with a zero point for each; ours are all 0 (None: as many zeros). With
    `block_scales`, the number of a tensor float16 [rows, blocks], each scale is of `block_size` numbers of a row.
    """

    scale: Array
    axis: int = 0
    zero_point: Array | None = None
    block_scales: int | None = None
    block_size: int = 0


@dataclass(frozen=True)
class Tensor:
    """One tensor of a subgraph. `dtype` is a key of `schema.TYPES`; `buffer` the number of its buffer, 0 for none."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    buffer: int = 0
    quantization: Quantization | None = None


@dataclass(frozen=True)
class Node:
    """One operator: tensors by number, −1 for an input left out. `options` are by the names that `schema` has."""

    operator: str
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, OptionValue] = field(default_factory=dict)


@dataclass(frozen=True)
class Subgraph:
    """A graph, with what the caller gives and gets by number."""

    name: str
    tensors: Sequence[Tensor]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    nodes: Sequence[Node]


@dataclass(frozen=True)
class Signature:
    """A subgraph by its key, with names of its inputs and outputs (name → number of the tensor)."""

    key: str
    subgraph: int
    inputs: Mapping[str, int]
    outputs: Mapping[str, int]


@dataclass(frozen=True)
class Model:
    """A file: buffers are shared by its subgraphs, and the first is empty; of a file read they are its bytes, uint8."""

    subgraphs: Sequence[Subgraph]
    signatures: Sequence[Signature]
    buffers: Sequence[Array]
    description: str = ""
    metadata: Mapping[str, bytes] = field(default_factory=dict)

    def values(self, tensor: Tensor) -> Array:
        """The values of a constant, as they are stored: int4 as bytes uint8 [n], everything else in its shape."""
        stored = self.buffers[tensor.buffer]
        if tensor.dtype == "int4":
            return stored
        return stored.view(np.dtype(tensor.dtype).newbyteorder("<")).reshape(tensor.shape)
