"""Faults of what a LiteRT model stores: values, scales, zero points, and which tensor has which."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.faults.arrays import Change, changes
from benchmarks.faults.frame import Fault
from benchmarks.faults.litert_file import Spoilt, fault, name_of
from exporter.model.ops import Array


def weight_faults(model: Spoilt, seed: int) -> Iterator[Fault]:
    """Every change of every constant: those with a suffix or two axes are weights, the others constants."""
    for number, (name, tensor) in enumerate(model.constants().items()):
        values = model.read(name)
        kind = "weight" if values.size > 8 else "constant"
        for how, change in changes(values):
            yield fault(kind, f"{name}: {how}", partial(_spoil, name, change, seed + number))
        if values.dtype.kind == "f" and values.size == 1:
            for value in (-10.0, -np.inf, 1e-5):
                yield fault(kind, f"{name}: {value}", partial(_set, name, value))
        yield fault(kind, f"{name}: another name", partial(_change, name, _rename))
        yield fault("sharing", f"{name}: without values", partial(_change, name, _empty))
        if tensor.quantization is not None and tensor.quantization.detailsType:
            yield from _block_faults(name)
        elif tensor.quantization is not None:
            yield from _scale_faults(name, np.array(tensor.quantization.scale), seed + number)
    yield from _sharing_faults(model)


def _spoil(name: str, change: Change, seed: int, model: Spoilt) -> None:
    with np.errstate(all="ignore"):
        model.write(name, change(model.read(name), np.random.default_rng(seed)))


def _set(name: str, value: float, model: Spoilt) -> None:
    model.write(name, np.full_like(model.read(name), value))


def _change(name: str, change: Callable[[Any], None], model: Spoilt) -> None:
    """Of a tensor in all subgraphs."""
    for one in model.tensors():
        if name_of(one) == name:
            change(one)


def _rename(tensor: Any) -> None:
    tensor.name = tensor.name + b".other"


def _empty(tensor: Any) -> None:
    tensor.buffer = 0


def _scale_faults(name: str, scale: Array, seed: int) -> Iterator[Fault]:
    for how, change in changes(scale):
        yield fault("scale", f"{name}, scales: {how}", partial(_rescale, name, change, seed))
    every: dict[str, Callable[[Any], None]] = {
        "one zero point 3": lambda one: _zero_points(one, 1, 3),
        "all zero points −1": lambda one: _zero_points(one, len(one.quantization.scale), -1),
        "of the other axis": lambda one: setattr(one.quantization, "quantizedDimension", 1),
        "none": lambda one: setattr(one, "quantization", None),
        "of the whole tensor": _of_the_whole,
    }
    for how, change_one in every.items():
        yield fault("scale", f"{name}, scales: {how}", partial(_change, name, change_one))


def _rescale(name: str, change: Change, seed: int, model: Spoilt) -> None:
    scale = np.array(model.tensor(name).quantization.scale)
    with np.errstate(all="ignore"):
        model.rescale(name, change(scale, np.random.default_rng(seed)))


def _zero_points(tensor: Any, count: int, value: int) -> None:
    points: Array = np.zeros(len(tensor.quantization.scale), np.int64)
    points[-count:] = value
    tensor.quantization.zeroPoint = points


def _of_the_whole(tensor: Any) -> None:
    tensor.quantization.scale, tensor.quantization.zeroPoint = (
        tensor.quantization.scale[:1] * 1.5,
        np.zeros(1, np.int64),
    )


def _block_faults(name: str) -> Iterator[Fault]:
    every: dict[str, Callable[[Any], None]] = {
        "half as many numbers a scale": lambda one: _resize(one, lambda size: size // 2),
        "twice as many numbers a scale": lambda one: _resize(one, lambda size: size * 2),
        "of another tensor": lambda one: setattr(one.quantization.details, "scales", 0),
        "none": lambda one: setattr(one, "quantization", None),
    }
    for how, change in every.items():
        yield fault("scale", f"{name}, scales: {how}", partial(_change, name, change))


def _resize(tensor: Any, change: Callable[[int], int]) -> None:
    tensor.quantization.details.blockSize = change(tensor.quantization.details.blockSize)


def _sharing_faults(model: Spoilt) -> Iterator[Fault]:
    """Of tensors of one form: another's values, as a copy, or of one buffer."""
    forms: dict[tuple[Any, ...], list[str]] = {}
    for name, tensor in model.constants().items():
        forms.setdefault((tensor.type, *tensor.shape), []).append(name)
    for names in forms.values():
        for one, other in pairwise(names):
            if not np.array_equal(model.read(one), model.read(other)):
                yield fault("weight", f"{one}: {other}'s values", partial(_copy, one, other))
            yield fault("sharing", f"{one}: {other}'s buffer", partial(_share, one, other))


def _copy(name: str, other: str, model: Spoilt) -> None:
    model.write(name, model.read(other))


def _share(name: str, other: str, model: Spoilt) -> None:
    buffer = model.tensor(other).buffer
    _change(name, lambda one: setattr(one, "buffer", buffer), model)
