"""Comparing two models over the same rows: figures, the drop with its interval, and the rows that differ."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from runtimes.evaluation.metrics import Scores
from runtimes.evaluation.paired import Interval, paired_interval
from runtimes.evaluation.problems import Problem
from runtimes.parity.answers import degenerate

_GRADED_SHARE = 0.01
_SUSPICIOUS_GAIN, _ROWS_TO_TELL = 0.05, 20


@dataclass(frozen=True)
class Comparison:
    """Both sides' figures. `drop` is the reference's first figure less the candidate's; positive is a loss.

    `differing` numbers the rows with other answers: of amounts, those more than 1 % of their range apart, and those
    have no `agreement`.
    """

    reference: Scores
    candidate: Scores
    drop: float
    interval: Interval
    agreement: float | None
    differing: tuple[int, ...]

    @property
    def drop_points(self) -> float:
        """The drop in hundredths, without the last digits of binary fractions: 3 of 1,000 rows are 0.3."""
        return round(self.drop * 100, 9)


def compare_answers(
    problem: Problem, golds: Sequence[Any], reference: Sequence[Any], candidate: Sequence[Any], labels: Sequence[str]
) -> Comparison:
    """Score both sides and set them against each other; all three sequences are row by row."""
    left, right = (problem.scores(golds, answers, labels) for answers in (reference, candidate))
    parts = [problem.parts(golds, answers, labels) for answers in (reference, candidate)]
    drop = left.figures[left.metric] - right.figures[left.metric]
    differing = _amounts_apart(reference, candidate) if problem.graded else _unequal(reference, candidate)
    agreement = None if problem.graded else 1 - len(differing) / len(golds)
    interval = paired_interval(parts[0], parts[1], problem.value, "queries" if problem.grouped else "rows")
    return Comparison(left, right, drop, interval, agreement, differing)


def doubts(problem: str, golds: Sequence[Any], reference: Sequence[Any], labels: Sequence[str]) -> list[str]:
    """What makes the figures less than they seem: labels that no row has, one answer only, labels in another order."""
    if problem != "single_label_classification":
        return []
    found = degenerate([int(answer) for answer in reference], problem)
    absent = [label for number, label in enumerate(labels) if number not in set(golds)]
    if absent:
        found.append(
            f"no row has the label {', '.join(absent[:4])}: the figures say nothing of it; is it the right data?"
        )
    return [*found, *_other_order(golds, reference, labels)]


def _unequal(reference: Sequence[Any], candidate: Sequence[Any]) -> tuple[int, ...]:
    return tuple(at for at, pair in enumerate(zip(reference, candidate, strict=True)) if pair[0] != pair[1])


def _amounts_apart(reference: Sequence[float], candidate: Sequence[float]) -> tuple[int, ...]:
    apart = np.abs(np.array(reference) - np.array(candidate))
    return tuple(int(at) for at in np.flatnonzero(apart > _GRADED_SHARE * np.ptp(reference)))


def _other_order(golds: Sequence[int], reference: Sequence[int], labels: Sequence[str]) -> list[str]:
    """Whether the labels in another order would fit the reference's answers much better."""
    from scipy.optimize import linear_sum_assignment

    together = np.zeros((len(labels), len(labels)), int)
    np.add.at(together, (np.array(golds), np.array(reference)), 1)
    rows, columns = linear_sum_assignment(together, maximize=True)
    gain = (together[rows, columns].sum() - np.trace(together)) / len(golds)
    if gain < _SUSPICIOUS_GAIN or len(golds) < _ROWS_TO_TELL:
        return []
    swapped = [(row, column) for row, column in zip(rows, columns, strict=True) if row != column]
    listed = ", ".join(f"{labels[row]} → {labels[column]}" for row, column in swapped[:4])
    return [f"PyTorch would be right {gain:.0%} more often with labels in another order ({listed}): check --labels"]
