"""Compressed weights: the `constexpr_…` operations, decoded once when a program is opened.

iOS 16 forms hold packed bytes and a `shape`; iOS 18 forms hold tensors of sub-byte types, here already unpacked to one
byte each, and may nest: a sparse form feeds `constexpr_sparse_to_dense`.
"""

import math
from collections.abc import Callable, Mapping

import numpy as np

from runtimes.mil.datatypes import BY_NAME, DATA_TYPES, Array, unpack
from runtimes.mil.numerics import widen
from runtimes.mil.ops.quantize import per_axis
from runtimes.mil.ops.shape import integers

_UNSIGNED_BY_BITS = {t.bits: t for t in DATA_TYPES if t.dtype == np.uint8}


def affine_dequantize(quantized_data: Array, zero_point: Array, scale: Array, axis: Array) -> Array:
    """Return scale · (quantized_data − zero_point), parameters per tensor or along `axis`; type of the scale."""
    rank = quantized_data.ndim
    levels = quantized_data.astype(np.float32) - per_axis(zero_point, axis, rank).astype(np.float32)
    return (levels * widen(per_axis(scale, axis, rank))).astype(scale.dtype)


def cast(source_val: Array, output_dtype: Array) -> Array:
    """Return half-precision weights as float32."""
    return source_val.astype(BY_NAME[str(output_dtype)].dtype)


def blockwise_shift_scale(data: Array, scale: Array, offset: Array | None = None) -> Array:
    """Return scale · (data − offset), one scale for each block of shape data.shape / scale.shape; type of the scale."""
    levels = data.astype(np.float32)
    if offset is not None:
        levels -= _spread(offset.astype(np.float32), data.shape)
    return (levels * _spread(widen(scale), data.shape)).astype(scale.dtype)


def _spread(parameter: Array, shape: tuple[int, ...]) -> Array:
    """Repeat each element of a block parameter over its block."""
    for axis, (blocks, size) in enumerate(zip(parameter.shape, shape, strict=True)):
        if size % blocks:
            raise ValueError(f"{blocks} blocks do not divide an axis of {size}")
        if blocks not in (1, size):
            parameter = np.repeat(parameter, size // blocks, axis)
    return parameter


def lut_to_dense(indices: Array, lut: Array, shape: Array | None = None, vector_axis: Array | None = None) -> Array:
    """Return palette entries in place of their indices; type of the palette.

    iOS 16: packed indices (bytes,), one palette (entries,), `shape` of the result. iOS 18: indices (*D), palettes
    (*groups, entries, vector): the groups divide D into blocks with a palette each, and a vector is laid along
    `vector_axis`.
    """
    if shape is not None:
        return _single_palette(indices, lut, tuple(integers(shape)))
    vectors = _palette_rows(indices, lut)  # (*D, vector)
    if lut.shape[-1] == 1:
        return vectors[..., 0]
    if vector_axis is None:
        raise ValueError("a vector palette without vector_axis")
    return _lay_along(vectors, int(vector_axis) % indices.ndim)


def _single_palette(packed: Array, lut: Array, shape: tuple[int, ...]) -> Array:
    bits = (len(lut) - 1).bit_length()
    count = math.prod(shape)
    if len(packed) != (count * bits + 7) // 8:
        raise ValueError(f"{len(packed)} bytes of {bits}-bit indices for shape {shape}")
    return lut[unpack(packed, count, _UNSIGNED_BY_BITS[bits])].reshape(shape)


def _palette_rows(indices: Array, lut: Array) -> Array:
    """Return, for each index, its row of the palette of its group; (*D, vector)."""
    *groups, entries, vector = lut.shape
    rows = lut.reshape(-1, vector)
    if math.prod(groups) == 1:
        return np.asarray(rows[indices])
    group = _spread(np.arange(math.prod(groups)).reshape(groups), indices.shape)  # broadcasts to D
    if indices.size and indices.max() >= entries:
        raise IndexError(f"palette index {indices.max()}, the palettes have {entries} entries")
    return np.asarray(rows[group * entries + indices])


def _lay_along(vectors: Array, axis: int) -> Array:
    """Merge the last axis of (*D, vector) into `axis` of D, each vector in one piece."""
    *sizes, vector = vectors.shape
    sizes[axis] *= vector
    return np.moveaxis(vectors, -1, axis + 1).reshape(sizes)


def sparse_to_dense(nonzero_data: Array, mask: Array, shape: Array | None = None) -> Array:
    """Return the nonzero elements where the mask is set, zero elsewhere. iOS 16: packed mask (bytes,) and `shape`."""
    if shape is not None:
        sizes = integers(shape)
        if len(mask) != (math.prod(sizes) + 7) // 8:
            raise ValueError(f"{len(mask)} bytes of a mask for shape {tuple(sizes)}")
        mask = np.unpackbits(mask, count=math.prod(sizes), bitorder="little").reshape(sizes)
    return _scatter(nonzero_data, mask)


def _scatter(nonzero: Array, mask: Array) -> Array:
    kept = mask.astype(bool)
    if np.count_nonzero(kept) != len(nonzero):
        raise ValueError(f"{len(nonzero)} nonzero elements for a mask that keeps {np.count_nonzero(kept)}")
    dense = np.zeros(mask.shape, nonzero.dtype)
    dense[kept] = nonzero
    return dense


def lut_to_sparse(
    indices_mask: Array, indices_nonzero_data: Array, lut: Array, vector_axis: Array | None = None
) -> tuple[Array, Array]:
    """Return palette entries of a sparse tensor: its mask, widened by the vector, and the entries that it keeps."""
    dense = lut_to_dense(_scatter(indices_nonzero_data, indices_mask), lut, None, vector_axis)
    mask = indices_mask
    if lut.shape[-1] > 1 and vector_axis is not None:
        mask = np.repeat(mask, lut.shape[-1], int(vector_axis))
    return mask, dense[mask.astype(bool)]


def sparse_blockwise_shift_scale(
    data_mask: Array, nonzero_data: Array, scale: Array, offset: Array | None = None
) -> tuple[Array, Array]:
    """Return block scales of a sparse tensor: its mask, and the scaled elements that it keeps."""
    dense = blockwise_shift_scale(_scatter(nonzero_data, data_mask), scale, offset)
    return data_mask, dense[data_mask.astype(bool)]


COMPRESSED: Mapping[str, Callable[..., Array | tuple[Array, ...]]] = {
    "constexpr_affine_dequantize": affine_dequantize,
    "constexpr_blockwise_shift_scale": blockwise_shift_scale,
    "constexpr_cast": cast,
    "constexpr_lut_to_dense": lut_to_dense,
    "constexpr_lut_to_sparse": lut_to_sparse,
    "constexpr_sparse_blockwise_shift_scale": sparse_blockwise_shift_scale,
    "constexpr_sparse_to_dense": sparse_to_dense,
}
