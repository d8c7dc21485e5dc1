"""Faults of stored weights: rows, scales, indices and entries, of every weight of a package."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from benchmarks.faults.arrays import Change, changes
from benchmarks.faults.coreml_file import Spoilt, fault, kind
from benchmarks.faults.frame import Fault
from exporter.model.ops import Array


def weight_faults(package: Spoilt, seed: int) -> Iterator[Fault]:
    """Every change of every stored array of more than one number."""
    for number, operation in enumerate(package.operations):
        for part, value in _arrays(operation):
            elements = package.read(value)
            for how, change in [*changes(elements), *_copies(number, part, elements, package)]:
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


def _copied(elements: Array, _own: Array, _random: np.random.Generator) -> Array:
    return elements
