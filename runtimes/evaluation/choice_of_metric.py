"""Choosing the metric that decides: the one asked for, the task's usual one, or the problem's first.

Accuracy alone chose, on CoLA, the bundle with the least Matthews correlation: two thirds of its rows have one label.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from runtimes.errors import UsageError
from runtimes.evaluation.metrics import (
    Scores,
    f1_value,
    mean_value,
    multi_label_parts,
    pearson_value,
    regression_parts,
    single_label_parts,
)
from runtimes.evaluation.problems import Problem
from runtimes.evaluation.ranking import PARTS
from runtimes.runner import Array

GLUE = {"cola": "matthews", "mrpc": "f1", "qqp": "f1", "sts-b": "pearson", "stsb": "pearson"}
"""`finetuning_task` → what GLUE judges it by (Wang et al. 2019, table 1), where that is not accuracy."""
Parts = Callable[[Sequence[Any], Sequence[Any], Sequence[str]], Array]


@dataclass(frozen=True)
class Metric:
    """What each row adds, and how the figure comes of the means: see runtimes.evaluation.metrics. `of` two labels."""

    parts: Parts
    value: Callable[[Array], Array]
    two_labels: bool = False


def by_metric(problem: Problem, name: str, labels: Sequence[str], metric: str | None, task: str | None) -> Problem:
    """The problem judged by `metric`; None: by what the GLUE task of that name is judged by, or as it was.

    Raises UsageError for a metric that the problem has not, with those it has.
    """
    known = {key: one for key, one in METRICS[name].items() if not one.two_labels or len(labels) == 2}
    wanted = metric or GLUE.get((task or "").lower())
    if metric is not None and metric not in known:
        raise UsageError(f"--metric {metric}: unknown to {name.replace('_', ' ')}; it has {', '.join(known)}")
    if wanted not in known:
        return problem
    return replace(problem, scores=_first(problem, wanted, known[wanted]), **_of_rows(known[wanted]))


def _of_rows(metric: Metric) -> dict[str, Any]:
    return {"parts": metric.parts, "value": metric.value}


def _first(problem: Problem, name: str, metric: Metric) -> Callable[..., Scores]:
    """The problem's scores, led by this figure; computed of its parts where the problem's own have it not."""

    def scores(golds: Sequence[Any], answers: Sequence[Any], labels: Sequence[str]) -> Scores:
        found = problem.scores(golds, answers, labels)
        value = found.figures.get(name)
        if value is None:
            value = float(metric.value(metric.parts(golds, answers, labels).mean(0)))
        return replace(found, figures={name: value} | found.figures)

    return scores


def _positive_parts(golds: Sequence[int], answers: Sequence[int], _labels: Sequence[str]) -> Array:
    """Of the second label, the positive one of two: right, found, and there: [N, 3]."""
    right, found = np.equal(golds, 1), np.equal(answers, 1)
    return np.stack([right & found, found, right], -1).astype(float)


def _class_parts(golds: Sequence[int], answers: Sequence[int], _labels: Sequence[str]) -> Array:
    """The same of each label that the data has: [N, 3·K]."""
    present = np.unique(golds)
    right, found = (np.equal(np.array(side)[:, None], present) for side in (golds, answers))
    return np.stack([right & found, found, right], -1).reshape(len(golds), -1).astype(float)


def _label_parts(golds: Sequence[list[int]], answers: Sequence[list[int]], labels: Sequence[str]) -> Array:
    """The same where a row has several labels, of those that the data has."""
    right, found = (np.array([np.isin(range(len(labels)), row) for row in side]) for side in (golds, answers))
    present = right.any(0)
    return np.stack([right & found, found, right], -1)[:, present].reshape(len(golds), -1).astype(float)


def _macro_value(means: Array) -> Array:
    """The mean F1 over labels of [..., 3·K]; 0 without any."""
    by_label = means.reshape(*means.shape[:-1], -1, 3)
    return np.asarray(f1_value(by_label).mean(-1)) if by_label.shape[-2] else np.zeros(means.shape[:-1])


def _matthews_parts(golds: Sequence[int], answers: Sequence[int], labels: Sequence[str]) -> Array:
    """Right or not, then one column a label of what is there, and of what was found: [N, 1 + 2·K]."""
    numbers = np.arange(len(labels))
    sides = [np.equal(np.array(side)[:, None], numbers) for side in (golds, answers)]
    return np.concatenate([np.equal(golds, answers)[:, None], *sides], -1).astype(float)


def _matthews_value(means: Array) -> Array:
    """Matthews' correlation of several classes (Gorodkin 2004), of shares [..., 1 + 2·K]; 0 where all is one."""
    right, (there, found) = means[..., 0], np.split(means[..., 1:], 2, -1)
    spread = np.sqrt((1 - np.square(there).sum(-1)).clip(0) * (1 - np.square(found).sum(-1)).clip(0))
    shared = right - (there * found).sum(-1)
    return np.asarray(np.where(spread > 1e-12, shared / np.maximum(spread, 1e-300), 0.0))


def _rank_parts(golds: Sequence[float], answers: Sequence[float], labels: Sequence[str]) -> Array:
    """As Pearson's, of the ranks among all rows."""
    from scipy.stats import rankdata

    return regression_parts(rankdata(golds), rankdata(answers), labels)


def _exact_parts(golds: Sequence[list[int]], answers: Sequence[list[int]], _labels: Sequence[str]) -> Array:
    return np.array([[set(right) == set(found)] for right, found in zip(golds, answers, strict=True)], float)


_OF_AMOUNTS = {
    "pearson": Metric(regression_parts, pearson_value),
    "spearman": Metric(_rank_parts, pearson_value),
}

METRICS: Mapping[str, Mapping[str, Metric]] = {
    "single_label_classification": {
        "accuracy": Metric(single_label_parts, mean_value),
        "f1": Metric(_positive_parts, f1_value, two_labels=True),
        "f1_macro": Metric(_class_parts, _macro_value),
        "matthews": Metric(_matthews_parts, _matthews_value),
    },
    "multi_label_classification": {
        "f1_micro": Metric(multi_label_parts, f1_value),
        "f1_macro": Metric(_label_parts, _macro_value),
        "exact_match": Metric(_exact_parts, mean_value),
    },
    "regression": _OF_AMOUNTS,
    "score": _OF_AMOUNTS,
    "text_ranking": {name: Metric(parts, mean_value) for name, parts in PARTS.items()},
    "token_classification": {},
    "question_answering": {},
}
"""Problem → the metrics that may decide it. Spans have but the one of their field, which `problems` gives them."""


def listed() -> str:
    """All of them, for help."""
    return "; ".join(
        f"{', '.join(known)} ({name.removesuffix('_classification').replace('_', ' ')})"
        for name, known in METRICS.items()
        if known
    )
