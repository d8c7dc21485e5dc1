"""Activation functions, and the error function they need. Formulas: coremltools' MIL operation reference."""

import math
from collections.abc import Callable, Mapping

import numpy as np

from runtimes.mil.datatypes import Array
from runtimes.mil.numerics import Rounding

# erf(x) ≈ x·P(x²)/Q(x²) for |x| ≤ 4. Coefficients from the constant term up, fitted for this file: least squares on
# 4,000 Chebyshev nodes, reweighted towards the equal-ripple solution; largest error of the fit 2.2e-8. Beyond 4 the
# value at 4 is within 1.6e-8 of ±1. All coefficients are positive, so no step cancels.
_ERF_LIMIT = 4.0
_ERF_P = (
    1.1283789765451164,
    0.19624761455140927,
    0.05346729116315927,
    0.0040035833725744615,
    0.00028803929892700844,
    1.9748322587583715e-06,
)
_ERF_Q = (
    1.0,
    0.50725107991605,
    0.1164758557765127,
    0.0154443004256754,
    0.0012163432380626917,
    3.748077157311292e-05,
)


def erf(x: Array) -> Array:
    """Return the error function, (2/√π)·∫₀ˣ exp(−t²) dt, within 1e-7 for float32; same type as x.

    Evaluated in float64: Horner's rule in float32 would lose three times that.
    """
    bounded = np.clip(x, -_ERF_LIMIT, _ERF_LIMIT).astype(np.float64)
    squared = bounded * bounded
    bounded *= _polynomial(_ERF_P, squared)
    bounded /= _polynomial(_ERF_Q, squared)
    return bounded.astype(x.dtype)


def _polynomial(coefficients: tuple[float, ...], x: Array) -> Array:
    """Evaluate by Horner's rule, in place and in x's own type."""
    total = np.full_like(x, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        total *= x
        total += coefficient
    return total


def sigmoid(x: Array) -> Array:
    """Return 1 / (1 + exp(−x)), as (1 + tanh(x/2)) / 2, which cannot overflow."""
    half = x.dtype.type(0.5)
    return np.asarray(half * np.tanh(half * x) + half)


def gelu(rounded: Rounding, x: Array, mode: Array | str = "EXACT") -> Array:
    """Return the Gaussian error linear unit x·Φ(x), or one of its two usual approximations.

    EXACT ½x(1 + erf(x/√2)) · TANH_APPROXIMATION ½x(1 + tanh(√(2/π)(x + 0.044715x³))) · SIGMOID_APPROXIMATION
    x·sigmoid(1.702x). Hendrycks and Gimpel, 2016.
    """
    match str(mode):
        case "EXACT":
            return x * rounded(0.5 * (1 + rounded(erf(rounded(x * np.float32(math.sqrt(0.5)))))))
        case "TANH_APPROXIMATION":
            inner = rounded(np.float32(math.sqrt(2 / math.pi)) * (x + rounded(np.float32(0.044715) * x * x * x)))
            return x * rounded(0.5 * (1 + rounded(np.tanh(inner))))
        case "SIGMOID_APPROXIMATION":
            return x * rounded(sigmoid(rounded(np.float32(1.702) * x)))
        case other:
            raise ValueError(f"gelu mode {other}")


def silu(rounded: Rounding, x: Array) -> Array:
    """Return x·sigmoid(x)."""
    return x * rounded(sigmoid(x))


def relu(x: Array) -> Array:
    """Return the larger of x and 0."""
    return np.maximum(x, 0)


def relu6(x: Array) -> Array:
    """Return x limited to [0, 6]."""
    return np.clip(x, 0, 6)


def leaky_relu(x: Array, alpha: Array) -> Array:
    """Return x where x ≥ 0, alpha·x elsewhere."""
    return np.where(x >= 0, x, alpha * x)


def elu(x: Array, alpha: Array) -> Array:
    """Return x where x > 0, alpha·(exp(x) − 1) elsewhere."""
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def softplus(x: Array) -> Array:
    """Return ln(1 + exp(x)), without overflow."""
    return np.logaddexp(x, np.zeros((), x.dtype))


def softsign(x: Array) -> Array:
    """Return x / (1 + |x|)."""
    return np.asarray(x / (1 + np.abs(x)))


def sigmoid_hard(x: Array, alpha: Array, beta: Array) -> Array:
    """Return alpha·x + beta limited to [0, 1]."""
    return np.asarray(np.clip(alpha * x + beta, 0, 1))


def clamped_relu(x: Array, alpha: Array, beta: Array) -> Array:
    """Return min(x, beta) where x ≥ 0, min(alpha·x, beta) elsewhere."""
    return np.minimum(leaky_relu(x, alpha), beta)


def scaled_tanh(x: Array, alpha: Array, beta: Array) -> Array:
    """Return alpha·tanh(beta·x)."""
    return np.asarray(alpha * np.tanh(beta * x))


def linear_activation(x: Array, alpha: Array, beta: Array) -> Array:
    """Return alpha·x + beta."""
    return alpha * x + beta


ACTIVATIONS: Mapping[str, Callable[..., Array]] = {
    "clamped_relu": clamped_relu,
    "elu": elu,
    "erf": erf,
    "leaky_relu": leaky_relu,
    "linear_activation": linear_activation,
    "relu": relu,
    "relu6": relu6,
    "scaled_tanh": scaled_tanh,
    "sigmoid": sigmoid,
    "sigmoid_hard": sigmoid_hard,
    "softplus": softplus,
    "softsign": softsign,
}

COMPOSITE_ACTIVATIONS: Mapping[str, Callable[..., Array]] = {"gelu": gelu, "silu": silu}
