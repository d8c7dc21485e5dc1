"""Figures against worked examples, and what rows add up to against the libraries' figures."""

import numpy as np
import pytest

from runtimes.evaluation import metrics

LABELS = ("O", "B-PER", "I-PER", "B-LOC")


def test_single_labels():
    scores = metrics.single_label([0, 0, 1, 2], [0, 1, 1, 2], ("a", "b", "c", "never"))
    assert scores.metric == "accuracy"
    assert scores.figures["accuracy"] == 0.75
    assert scores.per_class == pytest.approx({"a": 2 / 3, "b": 2 / 3, "c": 1.0})
    assert scores.figures["f1_macro"] == pytest.approx((2 / 3 + 2 / 3 + 1) / 3)


def test_a_constant_answer_has_no_correlation():
    assert metrics.single_label([0, 1], [1, 1], ("a", "b")).figures["matthews"] == 0.0
    assert metrics.single_label([1, 1], [1, 1], ("a", "b")).figures["matthews"] == 0.0
    assert metrics.regression([1.0, 2.0], [3.0, 3.0], ()).figures["pearson"] == 0.0


def test_one_label_that_holds_or_not_is_no_choice_of_two():
    """scikit-learn's f1_score takes a single column for two classes: its micro F1 is the accuracy, 0.6 here."""
    scores = metrics.multi_label([[0], [0], [], [], []], [[0], [], [0], [], []], ("a",))
    assert scores.figures == {"f1_micro": 0.5, "f1_macro": 0.5, "exact_match": 0.6}
    assert metrics.multi_label([[], []], [[], []], ("a",)).figures["f1_micro"] == 0


def test_figures_of_several_labels_are_scikit_learns():
    from sklearn.metrics import f1_score

    rng = np.random.default_rng(5)
    right, found = rng.random((2, 40, 4)) < 0.3
    rows = ([list(np.flatnonzero(row)) for row in side] for side in (right, found))
    figures = metrics.multi_label(*rows, ("a", "b", "c", "d")).figures
    assert figures["f1_micro"] == pytest.approx(f1_score(right, found, average="micro"), abs=1e-15)
    assert figures["f1_macro"] == pytest.approx(f1_score(right, found, average="macro"), abs=1e-15)


def test_several_labels():
    scores = metrics.multi_label([[0, 1], [], [2]], [[0], [], [1, 2]], ("a", "b", "c"))
    assert scores.figures["f1_micro"] == pytest.approx(2 * 2 / (3 + 3))
    assert scores.figures["exact_match"] == pytest.approx(1 / 3)


def test_entities_are_right_only_whole():
    golds = [["B-PER", "I-PER", "O"], ["B-LOC", "O", "O"]]
    found = [["B-PER", "O", "O"], ["B-LOC", "O", "O"]]
    scores = metrics.entities(golds, found)
    assert scores.metric == "f1"
    assert scores.figures["f1"] == 0.5
    assert scores.per_class == {"LOC": 1.0, "PER": 0.0}


@pytest.mark.parametrize(
    ("gold", "found", "f1", "exact"),
    [
        ("The cat", "a cat!", 1.0, 1.0),
        ("black cat", "cat", 2 / 3, 0.0),
        ("cat", "dog", 0.0, 0.0),
        ("", "", 1.0, 1.0),
        ("", "dog", 0.0, 0.0),
    ],
)
def test_answers_by_squads_rules(gold, found, f1, exact):
    scores = metrics.answers([[gold, "zebra"]], [found], ())
    assert scores.figures == pytest.approx({"f1": f1, "exact_match": exact})


def random_cases():
    random = np.random.default_rng(0)
    labels, rows = ("a", "b", "c"), 40
    single = [random.integers(0, 3, rows).tolist() for _ in "gf"]
    many = [[sorted(set(random.integers(0, 3, random.integers(0, 4)).tolist())) for _ in range(rows)] for _ in "gf"]
    amounts = [random.normal(size=rows).tolist() for _ in "gf"]
    named = [[[LABELS[n] for n in random.integers(0, 4, 7)] for _ in range(rows)] for _ in "gf"]
    return {
        "single": (*single, labels, metrics.single_label, metrics.single_label_parts, metrics.mean_value),
        "many": (*many, labels, metrics.multi_label, metrics.multi_label_parts, metrics.f1_value),
        "amounts": (*amounts, (), metrics.regression, metrics.regression_parts, metrics.pearson_value),
        "entities": (*named, None, metrics.entities, metrics.entities_parts, metrics.f1_value),
        "tags": (*named, None, metrics.tags, metrics.tags_parts, metrics.share_value),
    }


CASES = random_cases()


@pytest.mark.parametrize(("golds", "found", "labels", "scores", "parts", "value"), CASES.values(), ids=CASES)
def test_what_rows_add_makes_the_figure_of_the_library(golds, found, labels, scores, parts, value):
    """scikit-learn's, scipy's, seqeval's."""
    more = () if labels is None else (labels,)
    figures = scores(golds, found, *more)
    assert value(parts(golds, found, *more).mean(0)) == pytest.approx(figures.figures[figures.metric])
