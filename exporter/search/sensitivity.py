"""Sensitivity of each group of weights: the error when it alone is rounded and all others stay float16."""

import logging
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from exporter.model.model import Model
from exporter.model.weight_list import rounded_weights
from exporter.verification.labelled.answers import Examiner
from runtimes.backends.registry import open_runner
from runtimes.bundle.reading import Bundle
from runtimes.process.progress import track
from runtimes.runner import Outputs

_log = logging.getLogger(__name__)

_LAYER = re.compile(r"(layer\.\d+)\.(attention|intermediate|dense)\b")
_ROWS = 64
_MOST_SETS, _WORTH_SHARE = 4, 0.25


@dataclass(frozen=True)
class Group:
    """Weights that are rounded or kept together. `patterns` are `--keep`'s; `numbers` is how many they hold."""

    name: str
    patterns: tuple[str, ...]
    numbers: int


@dataclass(frozen=True)
class Sensitivity:
    """What rounding one group by a scheme does: the mean |difference| of the outputs over `rows` rows of the data."""

    group: Group
    mean_absolute: float
    rows: int
    measured_s: float

    @property
    def per_number(self) -> float:
        """What keeping one number more is worth."""
        return self.mean_absolute / self.group.numbers


def groups(model: Model) -> list[Group]:
    """Each table, attention and feed-forward of each layer, and what follows the last."""
    found: dict[str, Group] = {}
    for weight in rounded_weights(model):
        name, patterns = _group(weight.name)
        numbers = weight.values.size + (found[name].numbers if name in found else 0)
        found[name] = Group(name, patterns, numbers)
    return list(found.values())


def measure_sensitivity(
    examiner: Examiner, rows: Sequence[int], make: Callable[[tuple[str, ...]], Bundle]
) -> list[Sensitivity]:
    """Measure every group on some of `rows` of the data, the most sensitive for its size first.

    `make` gives the bundle that keeps some patterns.
    """
    taken = rows[:: -(-len(rows) // _ROWS)]
    every = groups(examiner.checkpoint.model)
    found = []
    for group in track(every, "weights, each rounded alone"):
        start = time.perf_counter()
        others = tuple(pattern for other in every if other is not group for pattern in other.patterns)
        error = _mean_difference(examiner, taken, make(others))
        found.append(Sensitivity(group, error, len(taken), time.perf_counter() - start))
        _log.info(f"rounding {group.name} alone: mean difference {error:.3g}")
    return sorted(found, key=lambda one: -one.per_number)


def worth_keeping(ranked: Sequence[Sensitivity]) -> list[tuple[Group, ...]]:
    """Sets of groups to keep: the first few that make a quarter of all differences together, and the worst alone.

    Where one large group makes nearly all of it, as a word table in four bits does, the small ones are not worth a try.
    """
    every = sum(one.mean_absolute for one in ranked)
    starts = [tuple(ranked[:count]) for count in range(1, len(ranked))]
    sets = [part for part in starts if sum(one.mean_absolute for one in part) >= _WORTH_SHARE * every][:_MOST_SETS]
    worst = (max(ranked, key=lambda one: one.mean_absolute),)
    return [tuple(one.group for one in part) for part in dict.fromkeys([*sets, worst])]


def _mean_difference(examiner: Examiner, rows: Sequence[int], bundle: Bundle) -> float:
    runner = open_runner(bundle)
    positions = runner.positions or examiner.checkpoint.max_tokens
    encoded, reference = examiner.own(bundle, positions), examiner.reference(positions)
    found = examiner.outputs(runner, bundle.token_outputs, [encoded[at] for at in rows], bundle.directory.name)
    return _difference([reference[at] for at in rows], found)


def _difference(reference: Sequence[Outputs], found: Sequence[Outputs]) -> float:
    pairs = zip(reference, found, strict=True)
    return float(np.mean([np.abs(left[name] - right[name]).mean() for left, right in pairs for name in left]))


def _group(weight: str) -> tuple[str, tuple[str, ...]]:
    """The group of a weight, and the patterns of all that is in it."""
    layer = _LAYER.match(weight)
    if layer is None:
        stem = weight.removesuffix(".weight")
        return stem, (f"{stem}.*",)
    if layer[2] == "attention":
        return f"{layer[1]}.attention", (f"{layer[1]}.attention.*",)
    return f"{layer[1]}.feed-forward", (f"{layer[1]}.intermediate.*", f"{layer[1]}.dense.*")
