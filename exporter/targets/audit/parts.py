"""Stored weights beside the float ones, some rows at a time, with how far each value may be from its own."""

from collections.abc import Callable, Iterator

import numpy as np

from exporter.compression import integer_rounding
from exporter.compression.integer_rounding import Quantise
from exporter.model.ops import Array
from exporter.targets.audit import rounding
from exporter.targets.audit.held import HeldTensor
from exporter.targets.audit.rounding import Part


def floats(tensor: HeldTensor, values: Array, largest: float) -> Iterator[Part]:
    """Values that are stored as they are; `largest` is their largest magnitude, here and below."""
    for rows in rounding.spans(values.shape):
        expected, found = values[rows], tensor.read(rows.start, rows.stop)
        if not np.array_equal(expected, found):
            yield rows.start, expected, found, rounding.float32_bound(expected, largest)


def halves(tensor: HeldTensor, values: Array, largest: float) -> Iterator[Part]:
    """Values in float16."""
    for rows in rounding.spans(values.shape):
        expected, found = values[rows], tensor.read(rows.start, rows.stop)
        if not np.array_equal(expected.astype(np.float16), found):
            yield rows.start, expected, found.astype(np.float32), rounding.float16_bound(expected, largest)


def integers(
    read: Callable[[slice], Array], scales: Array, values: Array, quantise: Quantise, largest: float
) -> Iterator[Part]:
    """The scales of some rows, then their values; `read` gives int8, `scales` are [..., 1]."""
    for rows in rounding.spans(values.shape):
        expected, scale = values[rows], scales[rows].astype(np.float32, copy=False)
        _, wanted = quantise(expected)
        bound, step = rounding.scale_bound(expected, scale, wanted, quantise), wanted.astype(np.float32, copy=False)
        yield rows.start, step, scale, bound
        if wanted.dtype == np.float16:  # too coarse of tiny rows: these are clipped by the scale as it is stored
            step = np.where(np.abs(scale - step) <= bound, scale, step)
            expected = np.clip(expected, -127 * step, 127 * step)
        yield rows.start, expected, read(rows).astype(np.float32) * scale, rounding.int8_bound(step, largest)


def nibbles(
    read: Callable[[slice], Array], scales: HeldTensor, values: Array, positive_scales: bool, _largest: float
) -> Iterator[Part]:
    """By the function that rounds; where its choice of scales differs, each block is judged by itself."""
    for rows in rounding.spans(values.shape):
        expected, stored, scale = values[rows], read(rows), scales.read(rows.start, rows.stop)
        q, wanted = integer_rounding.int4_blocks(expected, positive_scales=positive_scales)
        if not (np.array_equal(q, stored) and np.array_equal(wanted, scale)):
            yield from rounding.int4_parts(rows.start, expected, stored, scale, positive_scales)


def pairs(unpacked: Callable[[], tuple[Array, Array]], values: Array, _largest: float) -> Iterator[Part]:
    """By the function that rounds; where it rounds otherwise here, each row is judged by itself."""
    q, scale = unpacked()
    for rows in rounding.spans(values.shape):
        ours, wanted = integer_rounding.int4_rows(values[rows])
        if not (np.array_equal(ours, q[rows]) and np.array_equal(wanted, scale[rows])):
            yield from rounding.int4_row_parts(rows.start, values[rows], q[rows], scale[rows])
