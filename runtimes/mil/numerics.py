"""The numeric model: where results are rounded.

Every operation computes in float32 (integers in their own type) and its result is rounded to the type that the program
declares for it. That is `declared`: float16 storage with float32 arithmetic inside an operation, the usual model of a
GPU and of the Neural Engine. `strict` also rounds the inner steps of composite operations (the mean of a layer
normalisation, the exponentials of a softmax, the running sums of a matrix product) to float16 when their result is
declared float16. It is a deliberately pessimistic bound, not a claim about any chip.
"""

from collections.abc import Callable
from typing import Literal, TypeAlias, get_args

import numpy as np

from runtimes.mil.datatypes import FLOAT16, Array, DataType

Precision: TypeAlias = Literal["declared", "strict"]
Rounding: TypeAlias = Callable[[Array], Array]

PRECISIONS: tuple[str, ...] = get_args(Precision)


def exact(x: Array) -> Array:
    """Leave an inner step as it is."""
    return x


def to_half(x: Array) -> Array:
    """Round an inner step to what float16 holds; float32 in, float32 out."""
    return x.astype(np.float16).astype(np.float32)


def inner_rounding(precision: Precision, declared: DataType) -> Rounding:
    """Return how the inner steps of an operation round whose result is of type `declared`."""
    return to_half if precision == "strict" and declared is FLOAT16 else exact


def widen(x: Array) -> Array:
    """Return float16 as float32, anything else unchanged."""
    return x.astype(np.float32) if x.dtype == np.float16 else x
