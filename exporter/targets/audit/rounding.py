"""The largest rounding error that each form of storage may have.

| form | bound of a value | source |
| --- | --- | --- |
| float32 | one unit in the last place, or 1e-11 of the tensor's largest | folded in float64, summed in another order |
| float16 | half a unit of float16, and the above | IEEE 754, to nearest |
| int8 | half a step, and 1e-4 of one; the step: max ÷ 127 of the row, within 1e-6, or its float16 | `quantize.int8` |
| int4 by 32 | the nearest of 16; a step: the best of 7 (or 10) shares of a block's extreme | `quantize.int4_blocks` |
| int4 by row | half a step, and 0.005 of one for its scale's float16; the step: the best of 21 | `quantize.int4_rows` |
| codes | the nearest of its place's 256 centroids, float16 or int8 | `product_quantization.product_quantise` |

Which role of weight has which form is said in `schemes.py` of each target. NaN is beyond every bound.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from exporter.compression import integer_rounding
from exporter.compression.integer_rounding import Quantise
from exporter.model.ops import Array

SUM_ORDER = 1e-11
"""Of a tensor's largest value: what sums of products in float64 may differ by from one processor to another."""
SCALE_SHARE = 1e-6
"""Of a scale: some units of float32, for it is made of a float32 weight that may differ by one."""
HALF_STEP = 0.5 + 1e-4
_SQUARES_SHARE = 1e-5
_ROW_SQUARES_SHARE, HALF_ROW_STEP = 1e-3, 0.505
"""As those of blocks and of int8, where a scale is chosen in float32 and stored in float16: 8 steps are 0.004 off."""
_BLOCK_NUMBERS = 1 << 18
"""Values that are compared at once: two megabytes of them in all forms, which stays in a core's cache."""


@dataclass(frozen=True)
class Beyond:
    """Values of a tensor that are beyond their bound: of how many rows, and the first of them."""

    rows: int
    row: int
    expected: float
    found: float
    bound: float

    def __str__(self) -> str:
        """As a finding says it."""
        others = f" and {self.rows - 1:,} more rows" if self.rows > 1 else ""
        return f"row {self.row:,}{others}: expected {self.expected:.6g} within {self.bound:.2g}, found {self.found:.6g}"


Part = tuple[int, Array, Array, Array]
"""First row, and of some rows the values expected, found, and how far apart they may be (which broadcasts)."""


