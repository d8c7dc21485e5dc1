"""Operations that pick elements: gathers and slices. An index outside its axis is always an error here.

On a device such an index reads whatever is there unless `validate_indices` is set; a check that stays silent about it
would be worth nothing, so the parameter changes nothing. Negative indices count from the end.
"""

import math
from collections.abc import Callable, Mapping

import numpy as np

from runtimes.mil.datatypes import Array
from runtimes.mil.ops.shape import integers


def gather(
    x: Array,
    indices: Array,
    axis: Array | int = 0,
    batch_dims: Array | int = 0,
    validate_indices: Array | bool = False,  # noqa: ARG001 -- always validated, see above
) -> Array:
    """Return the slices of x along `axis`: shape x[:axis] + indices[batch_dims:] + x[axis+1:].

    The first `batch_dims` axes of x and of the indices go together, as in `tf.gather`.
    """
    along, batch_rank = int(axis) % x.ndim, int(batch_dims)
    chosen = np.asarray(indices).astype(np.intp)
    if batch_rank == 0:
        return np.take(x, chosen, axis=along)
    batch = x.shape[:batch_rank]
    flat_x = x.reshape(-1, *x.shape[batch_rank:])
    flat_indices = chosen.reshape(-1, *chosen.shape[batch_rank:])
    rows = [np.take(r, i, axis=along - batch_rank) for r, i in zip(flat_x, flat_indices, strict=True)]
    result = np.stack(rows)
    return result.reshape(*batch, *result.shape[1:])


def gather_along_axis(
    x: Array,
    indices: Array,
    axis: Array | int = 0,
    validate_indices: Array | bool = False,  # noqa: ARG001 -- always validated, see above
) -> Array:
    """Return the elements of x along `axis`, as many as `indices` has; shape of the indices."""
    return np.take_along_axis(x, np.asarray(indices).astype(np.intp), axis=int(axis))


def gather_nd(
    x: Array,
    indices: Array,
    batch_dims: Array | int = 0,
    validate_indices: Array | bool = False,  # noqa: ARG001 -- always validated, see above
) -> Array:
    """Return the slices of x at the coordinates in the last axis of `indices`, as in `tf.gather_nd`.

    Shape indices[:-1] + x[batch_dims + indices[-1]:]; the first `batch_dims` axes of both go together.
    """
    batch_rank = int(batch_dims)
    coordinates = np.moveaxis(np.asarray(indices).astype(np.intp), -1, 0)
    if batch_rank == 0:
        return np.asarray(x[tuple(coordinates)])
    batch = x.shape[:batch_rank]
    flat_x = x.reshape(math.prod(batch), *x.shape[batch_rank:])
    inner = coordinates.shape[1 + batch_rank :]
    flat = coordinates.reshape(len(coordinates), math.prod(batch), *inner)
    entry = np.arange(math.prod(batch)).reshape(-1, *[1] * len(inner))
    result = flat_x[(entry, *flat)]
    return np.asarray(result.reshape(*batch, *result.shape[1:]))


def slice_by_index(
    x: Array,
    begin: Array,
    end: Array,
    stride: Array | None = None,
    begin_mask: Array | None = None,
    end_mask: Array | None = None,
    squeeze_mask: Array | None = None,
) -> Array:
    """Return x[begin:end:stride] on every axis.

    A mask replaces a bound by the axis' own end; the squeeze mask takes one element and drops the axis.

    All parameters have one entry per axis of x.
    """
    unset = np.zeros(x.ndim, bool)
    masks = [unset if mask is None else mask for mask in (begin_mask, end_mask, squeeze_mask)]
    steps = np.ones(x.ndim, int) if stride is None else stride
    axes = zip(begin, end, steps, *masks, strict=True)
    return np.asarray(x[tuple(_pick(*(int(value) for value in axis)) for axis in axes)])


def _pick(begin: int, end: int, step: int, from_start: int, to_end: int, squeezed: int) -> slice | int:
    if squeezed:
        return 0 if from_start else begin
    return slice(None if from_start else begin, None if to_end else end, step)


def slice_by_size(x: Array, begin: Array, size: Array) -> Array:
    """Return `size` elements from `begin` on, along every axis; a size of −1 takes all that follow."""
    bounds = zip(x.shape, integers(begin), integers(size), strict=True)
    return x[tuple(_span(length, first, count) for length, first, count in bounds)]


def _span(length: int, begin: int, size: int) -> slice:
    first = begin % length if begin < 0 else begin
    return slice(first, length if size == -1 else first + size)


def classify(probabilities: Array, classes: Array) -> tuple[Array, Array]:
    """Return the most probable class, and all probabilities in the order of `classes`."""
    values = probabilities.ravel()
    return np.asarray(classes[np.argmax(values)]), values


INDEX: Mapping[str, Callable[..., Array | tuple[Array, ...]]] = {
    "classify": classify,
    "gather": gather,
    "gather_along_axis": gather_along_axis,
    "gather_nd": gather_nd,
    "slice_by_index": slice_by_index,
    "slice_by_size": slice_by_size,
}
