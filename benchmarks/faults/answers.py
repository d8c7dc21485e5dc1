"""What a bundle answers over its whole vocabulary: how much a fault changes that, and how much rounding alone does."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.faults.frame import Effect
from exporter.model.numpy_ops import trace
from exporter.model.ops import Array
from exporter.targets.audit.subject import Audited
from runtimes.backends.registry import open_runner
from runtimes.bundle.reading import read_bundle
from runtimes.runner import Batch, Outputs, resized

_COMPARED_ROWS = 24
"""Of the float model, whose definition of every operation is slow."""


def probes(audited: Audited, length: int) -> Batch:
    """Every vocabulary entry once, at `length` tokens, the last row padded; both types, where there are two."""
    vocabulary = audited.checkpoint.geometry.vocabulary
    rows = -(-vocabulary // length)
    ids, mask = np.full(rows * length, audited.checkpoint.geometry.pad), np.zeros(rows * length, np.int64)
    ids[:vocabulary], mask[:vocabulary] = np.random.default_rng(0).permutation(vocabulary), 1
    types = np.zeros((rows, length), np.int64)
    if audited.checkpoint.geometry.types > 1:
        types[:, length // 2 :] = 1
    return Batch(ids.reshape(rows, length), mask.reshape(rows, length), types)


def effect_of(audited: Audited, batch: Batch) -> Effect:
    """How to measure what a faulty bundle changes; the untouched one answers when the first is asked."""
    own: dict[str, Outputs] = {}

    def effect(place: Path) -> float:
        if not own:
            own["answers"] = _answers(audited, batch)
        return _difference(_answers(replace(audited, bundle=read_bundle(place)), batch), own["answers"])

    return effect


def rounding_of(audited: Audited, batch: Batch) -> float:
    """The largest difference between the untouched bundle and the float model, over some of the rows."""
    some = Batch(batch.ids[:_COMPARED_ROWS], batch.mask[:_COMPARED_ROWS], batch.types[:_COMPARED_ROWS])
    ours = trace(audited.checkpoint.model, some.ids, some.mask, some.types)
    return _difference(_answers(audited, some), {name: ours[name] for name in audited.checkpoint.model.outputs})


def _answers(audited: Audited, batch: Batch) -> Outputs:
    return open_runner(audited.bundle).run(batch)


def _difference(found: Outputs, wanted: Outputs) -> float:
    """NaN where either has it."""
    with np.errstate(all="ignore"):
        return float(max(_largest(resized_like(found[name], values), values) for name, values in wanted.items()))


def resized_like(found: Array, wanted: Array) -> Array:
    """`found` itself, or as wide as `wanted`."""
    return found if found.shape == wanted.shape else resized(found, wanted.shape[1])


def _largest(found: Array, wanted: Array) -> Array:
    return np.abs(found.astype(np.float64) - wanted).max()