def spans(shape: tuple[int, ...]) -> Iterator[slice]:
    """Rows of a tensor, some at a time."""
    width = max(1, int(np.prod(shape[1:])))
    rows = max(1, _BLOCK_NUMBERS // width)
    yield from (slice(at, min(at + rows, shape[0])) for at in range(0, shape[0], rows))


def first_beyond(parts: Iterator[Part]) -> Beyond | None:
    """What of a tensor is beyond its bound; NaN is."""
    wrong: Beyond | None = None
    for start, expected, found, bound in parts:
        with np.errstate(all="ignore"):
            beyond = ~(np.abs(found - expected) <= bound)
        if not beyond.any():
            continue
        rows = beyond.reshape(len(beyond), -1).any(1)
        at = tuple(np.argwhere(beyond)[0])
        allowed = float(np.broadcast_to(bound, beyond.shape)[at])
        first = Beyond(0, start + int(at[0]), float(expected[at]), float(found[at]), allowed)
        wrong = wrong or first
        wrong = Beyond(wrong.rows + int(rows.sum()), wrong.row, wrong.expected, wrong.found, wrong.bound)
    return wrong


def float32_bound(values: Array, largest: float) -> Array:
    """Of each value: what folding may differ by."""
    return np.asarray(np.maximum(np.spacing(np.abs(values)), np.float32(SUM_ORDER * largest)))


def float16_bound(values: Array, largest: float) -> Array:
    """Of each float32 value within float16's range: half the distance to the next float16, and folding."""
    halves = np.abs(values.astype(np.float16))
    return np.asarray(np.spacing(halves).astype(np.float32) / 2 + float32_bound(values, largest))


def int8_bound(scales: Array, largest: float) -> Array:
    """Of each row [..., 1]."""
    return np.asarray(np.abs(scales).astype(np.float32) * np.float32(HALF_STEP) + np.float32(SUM_ORDER * largest))


def scale_bound(values: Array, scales: Array, wanted: Array, quantise: Quantise) -> Array:
    """How far the int8 `scales` [..., 1] of some rows may be from those `wanted`, which `quantise` gives here.

    Beside the middle between two float16 a weight that differs by a unit has the other one.
    """
    if wanted.dtype != np.float16 or np.array_equal(scales, wanted):
        return np.asarray(np.abs(_wide(wanted)) * np.float32(SCALE_SHARE))
    shares = (np.float32(1 - SCALE_SHARE), np.float32(1 + SCALE_SHARE))
    return np.asarray(np.max([np.abs(_wide(quantise(values * one)[1]) - _wide(wanted)) for one in shares], 0))


def int4_parts(start: int, values: Array, q: Array, scales: Array, positive_scales: bool = False) -> Iterator[Part]:
    """Rows whose int4 `q` [rows, H] of 0 to 15 and `scales` [rows, blocks] are not what `int4_blocks` gives here.

    Of two scales with nearly the same error another processor may take the other one. So a scale must be one of the
    candidates, and its error no larger than the best one's by more than sums in another order make it; and each value
    the nearest of the 16 by that scale.
    """
    best, wanted = integer_rounding.int4_blocks(values, positive_scales=positive_scales)
    parts, ours, theirs = (one.reshape(*wanted.shape, -1) for one in (values, best, q))
    least, error = (_squares(parts, one, scale) for one, scale in ((ours, wanted), (theirs, scales)))
    offered = (integer_rounding.int4_candidates(parts, positive_scales) == scales[..., None]).any(-1)
    good = (scales == wanted) | (offered & (error <= least * (1 + _SQUARES_SHARE)))
    yield start, _wide(wanted), _wide(scales), np.where(good, np.float32(np.inf), np.float32(0))
    with np.errstate(all="ignore"):  # scales that are no numbers, or 0
        nearest = integer_rounding.int4_nearest(parts, scales[..., None])
    step = _wide(scales)[..., None]
    found, expected = (theirs.astype(np.float32) - 8) * step, nearest * step
    bound = np.broadcast_to(np.abs(step) / 2, expected.shape)
    yield start, expected.reshape(values.shape), found.reshape(values.shape), bound.reshape(values.shape)


def int4_row_parts(start: int, values: Array, q: Array, scales: Array) -> Iterator[Part]:
    """Rows whose int4 `q` [rows, n] and `scales` [rows, 1] are not what `int4_rows` gives here; as `int4_parts`."""
    best, wanted = integer_rounding.int4_rows(values)
    least, error = (np.square(a * _wide(b) - values).sum(-1, keepdims=True) for a, b in ((best, wanted), (q, scales)))
    offered = (integer_rounding.int4_row_candidates(values).astype(np.float16) == scales).any(-1, keepdims=True)
    good = (scales == wanted) | (offered & (error <= least * (1 + _ROW_SQUARES_SHARE)))
    yield start, _wide(wanted), _wide(scales), np.where(good, np.float32(np.inf), np.float32(0))
    yield int4_row_part(start, values, q, _wide(scales))


def int4_row_part(start: int, values: Array, q: Array, scales: Array) -> Part:
    """Rows of int4 `q` [rows, n], and how far they may be from `values` by `scales` [rows, 1]."""
    step = np.abs(scales)
    clipped = np.clip(values, -8 * step, 7 * step)
    return start, clipped, q * scales, step * np.float32(HALF_ROW_STEP)


def _squares(parts: Array, q: Array, scales: Array) -> Array:
    """Of each block, the squared error."""
    return np.asarray(np.square((q.astype(np.float32) - 8) * _wide(scales)[..., None] - parts).sum(-1))


def _wide(values: Array) -> Array:
    return values.astype(np.float32)
