"""Confidence intervals of a drop: the difference of two models over the same rows.

Rows are paired: both models answer the same ones, so what they share drops out, and far fewer rows tell them apart
than two separate samples would need.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from runtimes.parity.agreement import Z95
from runtimes.runner import Array

RESAMPLES, SEED = 1000, 0
_BLOCK = 50


@dataclass(frozen=True)
class Interval:
    """A 95 % interval of (reference − candidate), and how it was found."""

    low: float
    high: float
    method: str


def paired_interval(reference: Array, candidate: Array, value: Callable[[Array], Array], of: str = "rows") -> Interval:
    """The interval for the difference of value(mean over rows).

    `reference` and `candidate` are [N, k], what each row adds to a metric; `value` takes means [..., k] to the metric
    [...]. Rows that are right or wrong have a closed form, everything else is resampled. `of` names what
    the N are.
    """
    if reference.shape[1] == 1 and np.isin(reference, (0, 1)).all() and np.isin(candidate, (0, 1)).all():
        return _bonett_price(reference[:, 0].astype(bool), candidate[:, 0].astype(bool))
    return _bootstrap(reference, candidate, value, of)


def _bonett_price(reference: Array, candidate: Array) -> Interval:
    """Adjusted Wald interval for paired proportions: one more discordant row on each side.

    Bonett and Price 2012, J. Educ. Behav. Stat. 37:479; recommended by Fagerland, Lydersen and Laake 2014, Stat. Med.
    33:2850. Unlike resampling it is no single point where the two agree on every row.
    """
    rows = len(reference) + 2
    lost = (np.count_nonzero(reference & ~candidate) + 1) / rows
    gained = (np.count_nonzero(~reference & candidate) + 1) / rows
    half = Z95 * float(np.sqrt((lost + gained - (lost - gained) ** 2) / rows))
    centre = lost - gained
    return Interval(
        float(max(-1.0, centre - half)),
        float(min(1.0, centre + half)),
        "Bonett-Price adjusted Wald, paired proportions",
    )


def _bootstrap(reference: Array, candidate: Array, value: Callable[[Array], Array], of: str) -> Interval:
    """Percentiles of the difference over resampled rows (Efron and Tibshirani 1993, chapter 13), seeded."""
    random, rows = np.random.default_rng(SEED), len(reference)
    differences = []
    for _ in range(RESAMPLES // _BLOCK):
        weights = random.multinomial(rows, np.full(rows, 1 / rows), _BLOCK) / rows  # [block, N]
        differences.append(value(weights @ reference) - value(weights @ candidate))
    low, high = np.percentile(np.concatenate(differences), (2.5, 97.5))
    return Interval(float(low), float(high), f"paired bootstrap over {of}, {RESAMPLES} resamples, seed {SEED}")
