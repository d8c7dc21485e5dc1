"""Comparison of stored weights with float ones: each row's error over what its form of storage allows.

Every function takes some rows as they are stored and the same rows of the float weight, and gives one ratio a row: up
to 1 is what rounding gives, more is not, and what is no number is infinite. `BOUNDS` states the bounds in words.

Float weights are folded in float64 and their last bit may differ from machine to machine, so that a value halfway
between two steps may be rounded to either: bounds are a thousandth wider than half a step.
"""

import numpy as np

from exporter.compression import integer_rounding
from exporter.model.ops import Array

BOUNDS = {
    "float32": "2 units in the last place, and 1e-7 of the largest value of the weight's row",
    "float16": "half a unit in the last place of float16",
    "int8": "half a step; a step is the largest magnitude of the row / 127, in float16",
    "int4": "half a step between -8 and 7 steps; a step is one of the ten that are tried for a block, and costs no "
    "more than 1.05 times the one that clips nothing",
    "int4 by row": "half a step between -8 and 7 steps; a step is the best of 21 that are tried for a row, within "
    "1e-3 of its squared error, in float16",
    "palette": "the entry nearest to the value in float16; an entry is the mean of the n values that it stands for, "
    "within 0.05 + 1/n of the larger step to a neighbour",
    "codes": "the entry whose squared distance is the least; an entry is the mean of the n stretches that it stands "
    "for, within 0.5 + 1/√n of their spread, or 3 + 1/√n where rows were weighed by their frequency or trained, and "
    "half a step where codebooks are int8; trained ones by the root mean square of their lengths more",
    "trained": "of weights that were fine-tuned a row is the float one times a gain between 3/4 and 4/3, rounded as "
    "int8; where two trained matrices are multiplied, at most 0.2 of its length away from that; a vector differs by at "
    "most a quarter of its largest value and 0.1; codes give a row within 1.5 of its length",
}
"""How a weight is stored → how far a stored value may be from the float one."""

_HALF_STEP = 0.501
_HALF_ULP = 2.0**-11
_SMALLEST_HALF = 2.0**-24
"""float16's smallest number: steps below it are stored as 1, and all that they scale as 0."""
_RATIOS = np.linspace(0.7, 8 / 7, 10)
_COSTLIER = 1.05
"""Of the squared error: of two steps that cost nearly the same, either may be taken."""
_HALF_ROW_STEP, _ROW_COSTLIER = 0.505, 1.001
"""Of int4 by row, whose step is chosen in float32 and stored in float16: 8 of them are 0.004 off."""
_UNCLIPPED = _RATIOS[6]
"""Of the ten, the one nearest to 1."""


def float32(stored: Array, wanted: Array) -> Array:
    """Rows [r, n] stored as float32."""
    largest = np.abs(wanted).max(-1, keepdims=True, initial=0)
    return _worst(np.abs(stored - wanted), 2.0**-22 * np.abs(wanted) + 1e-7 * largest + 1e-30)


def float16(stored: Array, wanted: Array) -> Array:
    """Rows [r, n] stored as float16."""
    return _worst(np.abs(stored.astype(np.float32) - wanted), 1.001 * (_HALF_ULP * np.abs(wanted) + _SMALLEST_HALF / 2))


def int8(stored: Array, scale: Array, wanted: Array) -> Array:
    """Rows [r, n] of int8 and a step [r, 1] each."""
    step, largest = scale.astype(np.float32), np.abs(wanted).max(-1, keepdims=True, initial=0) / np.float32(127)
    return np.maximum(_steps(stored, step, wanted, 127), _worst(_off(step, largest), 1.0))


def int4(stored: Array, scale: Array, wanted: Array) -> Array:
    """Rows [r, n] of -8 to 7, and a step for each of their blocks [r, blocks]."""
    rows, blocks = scale.shape
    shape, step = (rows, blocks, -1), scale.astype(np.float32)[..., None]
    levels, parts = stored.reshape(shape), wanted.reshape(shape)
    extreme = np.abs(parts).max(-1, keepdims=True) / np.float32(8)
    off = np.min([_off(step, extreme * np.float32(ratio)) for ratio in _RATIOS], 0)
    error = np.square(levels * step - parts).sum(-1, keepdims=True)
    unclipped = (extreme * np.float32(_UNCLIPPED)).astype(np.float16).astype(np.float32)
    nearest = np.clip(np.rint(parts / np.where(unclipped == 0, 1, unclipped)), -8, 7)
    other = np.square(nearest * unclipped - parts).sum(-1, keepdims=True)
    worse = error / (other * _COSTLIER + 1e-12 * np.square(extreme) + 1e-30)
    ratios = (_steps(levels, step, parts, 7, lowest=-8), _worst(off, 1.0), _worst(worse, 1.0))
    return np.asarray(np.max(ratios, 0).max(-1))


