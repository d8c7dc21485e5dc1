"""Every operator of .tflite files that is run: how many inputs it has, the shapes that it makes, and small integers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from runtimes.backends.litert import shapes
from runtimes.backends.litert.shapes import Inputs, Integers, Shape

Shapes = Callable[[Inputs], list[Shape]]


@dataclass(frozen=True)
class Rule:
    """How many inputs an operator has, at least and at most, and the shapes of what it makes of them."""

    least: int
    most: int
    shapes: Shapes


def _rules(names: str, least: int, most: int, shapes: Shapes) -> dict[str, Rule]:
    return dict.fromkeys(names.split(), Rule(least, most, shapes))


_MANY = 1 << 16
RULES: Mapping[str, Rule] = {
    **_rules("CAST DEQUANTIZE GELU LOGISTIC RELU RSQRT SOFTMAX SQRT SQUARE TANH", 1, 1, shapes.same),
    **_rules("ABS CEIL COS ELU EXP FLOOR HARD_SWISH L2_NORMALIZATION LEAKY_RELU LOG LOGICAL_NOT", 1, 1, shapes.same),
    **_rules("LOG_SOFTMAX NEG QUANTIZE RELU6 ROUND SIGN SIN ZEROS_LIKE", 1, 1, shapes.same),
    **_rules("CUMSUM", 2, 2, shapes.same),
    **_rules("ADD DIV MAXIMUM MUL NOT_EQUAL SQUARED_DIFFERENCE SUB", 2, 2, shapes.broadcast),
    **_rules("EQUAL FLOOR_DIV FLOOR_MOD GREATER GREATER_EQUAL LESS LESS_EQUAL LOGICAL_AND", 2, 2, shapes.broadcast),
    **_rules("LOGICAL_OR MINIMUM POW", 2, 2, shapes.broadcast),
    **_rules("SELECT SELECT_V2", 3, 3, shapes.broadcast),
    **_rules("ADD_N", 1, _MANY, shapes.broadcast),
    **_rules("MEAN REDUCE_ALL REDUCE_ANY REDUCE_MAX REDUCE_MIN REDUCE_PROD SUM", 2, 2, shapes.reduced),
    "RESHAPE": Rule(1, 2, shapes.reshaped),
    "FULLY_CONNECTED": Rule(2, 3, shapes.fully_connected),
    "BATCH_MATMUL": Rule(2, 2, shapes.batch_matmul),
    "GATHER": Rule(2, 2, shapes.gathered),
    "GATHER_ND": Rule(2, 2, shapes.gathered_by_places),
    "EMBEDDING_LOOKUP": Rule(2, 2, shapes.looked_up),
    "CONCATENATION": Rule(1, _MANY, shapes.concatenated),
    "PACK": Rule(1, _MANY, shapes.packed),
    "UNPACK": Rule(1, 1, shapes.unpacked),
    "PAD": Rule(2, 2, shapes.padded),
    "PADV2": Rule(3, 3, shapes.padded),
    "SLICE": Rule(3, 3, shapes.sliced),
    "STRIDED_SLICE": Rule(4, 4, shapes.strided),
    "TRANSPOSE": Rule(2, 2, shapes.transposed),
    "SQUEEZE": Rule(1, 1, shapes.squeezed),
    "EXPAND_DIMS": Rule(2, 2, shapes.expanded),
    "SPLIT": Rule(2, 2, shapes.split),
    "SPLIT_V": Rule(3, 3, shapes.split_by_sizes),
    "TILE": Rule(2, 2, shapes.tiled),
    "BROADCAST_TO": Rule(2, 2, shapes.spread),
    "FILL": Rule(2, 2, shapes.filled),
    "RANGE": Rule(3, 3, shapes.ranged),
    "ONE_HOT": Rule(4, 4, shapes.one_hot),
    "ARG_MAX": Rule(2, 2, shapes.chosen),
    "ARG_MIN": Rule(2, 2, shapes.chosen),
    "SHAPE": Rule(1, 1, lambda of: [(len(of.shape(0)),)]),
    "RANK": Rule(1, 1, lambda _of: [()]),
}
"""Of every operator that is run: bertport's own, and those that others make encoders of."""


def _joined(of: Inputs, parts: Sequence[Integers]) -> Integers:
    return np.concatenate(parts, of.option("axis", 0))


def _stacked(of: Inputs, parts: Sequence[Integers]) -> Integers:
    return np.stack(parts, of.option("", 1))


def _taken(of: Inputs, parts: Sequence[Integers]) -> Integers:
    found: Integers = np.take(parts[0], parts[1], axis=of.option("axis", 0))
    return found


def _part(of: Inputs, parts: Sequence[Integers]) -> Integers:
    starts, sizes = of.integers(1), shapes.sliced(of)[0]
    return parts[0][tuple(slice(at, at + size) for at, size in zip(starts, sizes, strict=True))]


def _product(of: Inputs, parts: Sequence[Integers]) -> Integers:
    found: Integers = np.multiply.reduce(parts[0], axis=tuple(of.integers(1)))
    return found.reshape(shapes.reduced(of)[0])


def _arithmetic(function: Any) -> "Values":
    return lambda _of, parts: function(parts[0], parts[1])


Values = Callable[[Inputs, Sequence[Integers]], Integers]
VALUES: Mapping[str, Values] = {
    "SHAPE": lambda of, _parts: np.array(of.shape(0), np.int64),
    "CAST": lambda _of, parts: parts[0],
    "RESHAPE": lambda of, parts: parts[0].reshape(shapes.reshaped(of)[0]),
    "SQUEEZE": lambda of, parts: parts[0].reshape(shapes.squeezed(of)[0]),
    "EXPAND_DIMS": lambda of, parts: parts[0].reshape(shapes.expanded(of)[0]),
    "CONCATENATION": _joined,
    "PACK": _stacked,
    "GATHER": _taken,
    "SLICE": _part,
    "STRIDED_SLICE": lambda of, parts: parts[0][tuple(shapes.strided_slices(of))],
    "REDUCE_PROD": _product,
    "ADD": _arithmetic(np.add),
    "SUB": _arithmetic(np.subtract),
    "MUL": _arithmetic(np.multiply),
    "MAXIMUM": _arithmetic(np.maximum),
    "MINIMUM": _arithmetic(np.minimum),
}
"""Of operators that shapes are computed with: what they make of small integers."""
