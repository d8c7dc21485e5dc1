"""Changes of a stored array: values, rows, and all of it."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from exporter.model.ops import Array

Change = Callable[[Array, np.random.Generator], Array]


def changes(elements: Array) -> Iterator[tuple[str, Change]]:
    """What may be done to floats, integers and booleans, each with its name; a change takes a copy and a source."""
    if elements.dtype.kind == "f" and not elements.any():
        yield "all one more", lambda x, _: x + x.dtype.type(1)
    elif elements.dtype.kind == "f":
        yield "one value · 1.02", partial(_one, change=lambda x: x * 1.02)
        yield "one value · 1.5", partial(_one, change=lambda x: x * 1.5)
        yield "one value · −1", partial(_one, change=lambda x: -x)
        yield "one value NaN", partial(_one, change=lambda x: x * np.nan)
        yield "all · 1.02", lambda x, _: x * x.dtype.type(1.02)
        yield "zeros", lambda x, _: x * 0
        if _has_two_ends(elements):
            yield "reversed", lambda x, _: x.reshape(-1)[::-1].reshape(x.shape)
    elif elements.any():
        yield "one value flipped", partial(_one, change=_flipped)
        yield "one value a step off", partial(_one, change=_step)
        if _has_two_ends(elements):
            yield "reversed", lambda x, _: x.reshape(-1)[::-1].reshape(x.shape)
    if elements.ndim > 1 and elements.size > max(elements.shape) and elements.any():
        yield "two rows swapped", _swapped
        yield "rows shuffled", _shuffled
        yield "rows one off", lambda x, _: np.roll(x.reshape(_rows(x), -1), 1, 0).reshape(x.shape)
        if _rows(elements) > 2:
            yield "rows two off", lambda x, _: np.roll(x.reshape(_rows(x), -1), 2, 0).reshape(x.shape)
        yield "halves swapped", lambda x, _: np.roll(x.reshape(_rows(x), -1), _rows(x) // 2, 0).reshape(x.shape)
        yield "a row zero", _zeroed
        yield "the last half of the rows zero", _half
        square = [size for size in elements.shape if size > 1]
        if len(square) == 2 and square[0] == square[1]:
            yield "transposed", lambda x, _: x.reshape(square).T.reshape(x.shape)


def _has_two_ends(elements: Array) -> bool:
    """Whether it reads otherwise from its end."""
    return not np.array_equal(elements.reshape(-1), elements.reshape(-1)[::-1])


def _rows(elements: Array) -> int:
    """Of [rows, n], of [rows, n, 1, 1] and of [1, rows, n]."""
    return next(size for size in elements.shape if size > 1)


def _one(elements: Array, random: np.random.Generator, change: Callable[[Any], Any]) -> Array:
    """One of the values that are not zero: the largest of some."""
    flat = elements.reshape(-1)
    places = random.permutation(np.flatnonzero(flat))[:8]
    if len(places):
        at = places[np.argmax(np.abs(flat[places].astype(np.float64)))]
        flat[at] = change(flat[at])
    return elements


def _flipped(value: Any) -> Any:
    return -value if value.dtype.kind == "i" else value ^ 1 if value.dtype == np.bool_ else np.bitwise_xor(value, 1)


def _step(value: Any) -> Any:
    return value - 1 if value > 0 else value + 1


def _swapped(elements: Array, random: np.random.Generator) -> Array:
    rows = elements.reshape(_rows(elements), -1)
    one, other = random.choice(len(rows), 2, replace=False)
    rows[[one, other]] = rows[[other, one]]
    return elements


def _shuffled(elements: Array, random: np.random.Generator) -> Array:
    order = random.permutation(_rows(elements))
    if (np.diff(order) > 0).all():  # of few rows a draw may leave all where they are
        order = np.roll(order, 1)
    return np.asarray(elements.reshape(len(order), -1)[order].reshape(elements.shape))


def _zeroed(elements: Array, random: np.random.Generator) -> Array:
    elements.reshape(_rows(elements), -1)[random.integers(_rows(elements))] = 0
    return elements


def _half(elements: Array, _random: np.random.Generator) -> Array:
    elements.reshape(_rows(elements), -1)[_rows(elements) // 2 :] = 0
    return elements