def int4_rows(stored: Array, scale: Array, wanted: Array) -> Array:
    """Rows [r, n] of -8 to 7 and a step [r, 1] each."""
    step = scale.astype(np.float32)
    best, own = integer_rounding.int4_rows(wanted)
    least = np.square(best * own.astype(np.float32) - wanted).sum(-1, keepdims=True)
    worse = np.square(stored * step - wanted).sum(-1, keepdims=True) / (least * _ROW_COSTLIER + 1e-30)
    offered = np.min([_off(step, one) for one in np.moveaxis(_row_steps(wanted), -1, 0)], 0)
    ratios = (_row_levels(stored, step, wanted), _worst(worse, 1.0), _worst(offered, 1.0))
    return np.asarray(np.max(ratios, 0))


def trained_int4_rows(stored: Array, scale: Array, wanted: Array) -> Array:
    """Rows of int4 as `int4_rows`, each times a gain that was trained: the levels are those without."""
    step = integer_rounding.int4_rows(wanted)[1].astype(np.float32)
    gain = scale.astype(np.float32) / step
    with np.errstate(all="ignore"):
        near = _worst(np.abs(np.log(gain)), _LOG_GAIN)
    return np.maximum(_row_levels(stored, step, wanted), near)


def _row_levels(levels: Array, step: Array, wanted: Array) -> Array:
    return _worst(np.abs(levels - np.clip(wanted / step, -8, 7)), _HALF_ROW_STEP)


def _row_steps(wanted: Array) -> Array:
    """The steps that are tried for each row: [r, 1, candidates]."""
    return integer_rounding.int4_row_candidates(wanted)[:, None]


class Palette:
    """One table [entries] of ascending values, and which of them is nearest to each float16 there is."""

    def __init__(self, table: Array) -> None:
        self._table = table.astype(np.float32)
        every = np.arange(1 << 16, dtype=np.uint16).view(np.float16).astype(np.float32)
        ordered = np.sort(self._table)
        with np.errstate(all="ignore"):  # infinities, and NaN
            best = ordered[np.searchsorted((ordered[1:] + ordered[:-1]) / 2, every)]
            self._distance = np.abs(every - best)
            self._room = 4 * _HALF_ULP * np.abs(every) + 2 * _SMALLEST_HALF

    def ratios(self, stored: Array, half: Array) -> Array:
        """Rows [r, n] of indices, for rows of float16."""
        pattern = half.view(np.uint16)
        beyond = np.abs(half - self._table[stored]) - self._distance[pattern]
        return _worst(beyond, self._room[pattern])


def nearest_of_codebooks(codes: Array, codebook: Array, wanted: Array) -> Array:
    """Rows [r, places] of codes into codebooks [places, entries, d], for rows [r, places · d]."""
    rows, places = codes.shape
    points, worst = wanted.reshape(rows, places, -1), np.zeros(rows)
    for place in range(places):
        own, entries = points[:, place], codebook[place].astype(np.float32)
        squares = np.square(entries).sum(-1) / 2
        gain = own @ entries.T - squares  # the nearest has the most
        chosen = gain[np.arange(rows), codes[:, place]]
        room = 1e-5 * (np.square(own).sum(-1) + squares.max(initial=0)) + 1e-30
        worst = np.maximum(worst, _finite((gain.max(-1) - chosen) / room))
    return worst


def trained_rows(stored: Array, scale: Array, wanted: Array) -> Array:
    """Rows of int8 as `int8`, each times a gain that was trained."""
    step = scale.astype(np.float32)
    gain = _gain(stored * step, wanted)
    own = wanted * gain
    largest = np.abs(own).max(-1, keepdims=True, initial=0) / np.float32(127)
    levels = _worst(np.abs(stored - np.clip(own / step, -127, 127)), 1.5 * _HALF_STEP)  # the gain is an estimate
    ratios = (levels, _worst(_off(step, largest), 32.0), _worst(np.abs(np.log(gain)), _LOG_GAIN))
    return np.asarray(np.max(ratios, 0))


def trained_products(stored: Array, scale: Array, wanted: Array) -> Array:
    """Rows of int8 of a product of two matrices that were both trained."""
    found = stored * scale.astype(np.float32)
    gain = _gain(found, wanted)
    off = np.linalg.norm(found - gain * wanted, axis=-1, keepdims=True)
    near = _worst(off, 0.2 * np.linalg.norm(wanted, axis=-1, keepdims=True) + 1e-30)
    return np.asarray(np.maximum(near, _worst(np.abs(np.log(gain)), _LOG_GAIN)))


def trained_vector(stored: Array, wanted: Array) -> Array:
    """A vector [1, n] of what was trained."""
    return _worst(np.abs(stored.astype(np.float32) - wanted), 0.25 * np.abs(wanted).max(-1, keepdims=True) + 0.1)


