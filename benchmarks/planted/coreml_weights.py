"""Faults of stored weights: rows, scales, indices and entries, of every weight of a package."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from exporter.encoder.ops import Array
from planted.coreml_file import Spoilt, fault, kind
from planted.frame import Fault

Change = Callable[[Array, np.random.Generator], Array]


def weight_faults(package: Spoilt, seed: int) -> Iterator[Fault]:
    """Every change of every stored array of more than one number."""
    for number, operation in enumerate(package.operations):
        for part, value in _arrays(operation):
            elements = package.read(value)
            for how, change in [*_changes(elements), *_copies(number, part, elements, package)]:
                name = f"{operation.outputs[0].name}, {part}: {how}"
                if not np.array_equal(_changed(elements, change, seed + number), elements):
                    yield fault("weight", name, partial(_spoil, number, part, change, seed))


def _arrays(operation: Any) -> Iterator[tuple[str, Any]]:
    if operation.type == "const":
        value = operation.attributes["val"]
        if value.type.tensorType.dataType not in (1, 2) and _is_weight(value):
            yield "val", value
    elif operation.type.startswith("constexpr_"):
        # iOS 18 gives inputs, older ones have attributes
        given = {part: one.arguments[0].value for part, one in operation.inputs.items()}
        for part, value in sorted({**given, **operation.attributes}.items()):
            if part not in ("name", "shape", "axis"):
                yield part, value


def _is_weight(value: Any) -> bool:
    """Floats, and whole tables of codes; short lists of integers are arguments."""
    sizes = [int(one.constant.size) for one in value.type.tensorType.dimensions]
    return (value.type.tensorType.dataType in (10, 11) and bool(sizes)) or len(sizes) == 2


def _spoil(number: int, part: str, change: Change, seed: int, package: Spoilt) -> None:
    value = dict(_arrays(package.operations[number]))[part]
    package.write(value, _changed(package.read(value), change, seed + number))


def _changed(elements: Array, change: Change, seed: int) -> Array:
    with np.errstate(all="ignore"):
        return change(elements.copy(), np.random.default_rng(seed)).astype(elements.dtype)


def _copies(number: int, part: str, elements: Array, package: Spoilt) -> Iterator[tuple[str, Change]]:
    """The next weight of the same form, such as the same layer's of another block."""
    for operation in package.operations[number + 1 :]:
        for other, value in _arrays(operation):
            if other == part and kind(value)[1] == elements.shape and elements.size > 1:
                yield f"what {operation.outputs[0].name} holds", partial(_copied, package.read(value))
                return


def _changes(elements: Array) -> Iterator[tuple[str, Change]]:
    if elements.dtype.kind == "f":
        yield "one value · 1.02", partial(_one, change=lambda x: x * 1.02)
        yield "one value · 1.5", partial(_one, change=lambda x: x * 1.5)
        yield "one value · −1", partial(_one, change=lambda x: -x)
        yield "one value NaN", partial(_one, change=lambda x: x * np.nan)
        yield "all · 1.02", lambda x, _: x * 1.02
        yield "zeros", lambda x, _: x * 0
        if elements.size > 1:
            yield "reversed", lambda x, _: x.reshape(-1)[::-1].reshape(x.shape)
    elif elements.any():
        yield "one value flipped", partial(_one, change=_flipped)
        yield "one value a step off", partial(_one, change=_step)
    if elements.ndim > 1 and elements.size > max(elements.shape):
        yield "two rows swapped", _swapped
        yield "rows shuffled", lambda x, random: random.permutation(x.reshape(_rows(x), -1)).reshape(x.shape)
        yield "rows one off", lambda x, _: np.roll(x.reshape(_rows(x), -1), 1, 0).reshape(x.shape)
        yield "rows two off", lambda x, _: np.roll(x.reshape(_rows(x), -1), 2, 0).reshape(x.shape)
        yield "halves swapped", lambda x, _: np.roll(x.reshape(_rows(x), -1), _rows(x) // 2, 0).reshape(x.shape)
        yield "a row zero", _zeroed
        square = [size for size in elements.shape if size > 1]
        if len(square) == 2 and square[0] == square[1]:
            yield "transposed", lambda x, _: x.reshape(square).T.reshape(x.shape)


def _copied(elements: Array, _own: Array, _random: np.random.Generator) -> Array:
    return elements


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


def _zeroed(elements: Array, random: np.random.Generator) -> Array:
    elements.reshape(_rows(elements), -1)[random.integers(_rows(elements))] = 0
    return elements
