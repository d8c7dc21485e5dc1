"""The metric asked for decides, as scikit-learn and scipy compute it; and a model like a constant is said aloud."""

import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef

from runtimes.errors import UsageError
from runtimes.evaluation.choice_of_metric import GLUE, METRICS, by_metric
from runtimes.evaluation.comparison import compare_answers
from runtimes.evaluation.constant import against_constant
from runtimes.evaluation.problems import PROBLEMS

ONE, SEVERAL = "single_label_classification", "multi_label_classification"
TWO = ("unacceptable", "acceptable")
FOUR = ("a", "b", "c", "d")


def judged(name, labels, metric=None, task=None):
    return by_metric(PROBLEMS[name], name, labels, metric, task)


def drawn(labels, rows=200, right=0.7, seed=0):
    random = np.random.default_rng(seed)
    golds = random.choice(labels, rows, p=np.arange(1, labels + 1) / np.arange(1, labels + 1).sum())
    found = np.where(random.random(rows) < right, golds, random.integers(0, labels, rows))
    return golds.tolist(), found.tolist()


SINGLE = {
    "accuracy": accuracy_score,
    "f1": f1_score,
    "f1_macro": lambda golds, found: f1_score(golds, found, labels=sorted(set(golds)), average="macro"),
    "matthews": matthews_corrcoef,
}


@pytest.mark.parametrize("labels", [TWO, FOUR])
@pytest.mark.parametrize("metric", SINGLE)
def test_a_figure_of_one_label_is_scikit_learns(metric, labels):
    golds, found = drawn(len(labels))
    if metric == "f1" and labels is FOUR:
        with pytest.raises(UsageError, match="--metric f1: unknown to single label classification; it has accuracy, "):
            judged(ONE, labels, metric)
        return
    problem = judged(ONE, labels, metric)
    scores = problem.scores(golds, found, labels)
    assert scores.metric == metric
    assert scores.figures[metric] == pytest.approx(SINGLE[metric](golds, found))
    assert float(problem.value(problem.parts(golds, found, labels).mean(0))) == pytest.approx(scores.figures[metric])


@pytest.mark.parametrize("metric", ["f1_micro", "f1_macro", "exact_match"])
def test_a_figure_of_several_labels_is_scikit_learns(metric):
    random = np.random.default_rng(0)
    right = random.random((90, 4)) < (0.1, 0.3, 0.5, 0.0)  # no row has the last
    wrong = right ^ (random.random((90, 4)) < 0.1)
    golds, found = ([np.flatnonzero(row).tolist() for row in side] for side in (right, wrong))
    theirs = {
        "f1_micro": f1_score(right, wrong, average="micro", zero_division=0),
        "f1_macro": f1_score(right[:, :3], wrong[:, :3], average="macro", zero_division=0),
        "exact_match": accuracy_score(right, wrong),
    }
    problem = judged(SEVERAL, FOUR, metric)
    assert problem.scores(golds, found, FOUR).figures[metric] == pytest.approx(theirs[metric])
    assert float(problem.value(problem.parts(golds, found, FOUR).mean(0))) == pytest.approx(theirs[metric])


@pytest.mark.parametrize(("metric", "theirs"), [("pearson", pearsonr), ("spearman", spearmanr)])
def test_a_correlation_is_scipys(metric, theirs):
    random = np.random.default_rng(0)
    golds = random.integers(0, 6, 80).astype(float)  # ranks with ties
    found = golds**3 + random.normal(size=80)
    problem = judged("regression", (), metric)
    scores = problem.scores(golds.tolist(), found.tolist(), ())
    assert (scores.metric, scores.figures[metric]) == (metric, pytest.approx(theirs(golds, found).statistic))
    assert float(problem.value(problem.parts(golds, found, ()).mean(0))) == pytest.approx(scores.figures[metric])


