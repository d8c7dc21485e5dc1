"""Judging figures against a budget: what exceeds it, what is near it, what float32 leaves open."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from runtimes.bundle.manifest import Budget
from runtimes.parity.ties import NOISE_STEPS, STEP
from runtimes.runner import Array

NUMBERS_OF_BUDGETS = ("max_absolute", "max_relative", "padding")
"""How failures begin that are of numbers, not of decisions or directions."""
TIGHTEST_ABSOLUTE = 1e-4
"""Of all schemes' budgets (exporter.targets.schemes): that of `none`."""
CLOSE_SHARE = 0.9
"""A figure beyond this share of its limit is near it: another text could be beyond."""
FLOAT64_FACTOR = 2.0
"""How far from PyTorch in float64 an export may be, in units of what PyTorch in float32 is: as far, and once more for
sums in another order, whose largest error over a battery is now above and now below PyTorch's."""


@dataclass(frozen=True)
class _Limit:
    """One figure, and the most that it may be."""

    name: str
    value: float
    most: float

    @property
    def beyond(self) -> bool:
        return not self.value <= self.most

    @property
    def close(self) -> bool:
        return not self.beyond and self.value > CLOSE_SHARE * self.most


def beyond(figures: Mapping[str, Any], budget: Budget) -> list[str]:
    """What exceeds the budget, each with the value that would pass."""
    failures = [
        f"{one.name} {one.value:.3g} is beyond {one.most:.3g} (worst: {figures['worst_case']})"
        for one in _limits(figures, budget)
        if one.beyond
    ]
    return [*failures, *_disagreement(figures, budget), *_turned(figures, budget)]


def near(figures: Mapping[str, Any], budget: Budget) -> list[str]:
    """What is within the budget and so near to its end, or so unsure, that more text could tell otherwise."""
    found = [
        f"{one.name} {one.value:.3g} is within 10 % of its limit {one.most:.3g}"
        for one in _limits(figures, budget)
        if one.close
    ]
    return [*found, *_doubtful(figures, budget), *_nearly_turned(figures, budget)]


def _limits(figures: Mapping[str, Any], budget: Budget) -> list[_Limit]:
    padding, scale = figures["padding_max_absolute"], max(figures["logit_range"], 1e-12)
    stated = [
        ("max_absolute", figures["max_absolute"], budget.max_absolute),
        ("max_relative", figures["max_relative"], budget.max_relative),
        ("padding, absolute", padding, budget.max_absolute),
        ("padding, relative", padding / scale, budget.max_relative),
    ]
    return [_Limit(name, value, most) for name, value, most in stated if most is not None]


def _disagreement(figures: Mapping[str, Any], budget: Budget) -> list[str]:
    """Agreement fails where all that it may be, with 95 % confidence, is below the budget."""
    value, interval = figures["agreement"], figures["agreement_interval"]
    if value is None or interval[1] >= budget.min_agreement:
        return []
    return [f"agreement {_measured(figures)} is below {budget.min_agreement:.4f}"]


def _doubtful(figures: Mapping[str, Any], budget: Budget) -> list[str]:
    """Agreement that its interval alone carries, or that is near its limit."""
    value, interval, least = figures["agreement"], figures["agreement_interval"], budget.min_agreement
    if value is None or not least or interval[1] < least or 1 - value <= CLOSE_SHARE * (1 - least):
        return []
    if value >= least:
        return [f"agreement {_measured(figures)} is within 10 % of its limit {least:.4f}"]
    return [
        f"agreement {_measured(figures)} is below {least:.4f}, and these texts are too few to tell it from that: "
        "compare on more of the task's own with --texts"
    ]


def _measured(figures: Mapping[str, Any]) -> str:
    low, high = figures["agreement_interval"]
    name = next(iter(figures["seen"]), "agreement")
    return f"{figures['agreement']:.4f} ({name}, 95 % between {low:.4f} and {high:.4f})"


def _turned(figures: Mapping[str, Any], budget: Budget) -> list[str]:
    least = figures["seen"].get("least cosine")
    if least is None or budget.min_cosine is None or least >= budget.min_cosine:
        return []
    return [f"least cosine {least:.6f} is below {budget.min_cosine:.6f}"]


def _nearly_turned(figures: Mapping[str, Any], budget: Budget) -> list[str]:
    least = figures["seen"].get("least cosine")
    if least is None or budget.min_cosine is None or least < budget.min_cosine:
        return []
    near_it = 1 - least > CLOSE_SHARE * (1 - budget.min_cosine)
    return [f"least cosine {least:.6f} is within 10 % of its limit {budget.min_cosine:.6f}"] if near_it else []


def float32_decides(figures: Mapping[str, Any], size: float, budget: Budget) -> bool:
    """Whether outputs as large as `size` move by more than the budget where sums are merely taken in another order.

    A limit that is tighter than any scheme's was asked for by a caller, and is held as it stands.
    """
    if budget.max_absolute is not None and budget.max_absolute < TIGHTEST_ABSOLUTE:
        return False
    tolerances = [budget.max_absolute] if budget.max_absolute is not None else []
    tolerances += [] if budget.max_relative is None else [budget.max_relative * figures["logit_range"]]
    return bool(tolerances) and NOISE_STEPS * STEP * size > min(tolerances)


@dataclass(frozen=True)
class Float64:
    """How far PyTorch in float32 and a candidate are from PyTorch in float64, at most, of outputs as large as `size`.

    `padding` is what padding alone changes in the candidate's distance from it.
    """

    reference: float
    candidate: float
    padding: float
    size: float

    @property
    def allowed(self) -> float:
        """What a candidate may be off: never less than one float32 step of the outputs."""
        return FLOAT64_FACTOR * max(self.reference, STEP * self.size)

    @property
    def holds(self) -> bool:
        """Whether the candidate is as good a float32 model as PyTorch's; padding compares two errors of it."""
        return self.candidate <= self.allowed and self.padding <= 2 * self.allowed

    @property
    def told(self) -> str:
        """For a warning."""
        return (
            f"outputs reach {self.size:.4g}, where float32 steps are {STEP * self.size:.2g}: judged by PyTorch in "
            f"float64, from which this is {self.candidate:.2g} and PyTorch in float32 {self.reference:.2g} off "
            f"(allowed: {self.allowed:.2g})"
        )


def largest(rows: Sequence[Sequence[Array]]) -> float:
    """The largest absolute number of all rows of all cases."""
    return max((float(np.abs(row).max(initial=0)) for case in rows for row in case), default=0.0)


def apart(left: Sequence[Sequence[Array]], right: Sequence[Sequence[Array]]) -> float:
    """The largest absolute difference of two sides."""
    return largest([[a - b for a, b in zip(*rows, strict=True)] for rows in zip(left, right, strict=True)])
