"""Quantisation of activations: float to integer and back while the program runs (iOS 17)."""

from collections.abc import Callable, Mapping

import numpy as np

from runtimes.mil.datatypes import BY_NAME, Array


def per_axis(parameter: Array, axis: Array | int | None, rank: int) -> Array:
    """Return a scale or zero point shaped to broadcast: a vector lies along `axis` of a tensor of `rank` axes."""
    if parameter.ndim == 0:
        return parameter
    if axis is None:
        raise ValueError("a vector of scales without an axis")
    sizes = [1] * rank
    sizes[int(axis)] = -1
    return parameter.reshape(sizes)


def quantize(
    input: Array,  # noqa: A002 -- MIL's own name
    scale: Array,
    output_dtype: Array,
    zero_point: Array | None = None,
    axis: Array | None = None,
) -> Array:
    """Return clip(round(input / scale) + zero_point) in the type named `output_dtype`; halves go to even."""
    limits = np.iinfo(BY_NAME[str(output_dtype)].dtype)
    levels = np.rint(input / per_axis(scale, axis, input.ndim))
    if zero_point is not None:
        levels = levels + per_axis(zero_point, axis, input.ndim).astype(np.float32)
    return np.clip(levels, limits.min, limits.max).astype(limits.dtype)


def dequantize(
    input: Array,  # noqa: A002 -- MIL's own name
    scale: Array,
    zero_point: Array | None = None,
    axis: Array | None = None,
) -> Array:
    """Return scale · (input − zero_point)."""
    levels = input.astype(np.float32)
    if zero_point is not None:
        levels = levels - per_axis(zero_point, axis, input.ndim).astype(np.float32)
    return levels * per_axis(scale, axis, input.ndim)


QUANTIZATION: Mapping[str, Callable[..., Array]] = {"dequantize": dequantize, "quantize": quantize}