@pytest.mark.parametrize(
    ("name", "labels", "task", "metric"),
    [
        (ONE, TWO, "cola", "matthews"),
        (ONE, TWO, "MRPC", "f1"),
        (ONE, TWO, "sst-2", "accuracy"),
        (ONE, FOUR, "mrpc", "accuracy"),
        ("regression", (), "sts-b", "pearson"),
        (ONE, TWO, None, "accuracy"),
        (SEVERAL, FOUR, "cola", "f1_micro"),
    ],
)
def test_a_task_of_glue_is_judged_as_glue_does(name, labels, task, metric):
    golds, found = ([[0], [1]], [[0], [1]]) if name == SEVERAL else ([0, 1], [0, 1])
    assert judged(name, labels, task=task).scores(golds, found, labels).metric == metric
    assert judged(name, labels, next(iter(METRICS[name])), task).scores(golds, found, labels).metric == next(
        iter(METRICS[name])
    )


def test_every_problem_is_listed_and_every_glue_metric_known():
    assert METRICS.keys() == PROBLEMS.keys()
    assert set(GLUE.values()) <= {metric for known in METRICS.values() for metric in known}


def test_the_metric_turns_round_which_of_two_bundles_is_better():
    """As on CoLA: the bundle with one row more right is the one that nearly always gives the common label."""
    golds = [1] * 70 + [0] * 30
    reference = [1] * 60 + [0] * 10 + [0] * 20 + [1] * 10
    constant, balanced = [1] * 99 + [0], [1] * 50 + [0] * 20 + [0] * 20 + [1] * 10
    drops = {
        metric: [
            compare_answers(judged(ONE, TWO, metric), golds, reference, found, TWO).drop_points
            for found in (constant, balanced)
        ]
        for metric in ("accuracy", "matthews")
    }
    assert drops["accuracy"][0] < drops["accuracy"][1]
    assert drops["matthews"][0] > drops["matthews"][1]


def test_the_interval_is_of_the_metric_that_decides():
    golds, reference = drawn(2, right=0.9)
    _, candidate = drawn(2, right=0.5)
    found = compare_answers(judged(ONE, TWO, "matthews"), golds, reference, candidate, TWO)
    assert found.interval.low <= found.drop <= found.interval.high
    assert "bootstrap" in found.interval.method


@pytest.mark.parametrize(
    ("name", "labels", "golds", "answers", "said"),
    [
        (ONE, TWO, [1] * 70 + [0] * 30, [1] * 100, "always answering 'acceptable' gives 0.7000"),
        (ONE, TWO, [1] * 70 + [0] * 30, [1] * 68 + [0] * 5 + [1] * 27, "always answering 'acceptable' gives 0.7000"),
        (ONE, TWO, [1] * 70 + [0] * 30, [1] * 65 + [0] * 35, None),
        (ONE, TWO, [1] * 7 + [0] * 3, [1] * 10, None),
        ("regression", (), [float(n % 7) for n in range(40)], [1.0] * 40, "gives 0.0000: no better than a constant"),
        ("regression", (), [float(n % 7) for n in range(40)], [float(n % 7) + 0.1 * (n % 3) for n in range(40)], None),
        (SEVERAL, FOUR, [[0]] * 30 + [[1]] * 10, [[0]] * 40, "always answering a gives 0.7500"),
        (SEVERAL, FOUR, [[0]] * 30 + [[1]] * 10, [[0]] * 30 + [[1]] * 10, None),
        ("question_answering", (), [["x"]] * 30, ["x"] * 30, None),
    ],
)
def test_a_model_like_a_constant_is_said_aloud(name, labels, golds, answers, said):
    found = against_constant(PROBLEMS[name], name, golds, answers, labels)
    assert [said in text for text in found] == ([True] if said else [])


def test_a_constant_is_weighed_by_the_metric_that_decides():
    """Twice as often right as wrong on each label: MCC tells it from a constant, accuracy would not."""
    golds = [1] * 300 + [0] * 100
    answers = [1] * 210 + [0] * 90 + [0] * 70 + [1] * 30
    told = [against_constant(judged(ONE, TWO, metric), ONE, golds, answers, TWO) for metric in ("accuracy", "matthews")]
    assert [bool(text) for text in told] == [True, False]
