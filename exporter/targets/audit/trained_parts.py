"""The same of weights that fine-tuning trained, of which the file alone has the values: what training leaves is held.

Each function below takes the place of one in `parts`, and yields what that one yields.
"""

from collections.abc import Callable, Iterator

import numpy as np

from exporter.compression import integer_rounding
from exporter.compression.integer_rounding import Quantise
from exporter.model.ops import Array
from exporter.targets.audit import rounding
from exporter.targets.audit.held import HeldTensor
from exporter.targets.audit.rounding import Part

_MOST, _MOST_GAIN, _MOST_TURN, _GAIN_NOISE = 1e30, 0.999, 0.2, 1e-3
"""A trained vector is a number; a gain is positive and below 2; a row of a product points where it did; and what a gain
by least squares of rounded numbers may be off."""
_SHORT = np.float32(1e-12)


def vector(tensor: HeldTensor, _values: Array, _largest: float) -> Iterator[Part]:
    """Numbers, whatever they are."""
    found = tensor.read()
    yield 0, np.zeros_like(found), found, np.array(_MOST, np.float32)


def rows(tensor: HeldTensor, values: Array, _largest: float) -> Iterator[Part]:
    """A small table [rows, n]: the direction of each row that has one."""
    yield _turned(0, values, tensor.read())


def outputs(tensor: HeldTensor, values: Array, axis: int, _largest: float) -> Iterator[Part]:
    """A matrix in float16 whose outputs lie along `axis`: a gain for each of them, by least squares."""
    found, others = tensor.read().astype(np.float32), 1 - axis
    squares = np.maximum(np.square(values).sum(others, keepdims=True), np.float32(1e-30))
    gain = (found * values).sum(others, keepdims=True) / squares
    yield 0, np.ones_like(gain).reshape(-1), gain.reshape(-1), np.array(_MOST_GAIN, np.float32)
    bound = rounding.float16_bound(found, 0.0) + np.float32(_GAIN_NOISE) * np.abs(found)
    yield 0, values * gain, found, bound


def gained(
    read: Callable[[slice], Array], scales: Array, values: Array, quantise: Quantise, largest: float
) -> Iterator[Part]:
    """A trained gain for each row: the scale has it, and the integers are as without."""
    for some in rounding.spans(values.shape):
        expected = values[some]
        _, wanted = quantise(expected)
        gain = scales[some] / wanted
        yield some.start, np.ones_like(gain), gain, np.array(_MOST_GAIN, np.float32)
        yield some.start, expected, read(some).astype(np.float32) * wanted, rounding.int8_bound(wanted, largest)


def products(
    read: Callable[[slice], Array], scales: Array, values: Array, _quantise: Quantise, _largest: float
) -> Iterator[Part]:
    """Of a product of two layers whose gains lie between them: the direction of each row that has one."""
    for some in rounding.spans(values.shape):
        yield _turned(some.start, values[some], read(some).astype(np.float32) * scales[some])


def gained_pairs(unpacked: Callable[[], tuple[Array, Array]], values: Array, _largest: float) -> Iterator[Part]:
    """As `gained`."""
    q, scale = unpacked()
    for some in rounding.spans(values.shape):
        wanted = integer_rounding.int4_rows(values[some])[1].astype(np.float32)
        gain = scale[some].astype(np.float32) / wanted
        yield some.start, np.ones_like(gain), gain, np.array(_MOST_GAIN, np.float32)
        yield rounding.int4_row_part(some.start, values[some], q[some], wanted)


def pair_products(unpacked: Callable[[], tuple[Array, Array]], values: Array, _largest: float) -> Iterator[Part]:
    """As `products`."""
    q, scale = unpacked()
    for some in rounding.spans(values.shape):
        yield _turned(some.start, values[some], q[some] * scale[some].astype(np.float32))


def _turned(start: int, expected: Array, found: Array) -> Part:
    """The cosine of each row; 1 where one of the two has no length."""
    lengths = np.sqrt(np.square(expected).sum(-1) * np.square(found).sum(-1))
    cosine = np.where(lengths <= _SHORT, np.float32(1), (expected * found).sum(-1) / np.maximum(lengths, _SHORT))
    return start, np.ones_like(cosine), cosine, np.array(_MOST_TURN, np.float32)
