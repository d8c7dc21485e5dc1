"""Operations on each element: arithmetic, comparison, logic, choice and conversion. Operands broadcast as in numpy."""

from collections.abc import Callable, Mapping

import numpy as np

from runtimes.mil.datatypes import BY_NAME, Array

# MIL's defaults of `epsilon`.
_RSQRT_EPSILON = np.float32(1e-12)
_INVERSE_EPSILON = np.float32(1e-4)
_LOG_EPSILON = np.float32(1e-45)


def _unary(function: Callable[[Array], Array]) -> Callable[[Array], Array]:
    def apply(x: Array) -> Array:
        return np.asarray(function(x))

    return apply


def _binary(function: Callable[[Array, Array], Array]) -> Callable[[Array, Array], Array]:
    def apply(x: Array, y: Array) -> Array:
        return np.asarray(function(x, y))

    return apply


def rsqrt(x: Array, epsilon: Array | np.float32 = _RSQRT_EPSILON) -> Array:
    """Return 1 / √(x + epsilon)."""
    return np.asarray(np.reciprocal(np.sqrt(x + epsilon)))


def inverse(x: Array, epsilon: Array | np.float32 = _INVERSE_EPSILON) -> Array:
    """Return 1 / (x + epsilon)."""
    return np.asarray(np.reciprocal(x + epsilon))


def log(x: Array, epsilon: Array | np.float32 = _LOG_EPSILON) -> Array:
    """Return ln(x + epsilon)."""
    return np.asarray(np.log(x + epsilon))


def clip(x: Array, alpha: Array, beta: Array) -> Array:
    """Limit x to [alpha, beta]."""
    return np.minimum(np.maximum(x, alpha), beta)


def threshold(x: Array, alpha: Array) -> Array:
    """Return the larger of x and alpha."""
    return np.maximum(x, alpha)


def real_div(x: Array, y: Array) -> Array:
    """Return x / y; the quotient of integers is cut to an integer when it is stored."""
    return np.asarray(np.divide(x, y))


def select(cond: Array, a: Array, b: Array) -> Array:
    """Return `a` where `cond` holds, `b` elsewhere."""
    return np.where(cond, a, b)


def cast(x: Array, dtype: Array) -> Array:
    """Convert to the type named `dtype`: towards zero from float to integer, `x ≠ 0` to bool."""
    return np.asarray(x).astype(BY_NAME[str(dtype)].dtype)


# Computed in float32; integers stay integers.
ELEMENTWISE: Mapping[str, Callable[..., Array]] = {
    "abs": _unary(np.abs),
    "acos": _unary(np.arccos),
    "add": _binary(np.add),
    "asin": _unary(np.arcsin),
    "atan": _unary(np.arctan),
    "atanh": _unary(np.arctanh),
    "ceil": _unary(np.ceil),
    "clip": clip,
    "cos": _unary(np.cos),
    "cosh": _unary(np.cosh),
    "equal": _binary(np.equal),
    "exp": _unary(np.exp),
    "exp2": _unary(np.exp2),
    "floor": _unary(np.floor),
    "floor_div": _binary(np.floor_divide),
    "greater": _binary(np.greater),
    "greater_equal": _binary(np.greater_equal),
    "inverse": inverse,
    "less": _binary(np.less),
    "less_equal": _binary(np.less_equal),
    "log": log,
    "logical_and": _binary(np.logical_and),
    "logical_not": _unary(np.logical_not),
    "logical_or": _binary(np.logical_or),
    "logical_xor": _binary(np.logical_xor),
    "maximum": _binary(np.maximum),
    "minimum": _binary(np.minimum),
    "mod": _binary(np.mod),
    "mul": _binary(np.multiply),
    "not_equal": _binary(np.not_equal),
    "pow": _binary(np.power),
    "real_div": real_div,
    "round": _unary(np.rint),
    "rsqrt": rsqrt,
    "sign": _unary(np.sign),
    "sin": _unary(np.sin),
    "sinh": _unary(np.sinh),
    "sqrt": _unary(np.sqrt),
    "square": _unary(np.square),
    "sub": _binary(np.subtract),
    "tan": _unary(np.tan),
    "tanh": _unary(np.tanh),
    "threshold": threshold,
}

# Values pass through unchanged, so they keep their stored type.
CHOICE: Mapping[str, Callable[..., Array]] = {"cast": cast, "select": select}
