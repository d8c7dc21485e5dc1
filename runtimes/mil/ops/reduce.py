"""Reductions over axes, one value for each group of elements, and running sums. All sums are float32 sums."""

from collections.abc import Callable, Mapping

import numpy as np

from runtimes.mil.datatypes import Array
from runtimes.mil.ops.shape import integers


def _reduction(function: Callable[..., Array]) -> Callable[..., Array]:
    def apply(x: Array, axes: Array | None = None, keep_dims: Array | bool = False) -> Array:
        chosen = None if axes is None else tuple(integers(axes))
        return function(x, axis=chosen, keepdims=bool(keep_dims))

    return apply


def _arg_reduction(function: Callable[..., Array]) -> Callable[..., Array]:
    def apply(
        x: Array,
        axis: Array | int = -1,
        keep_dims: Array | bool = False,
        output_dtype: Array | str = "int32",  # noqa: ARG001 -- the program declares the result's type
    ) -> Array:
        return function(x, axis=int(axis), keepdims=bool(keep_dims))

    return apply


def l1_norm(x: Array, axis: tuple[int, ...] | None, keepdims: bool) -> Array:
    """Return Σ|x|."""
    return np.sum(np.abs(x), axis=axis, keepdims=keepdims)


def l2_norm(x: Array, axis: tuple[int, ...] | None, keepdims: bool) -> Array:
    """Return √Σx²."""
    return np.sqrt(sum_square(x, axis, keepdims))


def sum_square(x: Array, axis: tuple[int, ...] | None, keepdims: bool) -> Array:
    """Return Σx²."""
    return np.sum(np.square(x), axis=axis, keepdims=keepdims)


def log_sum(x: Array, axis: tuple[int, ...] | None, keepdims: bool) -> Array:
    """Return ln Σx."""
    return np.asarray(np.log(np.sum(x, axis=axis, keepdims=keepdims)))


def log_sum_exp(x: Array, axis: tuple[int, ...] | None, keepdims: bool) -> Array:
    """Return ln Σexp(x), shifted by the largest element so that it cannot overflow."""
    largest = np.max(x, axis=axis, keepdims=True)
    total = np.log(np.sum(np.exp(x - largest), axis=axis, keepdims=keepdims))
    return np.asarray(total + largest.reshape(total.shape))


def cumsum(x: Array, axis: Array | int = 0, exclusive: Array | bool = False, reverse: Array | bool = False) -> Array:
    """Return running sums along `axis`; exclusive leaves out the element itself, reverse starts at the end."""
    ordered = np.flip(x, int(axis)) if reverse else x
    total = np.cumsum(ordered, int(axis), dtype=x.dtype)
    if exclusive:
        total = total - ordered
    return np.flip(total, int(axis)) if reverse else total


REDUCTIONS: Mapping[str, Callable[..., Array]] = {
    "cumsum": cumsum,
    "reduce_argmax": _arg_reduction(np.argmax),
    "reduce_argmin": _arg_reduction(np.argmin),
    "reduce_l1_norm": _reduction(l1_norm),
    "reduce_l2_norm": _reduction(l2_norm),
    "reduce_log_sum": _reduction(log_sum),
    "reduce_log_sum_exp": _reduction(log_sum_exp),
    "reduce_max": _reduction(np.max),
    "reduce_mean": _reduction(np.mean),
    "reduce_min": _reduction(np.min),
    "reduce_prod": _reduction(np.prod),
    "reduce_sum": _reduction(np.sum),
    "reduce_sum_square": _reduction(sum_square),
}
