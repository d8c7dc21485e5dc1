"""Faults of what a Core AI asset stores: values, scales, palettes, codes and codebooks."""

from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks.faults.arrays import Change, changes
from benchmarks.faults.coreai_file import constant_fault, constants_of
from benchmarks.faults.frame import Fault
from exporter.model.ops import Array
from runtimes.aimodel.attributes import BITS


def weight_faults(bundle: Path, seed: int) -> Iterator[Fault]:
    """Every change of every constant, and what the next one of its form holds in its place."""
    forms: dict[tuple[object, ...], list[str]] = {}
    constants = constants_of(bundle)
    for number, (name, stored) in enumerate(constants.items()):
        values = stored.read()
        forms.setdefault((stored.element, stored.shape), []).append(name)
        for how, change in changes(values):
            made = partial(_changed, change=change, seed=seed + number)
            if not np.array_equal(_narrow(made(values.copy()), stored.element), values):
                yield constant_fault("weight", f"{name}: {how}", name, made)
    for names in forms.values():
        for one, other in pairwise(names):
            held = constants[other].read().copy()
            if not np.array_equal(constants[one].read(), held):
                yield constant_fault("weight", f"{one}: what {other} holds", one, partial(_given, held))


def _changed(values: Array, change: Change, seed: int) -> Array:
    with np.errstate(all="ignore"):
        return change(values, np.random.default_rng(seed)).astype(values.dtype)


def _given(held: Array, _own: Array) -> Array:
    return held


def _narrow(values: Array, element: str) -> Array:
    """What is left of numbers that several share a byte: a step beyond the last of them is none."""
    bits = BITS[element]
    if bits >= 8:
        return values
    low = values & ((1 << bits) - 1)
    return low if element.startswith("u") else ((low ^ (1 << bits - 1)) - (1 << bits - 1)).astype(values.dtype)
