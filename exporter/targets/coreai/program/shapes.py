"""Types and shapes of what Core AI's operations make. Shapes are fixed; reductions keep their axes."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

Shape: TypeAlias = tuple[int, ...]
Kind: TypeAlias = tuple[str, Shape]
"""Element type and shape."""


@dataclass(frozen=True)
class Tensor:
    """A tensor of a graph: its number there, its element type and its shape."""

    number: int
    element: str
    shape: Shape


def _same(x: Tensor, *_: Any, **__: Any) -> Kind:
    return x.element, x.shape


def _broadcast(x: Tensor, y: Any) -> Kind:
    return x.element, np.broadcast_shapes(x.shape, y.shape)


def _compared(x: Tensor, y: Any) -> Kind:
    return "bool", _broadcast(x, y)[1]


def _cast(x: Tensor, dtype: str) -> Kind:
    return dtype, x.shape


def _reduced(x: Tensor, axes: Any) -> Kind:
    return x.element, tuple(1 if axis in axes else size for axis, size in enumerate(x.shape))


def _transposed(x: Tensor, order: Any) -> Kind:
    return x.element, tuple(x.shape[axis] for axis in order)


def _reshaped(x: Tensor, shape: Any) -> Kind:
    if math.prod(x.shape) != math.prod(shape):
        raise ValueError(f"{list(x.shape)} cannot have the shape {list(shape)}")
    return x.element, tuple(int(size) for size in shape)


def _expanded(x: Tensor, axes: Any) -> Kind:
    shape = list(x.shape)
    for axis in sorted(axes):
        shape.insert(axis, 1)
    return x.element, tuple(shape)


def _shrunk(x: Tensor, axes: Any) -> Kind:
    return x.element, tuple(size for axis, size in enumerate(x.shape) if axis not in axes)


def _sliced(x: Tensor, start: Any, end: Any, _strides: Any) -> Kind:
    return x.element, tuple(int(last - first) for first, last in zip(start, end, strict=True))


def _padded(x: Tensor, padding: Any, _value: Any, padding_mode: str) -> Kind:  # noqa: ARG001 - the operation's name
    ends = zip(x.shape, padding[::2], padding[1::2], strict=True)
    return x.element, tuple(int(size + before + after) for size, before, after in ends)


def _concatenated(axis: Any, parts: Sequence[Tensor]) -> Kind:
    shape = list(parts[0].shape)
    shape[int(axis)] = sum(one.shape[int(axis)] for one in parts)
    return parts[0].element, tuple(shape)


def _multiplied(x: Tensor, y: Tensor) -> Kind:
    return x.element, (*x.shape[:-1], y.shape[-1])


def _convolved(x: Tensor, weight: Tensor, _stride: Any, _dilation: Any, _groups: Any) -> Kind:
    return x.element, (x.shape[0], weight.shape[0], *x.shape[2:])  # kernels of 1×1 alone


def _gathered(x: Tensor, indices: Tensor) -> Kind:
    return x.element, (*indices.shape[:-1], *x.shape[indices.shape[-1] :])


def _looked_up(indices: Tensor, table: Tensor, _axis: Any) -> Kind:
    return table.element, indices.shape


def _recovered(data: Tensor, _scale: Any, _zero: Any, offset: Tensor) -> Kind:
    return offset.element, data.shape


RESULTS: Mapping[str, Callable[..., Kind]] = {
    **dict.fromkeys(("abs_", "gelu", "relu", "rsqrt", "scan", "silu", "softmax", "sqrt", "tanh"), _same),
    "add": _same,
    **dict.fromkeys(
        (f"broadcasting_{name}" for name in ("add", "divide", "maximum", "minimum", "mul", "sub")), _broadcast
    ),
    **dict.fromkeys(("reduce_max", "reduce_mean", "reduce_sum"), _reduced),
    "batch_matmul": _multiplied,
    "blockwise_shift_scale": _recovered,
    "broadcasting_not_equal": _compared,
    "cast": _cast,
    "concat": _concatenated,
    "conv2d": _convolved,
    "expand_dims": _expanded,
    "gather_nd": _gathered,
    "lut_to_dense": _looked_up,
    "pad": _padded,
    "reshape": _reshaped,
    "shrink_dims": _shrunk,
    "slice_": _sliced,
    "transpose": _transposed,
}
"""Operation → type and shape of its result."""
