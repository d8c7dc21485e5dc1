"""Operations that move elements without changing them: shapes, axes, joining and splitting."""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from runtimes.mil.datatypes import Array


def integers(values: Array) -> list[int]:
    """Return an integer constant, scalar or vector, as a list."""
    return [int(value) for value in np.atleast_1d(values)]


def identity(x: Array) -> Array:
    """Return x itself."""
    return x


def shape(x: Array) -> Array:
    """Return the sizes of x's axes; shape (rank,)."""
    return np.array(x.shape, np.int32)


def reshape(x: Array, shape: Array) -> Array:
    """Return x in a new shape; −1 is worked out, 0 keeps x's own size at that axis."""
    sizes = integers(shape)
    return np.reshape(x, [x.shape[axis] if size == 0 and x.size else size for axis, size in enumerate(sizes)])


def reshape_like(
    x: Array, ref_tensors: Sequence[Array], begins: Sequence[Array], ends: Sequence[Array], end_masks: Sequence[Array]
) -> Array:
    """Return x in the shape that is put together from parts of the reference tensors' shapes."""
    sizes: list[int] = []
    for reference, begin, end, to_the_end in zip(ref_tensors, begins, ends, end_masks, strict=True):
        sizes += reference.shape[int(begin) : None if to_the_end else int(end)]
    return np.reshape(x, sizes)


def flatten2d(x: Array, axis: Array | int = 1) -> Array:
    """Return x as a matrix: the axes before `axis`, and the rest."""
    rows = math.prod(x.shape[: int(axis)])
    return np.reshape(x, (rows, -1 if x.size else 0))


def transpose(x: Array, perm: Array) -> Array:
    """Return x with its axes in the order `perm`."""
    return np.transpose(x, integers(perm))


def expand_dims(x: Array, axes: Array) -> Array:
    """Return x with axes of size 1 at the positions `axes` of the result."""
    return np.expand_dims(x, tuple(integers(axes)))


def squeeze(x: Array, axes: Array | None = None) -> Array:
    """Return x without the axes of size 1 named in `axes`, or without all of them."""
    return np.squeeze(x, None if axes is None else tuple(integers(axes)))


def concat(values: Sequence[Array], axis: Array, interleave: Array | bool = False) -> Array:
    """Return the tensors joined along `axis`; interleaved: first slices of all, then second slices, and so on."""
    parts = [np.atleast_1d(value) for value in values]
    if not interleave:
        return np.concatenate(parts, int(axis))
    along = int(axis) % parts[0].ndim
    sizes = list(parts[0].shape)
    sizes[along] *= len(parts)
    return np.stack(parts, along + 1).reshape(sizes)


def stack(values: Sequence[Array], axis: Array) -> Array:
    """Return the tensors joined along a new axis."""
    return np.stack(values, int(axis))


def split(
    x: Array, axis: Array, num_splits: Array | None = None, split_sizes: Array | None = None
) -> tuple[Array, ...]:
    """Return x cut along `axis` into equal parts, or into parts of the given sizes."""
    if split_sizes is None:
        if num_splits is None:
            raise ValueError("neither num_splits nor split_sizes given")
        return tuple(np.split(x, int(num_splits), int(axis)))
    sizes = integers(split_sizes)
    if sum(sizes) != x.shape[int(axis)]:
        raise ValueError(f"split sizes {sizes} for an axis of {x.shape[int(axis)]}")
    return tuple(np.split(x, np.cumsum(sizes)[:-1], int(axis)))


def tile(x: Array, reps: Array) -> Array:
    """Return x repeated `reps` times along each axis."""
    return np.tile(x, integers(reps))


def reverse(x: Array, axes: Array | None = None) -> Array:
    """Return x backwards along `axes`, or along all."""
    return np.flip(x, None if axes is None else tuple(integers(axes)))


def pad(x: Array, pad: Array, mode: Array | str = "constant", constant_val: Array | float = 0.0) -> Array:
    """Return x with elements added before and after its last axes; `pad` holds (before, after) for each."""
    pairs = np.reshape(pad, (-1, 2)).tolist()
    widths = [[0, 0]] * (x.ndim - len(pairs)) + pairs
    match str(mode):
        case "constant":
            return np.pad(x, widths, constant_values=constant_val)
        case "reflect":
            return np.pad(x, widths, mode="reflect")
        case "replicate":
            return np.pad(x, widths, mode="edge")
        case other:
            raise ValueError(f"pad mode {other}")


SHAPE: Mapping[str, Callable[..., Array | tuple[Array, ...]]] = {
    "concat": concat,
    "expand_dims": expand_dims,
    "flatten2d": flatten2d,
    "identity": identity,
    "pad": pad,
    "reshape": reshape,
    "reshape_like": reshape_like,
    "reverse": reverse,
    "shape": shape,
    "split": split,
    "squeeze": squeeze,
    "stack": stack,
    "tile": tile,
    "transpose": transpose,
}
