"""Comparing a model with one that always gives the same answer."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from runtimes.evaluation.paired import paired_interval
from runtimes.evaluation.problems import Problem

_ROWS_TO_TELL = 20


def against_constant(
    problem: Problem, name: str, golds: Sequence[Any], answers: Sequence[Any], labels: Sequence[str]
) -> list[str]:
    """A warning where the figure that decides does not tell PyTorch's `answers` from one answer to all rows.

    Of the constants the best by that figure is taken, for each problem that has one.
    """
    if len(golds) < _ROWS_TO_TELL or not (constants := _constants(name, golds)):
        return []
    ours = problem.scores(golds, answers, labels)
    figures = [problem.scores(golds, [one] * len(golds), labels).figures[ours.metric] for one in constants]
    best = int(np.argmax(figures))
    always = [constants[best]] * len(golds)
    sides = [problem.parts(golds, side, labels) for side in (answers, always)]
    gain = ours.figures[ours.metric] - figures[best]
    low = paired_interval(sides[0], sides[1], problem.value).low
    if gain > 0 and low > 0:
        return []
    told = f"always answering {_told(constants[best], labels)}"
    return [
        f"PyTorch's {ours.metric} on these {len(golds):,} rows is {ours.figures[ours.metric]:.4f}, and {told} gives "
        f"{figures[best]:.4f}: no better than a constant as far as they tell, so that a drop says little"
    ]


def _constants(name: str, golds: Sequence[Any]) -> list[Any]:
    match name:
        case "single_label_classification":
            return sorted(set(golds))
        case "multi_label_classification":
            common, _ = Counter(tuple(sorted(row)) for row in golds).most_common(1)[0]
            return [list(common)]
        case "regression" | "score":
            return [float(np.mean(golds))]
        case "text_ranking":
            return [0.0]
        case _:
            return []


def _told(constant: Any, labels: Sequence[str]) -> str:
    if isinstance(constant, int):
        return repr(labels[constant])
    if isinstance(constant, list):
        return ", ".join(labels[number] for number in constant) or "no label"
    return f"{constant:.3g}"
