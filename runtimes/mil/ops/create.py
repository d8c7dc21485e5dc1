"""Operations that make tensors from sizes and positions, and those that order elements along an axis."""

from collections.abc import Callable, Mapping

import numpy as np

from runtimes.mil.datatypes import Array
from runtimes.mil.ops.shape import integers


def fill(shape: Array, value: Array | float = 0.0) -> Array:
    """Return a tensor of `shape`, `value` everywhere."""
    return np.full(integers(shape), value)


def fill_like(ref_tensor: Array, value: Array | float = 0.0) -> Array:
    """Return a tensor of the reference's shape, `value` everywhere."""
    return np.full(ref_tensor.shape, value)


def range_1d(start: Array, end: Array, step: Array) -> Array:
    """Return start, start + step, … below end; shape (ceil((end − start) / step),)."""
    return np.arange(start.item(), end.item(), step.item(), dtype=start.dtype)


def one_hot(
    indices: Array,
    one_hot_vector_size: Array,
    axis: Array | int = -1,
    on_value: Array | float = 1,
    off_value: Array | float = 0,
) -> Array:
    """Return `on_value` at each index of a new axis, `off_value` elsewhere."""
    along = int(axis) % (indices.ndim + 1)
    positions = np.arange(int(one_hot_vector_size)).reshape(-1, *[1] * (indices.ndim - along))
    return np.where(np.expand_dims(indices, along) == positions, on_value, off_value)


def band_part(x: Array, lower: Array | int = -1, upper: Array | int = -1) -> Array:
    """Return matrices with `lower` sub-diagonals and `upper` super-diagonals kept; a negative number keeps all."""
    rows, columns = np.ogrid[: x.shape[-2], : x.shape[-1]]
    below = (int(lower) < 0) | (rows - columns <= int(lower))
    above = (int(upper) < 0) | (columns - rows <= int(upper))
    return np.where(below & above, x, np.zeros((), x.dtype))


def non_zero(x: Array) -> Array:
    """Return the coordinates of the elements that are not zero; shape (number, rank)."""
    return np.argwhere(x)


def argsort(x: Array, axis: Array | int = -1, ascending: Array | bool = False) -> Array:
    """Return the positions that would sort x along `axis`; equal elements keep their order."""
    return np.argsort(x if ascending else -x, axis=int(axis), kind="stable")


def topk(
    x: Array,
    k: Array | int = 1,
    axis: Array | int = -1,
    ascending: Array | bool = False,
    sort: Array | bool = True,  # noqa: ARG001 -- sorted is one of the orders that unsorted allows
    return_indices: Array | bool = True,
    output_indices_dtype: Array | str = "int32",  # noqa: ARG001 -- the program declares the result's type
) -> tuple[Array, ...]:
    """Return the k largest elements along `axis` (smallest when ascending) and their positions; k = −1 takes all."""
    order = argsort(x, axis, ascending)
    count = x.shape[int(axis)] if int(k) == -1 else int(k)
    if count > x.shape[int(axis)]:
        raise ValueError(f"the {count:,} largest of {x.shape[int(axis)]:,}")
    positions = np.take(order, np.arange(count), axis=int(axis))
    values = np.take_along_axis(x, positions, axis=int(axis))
    return (values, positions) if return_indices else (values,)


CREATE: Mapping[str, Callable[..., Array | tuple[Array, ...]]] = {
    "argsort": argsort,
    "band_part": band_part,
    "fill": fill,
    "fill_like": fill_like,
    "non_zero": non_zero,
    "one_hot": one_hot,
    "range_1d": range_1d,
    "topk": topk,
}
