"""Matrix products: `linear`, `matmul` and `einsum`."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from runtimes.mil.datatypes import Array
from runtimes.mil.numerics import Rounding, exact

# Terms summed in float32 between two roundings of the running total, in `strict`. Small enough to show what a float16
# accumulator loses, large enough to stay a matrix product.
_STRICT_TERMS = 32


def product(rounded: Rounding, a: Array, b: Array) -> Array:
    """Return a @ b. In `strict` the running total is rounded to float16 after every 32 terms. (…, M, K) @ (…, K, N)."""
    if rounded is exact:
        return np.asarray(np.matmul(a, b))
    total = rounded(np.matmul(a[..., :_STRICT_TERMS], b[..., :_STRICT_TERMS, :]))
    for start in range(_STRICT_TERMS, a.shape[-1], _STRICT_TERMS):
        terms = slice(start, start + _STRICT_TERMS)
        total = rounded(total + np.matmul(a[..., terms], b[..., terms, :]))
    return total


def linear(rounded: Rounding, x: Array, weight: Array, bias: Array | None = None) -> Array:
    """Return x·weightᵀ + bias. x (…, I), weight (O, I), bias (O,) → (…, O)."""
    rows = x.reshape(-1, x.shape[-1])  # (rows, I): one product instead of one for each batch entry
    result = product(rounded, rows, weight.T)
    if bias is not None:
        result = result + bias
    return result.reshape(*x.shape[:-1], len(weight))


def matmul(
    rounded: Rounding, x: Array, y: Array, transpose_x: Array | bool = False, transpose_y: Array | bool = False
) -> Array:
    """Return x @ y with numpy's rules for vectors and batches; transposition concerns the last two axes."""
    left = np.swapaxes(x, -1, -2) if transpose_x and x.ndim > 1 else x
    right = np.swapaxes(y, -1, -2) if transpose_y and y.ndim > 1 else y
    if min(left.ndim, right.ndim) == 1:
        return np.asarray(np.matmul(left, right))
    return product(rounded, left, right)


def einsum(rounded: Rounding, values: Sequence[Array], equation: Array) -> Array:
    """Return the sum of products that `equation` spells.

    MIL's own two equations, `bchw,bwhu->bchu` and `chw,whu->chu` under any letters, are batches of matrix products
    over h; everything else is numpy's einsum. Axes of size 1 broadcast.
    """
    x, y = values
    if _letters(str(equation)) in _MATRIX_EQUATIONS:
        # (…, C, H, W) and (…, W, H, U) → (…, H, C, W) @ (…, H, W, U) → (…, C, H, U)
        return np.swapaxes(product(rounded, np.swapaxes(x, -2, -3), np.swapaxes(y, -2, -3)), -2, -3)
    return rounded(np.einsum(str(equation), x, y, optimize=True))


def _letters(equation: str) -> str:
    """Return an equation with its letters renamed in the order in which they appear."""
    names: dict[str, str] = {}
    for letter in filter(str.isalpha, equation):
        names.setdefault(letter, chr(ord("a") + len(names)))
    return "".join(names.get(letter, letter) for letter in equation if letter != " ")


_MATRIX_EQUATIONS = frozenset((_letters("bchw,bwhu->bchu"), _letters("chw,whu->chu")))

LINEAR: Mapping[str, Callable[..., Array]] = {"einsum": einsum, "linear": linear, "matmul": matmul}
