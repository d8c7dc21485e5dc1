"""Normalisations: softmax, and those by mean and variance."""

import math
from collections.abc import Callable, Mapping

import numpy as np

from runtimes.mil.datatypes import Array
from runtimes.mil.numerics import Rounding
from runtimes.mil.ops.shape import integers

# MIL's defaults.
_EPSILON = np.float32(1e-5)
_L2_EPSILON = np.float32(1e-6)


def softmax(rounded: Rounding, x: Array, axis: Array | int = -1) -> Array:
    """Return exp(x) / Σexp(x) along `axis`, shifted by the largest element so that it cannot overflow."""
    along = int(axis)
    powers = rounded(np.exp(rounded(x - x.max(along, keepdims=True))))
    return powers / rounded(powers.sum(along, keepdims=True))


def _standardise(rounded: Rounding, x: Array, axes: tuple[int, ...], epsilon: Array | np.float32) -> Array:
    """Return (x − mean) / √(variance + epsilon), both over `axes`; the variance is the biased one."""
    count = np.float32(1 / math.prod(x.shape[axis] for axis in axes))
    centred = rounded(x - rounded(x.sum(axes, keepdims=True) * count))
    variance = rounded(rounded(centred * centred).sum(axes, keepdims=True) * count)
    return centred * rounded(np.reciprocal(np.sqrt(variance + epsilon)))


def layer_norm(
    rounded: Rounding,
    x: Array,
    axes: Array | None = None,
    gamma: Array | None = None,
    beta: Array | None = None,
    epsilon: Array | np.float32 = _EPSILON,
) -> Array:
    """Standardise over `axes`, then · gamma + beta, both of shape x.shape[axes]. Ba, Kiros and Hinton, 2016."""
    along = tuple(range(x.ndim) if axes is None else (axis % x.ndim for axis in integers(axes)))
    sizes = [x.shape[axis] if axis in along else 1 for axis in range(x.ndim)]
    return _scaled(rounded, _standardise(rounded, x, along, epsilon), gamma, beta, sizes)


def batch_norm(
    rounded: Rounding,
    x: Array,
    mean: Array,
    variance: Array,
    gamma: Array | None = None,
    beta: Array | None = None,
    epsilon: Array | np.float32 = _EPSILON,
) -> Array:
    """Return (x − mean) / √(variance + epsilon) · gamma + beta, per channel. x (N, C, *D), the rest (C,)."""
    sizes = [1, -1, *[1] * (x.ndim - 2)]
    centred = rounded(x - mean.reshape(sizes))
    deviation = rounded(np.sqrt(variance + epsilon)).reshape(sizes)
    return _scaled(rounded, centred / deviation, gamma, beta, sizes)


def instance_norm(
    rounded: Rounding,
    x: Array,
    gamma: Array | None = None,
    beta: Array | None = None,
    epsilon: Array | np.float32 = _EPSILON,
) -> Array:
    """Standardise every channel of every entry over its spatial axes, then · gamma + beta. x (N, C, *D), gamma (C,)."""
    standard = _standardise(rounded, x, tuple(range(2, x.ndim)), epsilon)
    return _scaled(rounded, standard, gamma, beta, [1, -1, *[1] * (x.ndim - 2)])


def _scaled(rounded: Rounding, x: Array, gamma: Array | None, beta: Array | None, sizes: list[int]) -> Array:
    """Return x · gamma + beta; whichever is last is left to be rounded as the result."""
    if gamma is not None:
        x = rounded(x) * gamma.reshape(sizes)
    return x if beta is None else rounded(x) + beta.reshape(sizes)


def l2_norm(rounded: Rounding, x: Array, epsilon: Array | np.float32 = _L2_EPSILON) -> Array:
    """Return x / √(Σx² + epsilon), the sum over the last three axes."""
    total = rounded(rounded(x * x).sum((-3, -2, -1), keepdims=True) + epsilon)
    return x * rounded(np.reciprocal(np.sqrt(total)))


NORMALISATIONS: Mapping[str, Callable[..., Array]] = {
    "batch_norm": batch_norm,
    "instance_norm": instance_norm,
    "l2_norm": l2_norm,
    "layer_norm": layer_norm,
    "softmax": softmax,
}