def trained_codes(codes: Array, codebook: Array, wanted: Array) -> Array:
    """As `nearest_of_books`, where the codebooks were trained and the codes stayed."""
    rows, places = codes.shape
    found = codebook.astype(np.float32)[np.arange(places), codes].reshape(rows, -1)
    off = np.linalg.norm(found - wanted, axis=-1, keepdims=True)
    return _worst(off, 1.5 * np.linalg.norm(wanted, axis=-1, keepdims=True) + 1e-30)


TRAINED = {"rows": trained_rows, "products": trained_products}
TRAINED_INT4 = {"rows": trained_int4_rows, "products": trained_products}
"""What training does to a matrix → how its rows are compared."""
_LOG_GAIN = float(np.log(4 / 3))


def _gain(found: Array, wanted: Array) -> Array:
    """The factor by which rows are nearest to others, [r, 1]; 1 for zeros."""
    squares = np.square(wanted).sum(-1, keepdims=True)
    return np.asarray(np.where(squares > 0, (found * wanted).sum(-1, keepdims=True) / squares, 1))


def _steps(levels: Array, step: Array, wanted: Array, highest: int, lowest: int | None = None) -> Array:
    """How far levels are from the nearest ones, in half steps."""
    ideal = np.clip(wanted / step, -highest if lowest is None else lowest, highest)
    return _worst(np.abs(levels - ideal), _HALF_STEP)


def _off(step: Array, wanted: Array) -> Array:
    """How far a step in float16 is from what it should be, in units that it may be off; one too small is 1."""
    off = np.abs(step - wanted) / (2 * _HALF_ULP * wanted + _SMALLEST_HALF)
    return np.asarray(np.where((step == 1) & (wanted < 2 * _SMALLEST_HALF), 0, off))


def _worst(error: Array, bound: Array | float) -> Array:
    return np.asarray(_finite(error / bound).max(-1, initial=0))


def _finite(ratio: Array) -> Array:
    return np.nan_to_num(ratio, nan=np.inf, posinf=np.inf)


class Fit:
    """Whether what many values were replaced by stands in the middle of them; made of parts, as they are read.

    `entries` is [entries, d]: a table of single values has d = 1. How far an entry may be from the mean of what it
    stands for goes with the number of those: where k-means ends, one that goes to a neighbour moves a mean of few.
    `step`: of entries that are rounded to int8. Those that were `trained` may be as far away as entries are long.
    """

    def __init__(self, entries: Array, step: float = 0.0, trained: bool = False) -> None:
        self._entries, self._step = entries.astype(np.float64), step
        self._moved = float(np.sqrt(np.square(self._entries).sum(-1).mean())) if trained else 0.0
        self._count = np.zeros(len(entries))
        self._sum = np.zeros(entries.shape)
        self._square = np.zeros(len(entries))

    def add(self, indices: Array, points: Array) -> None:
        """Count `points` [n, d] in for the entries at `indices` [n]."""
        size = len(self._count)
        self._count += np.bincount(indices, minlength=size)[:size]
        if points.shape[1] > 1:  # of a table of values the steps tell
            self._square += np.bincount(indices, np.square(points, dtype=np.float64).sum(-1), minlength=size)[:size]
        for axis in range(points.shape[1]):
            self._sum[:, axis] += np.bincount(indices, points[:, axis], minlength=size)[:size]

    def off_steps(self) -> Array:
        """Of each entry of an ascending table of values: how many times it is further from its mean than may be.

        That is a twentieth of the larger step to a neighbour, and one over the number of values of it.
        """
        steps = np.diff(self._entries[:, 0])
        step = np.maximum(np.concatenate([[0], steps]), np.concatenate([steps, [0]]))
        return self._off(step * (0.05 + 1 / np.maximum(self._count, 1)))

    def off_spreads(self, most: float) -> Array:
        """Of each entry: how many times it is further from its mean than may be.

        That is `most` of the root mean square distance of what it stands for, and one over the root of their number.
        """
        count = np.maximum(self._count, 1)
        spread = np.sqrt(np.maximum(self._square / count - np.square(self._mean).sum(-1), 0))
        return self._off(spread * (most + 1 / np.sqrt(count)))

    @property
    def _mean(self) -> Array:
        return np.asarray(self._sum / np.maximum(self._count, 1)[:, None])

    def _off(self, room: Array) -> Array:
        """Entries that stand for nothing are nowhere wrong; all are stored in float16."""
        stored = 2 * _HALF_ULP * np.sqrt(np.square(self._mean).sum(-1)) + _SMALLEST_HALF
        beyond = np.maximum(np.abs(self._entries - self._mean) - _HALF_STEP * self._step, 0)
        distance = np.sqrt(np.square(beyond).sum(-1))
        return np.where(self._count > 0, _finite(distance / (room + stored + self._moved)), 0)
