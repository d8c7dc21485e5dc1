"""Budgets of memory and work for a package, checked before anything is allocated.

A package of a few hundred bytes can describe tensors of any size. So each operation is measured first (`sizes`), and
held against limits that bert-large at 512 tokens keeps well within (0.2 GB and 15 nominal seconds); those of decoded
weights grow with the files they are decoded from.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from runtimes.mil.datatypes import Array
from runtimes.mil.ops.sizes import SIZES, Size, padded

MEMORY_BYTES = 3 << 29
"""Of the tensors alive in a run and what one operation holds beside them."""
TRACE_BYTES = 4 << 30
"""The same where every tensor is kept, to be looked at."""
WORK_S = 30.0
"""Of one run, in nominal seconds: see `work_s`."""
MOST_ELEMENTS = 1 << 28
"""Of one tensor, an axis of size 0 counted as 1."""
_DECODED_BYTES, _DECODED_RATIO = 1 << 28, 64
"""Decoded weights: so many bytes, and so many for each byte of the package. A palette of 1-bit indices makes 32."""

_BYTES = 16
"""Of an element: the result in float32, its stored form, and inner steps."""
_MORE_BYTES = {
    "argsort": 40,
    "batch_norm": 24,
    "erf": 40,
    "gelu": 56,
    "instance_norm": 24,
    "layer_norm": 24,
    "softmax": 24,
    "topk": 40,
}
_NANOSECONDS = 10.0
"""Of an element, on one core of a slow machine."""
_MORE_NANOSECONDS = {"gelu": 80, "erf": 60, "mod": 40, "floor_div": 40, "argsort": 200, "topk": 200, "non_zero": 30}
_PRODUCT_NANOSECONDS, _SLOW_PRODUCT_NANOSECONDS = 0.03, 1.0
"""Of a multiply-add: float32 by BLAS, anything else by numpy's own loops."""


class OverBudgetError(ValueError):
    """An operation, or all of them, asks for more than a package may."""


def measured(operation: str, arguments: Mapping[str, Any]) -> Size:
    """The size of what an operation makes of these arguments. Raises what misfitting arguments raise."""
    return SIZES[operation](**arguments)


def held_bytes(operation: str, size: Size) -> int:
    """Memory that the operation holds beside its arguments. Raises `OverBudgetError` for a tensor beyond reason."""
    if size.elements > MOST_ELEMENTS:
        raise OverBudgetError(f"makes a tensor of {size.elements:,} elements, at most {MOST_ELEMENTS:,} are made")
    return size.elements * _MORE_BYTES.get(operation, _BYTES)


def work_s(operation: str, size: Size, arguments: Mapping[str, Any]) -> float:
    """Nominal seconds: elements and products at the rates of one slow core."""
    fast = all(values.dtype == np.float32 for values in _multiplied(arguments))
    product = _PRODUCT_NANOSECONDS if fast else _SLOW_PRODUCT_NANOSECONDS
    each = _MORE_NANOSECONDS.get(operation, _NANOSECONDS)
    return 1e-9 * (size.elements * each + size.products * product)


def _multiplied(arguments: Mapping[str, Any]) -> list[Array]:
    """The tensors that are multiplied."""
    found = [arguments.get(name) for name in ("x", "y", "weight", "query", "key")] + list(arguments.get("values", ()))
    return [value for value in found if isinstance(value, np.ndarray)]


def check_memory(needed_bytes: int, alive_bytes: int, most_bytes: int) -> None:
    """Raise `OverBudgetError` where an operation would hold more than there may be."""
    if needed_bytes + alive_bytes > most_bytes:
        raise OverBudgetError(
            f"needs {needed_bytes:,} bytes beside {alive_bytes:,} in use, at most {most_bytes:,} together"
        )


def check_work(total_s: float) -> None:
    """Raise `OverBudgetError` where a run would take longer than any encoder of text."""
    if total_s > WORK_S:
        raise OverBudgetError(f"brings a run to {total_s:.0f} nominal seconds of work, at most {WORK_S:.0f}")


def check_shape(shape: tuple[int | None, ...], subject: str) -> None:
    """Raise `OverBudgetError` for a shape that no tensor here has; None counts as 1."""
    if padded(size or 1 for size in shape) > MOST_ELEMENTS:
        raise OverBudgetError(f"{subject}: {shape} is beyond {MOST_ELEMENTS:,} elements")


class Decoding:
    """What the weights of one package take in memory once they are unpacked, decoded or widened."""

    def __init__(self, package_bytes: int) -> None:
        self._most_bytes = _DECODED_BYTES + _DECODED_RATIO * package_bytes
        self._taken_bytes = 0

    def require(self, needed_bytes: int) -> None:
        """Raise `OverBudgetError` before so many more bytes are taken."""
        check_memory(needed_bytes, self._taken_bytes, self._most_bytes)

    def take(self, values: Array) -> None:
        """Count what has come to be; what lies in a mapped file costs nothing."""
        self.require(0)
        self._taken_bytes += values.nbytes
