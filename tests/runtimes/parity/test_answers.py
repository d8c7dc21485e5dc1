"""What a user sees is what is compared: entities, answers, tokens, directions; and a constant is said aloud."""

import numpy as np
import pytest

from runtimes.bundle.manifest import Budget
from runtimes.parity.answers import degenerate
from runtimes.parity.cases import Case
from runtimes.parity.compare import Subject, Verdict, compare
from runtimes.parity.shown import find_entities
from runtimes.runner import Status, full_batch

FREE = Budget(min_agreement=0)
LABELS = ("O", "B-PER", "I-PER", "B-LOC")


def case(tokens, origin=None, mask_id=None, ids=None):
    batch = full_batch(np.array([ids or [1] * tokens], np.int64))
    where = None if origin is None else np.array([origin])
    return Case("text 0", batch, real_text=True, origin=where, mask_id=mask_id)


def seen(problem, cases, left, right, labels=(), budget=FREE, per_token=True):
    subject = Subject(dict.fromkeys(left[0], per_token), problem, budget, Status.MEASURED, labels)
    return compare(cases, left, right, subject)


@pytest.mark.parametrize(
    ("tags", "spans"),
    [
        ("O B-PER I-PER O", [(1, 2, "PER")]),
        ("B-PER B-PER", [(0, 0, "PER"), (1, 1, "PER")]),
        ("B-PER I-LOC", [(0, 0, "PER"), (1, 1, "LOC")]),
        ("I-PER I-PER O I-PER", [(0, 1, "PER"), (3, 3, "PER")]),
        ("PER PER LOC", [(0, 1, "PER"), (2, 2, "LOC")]),
        ("O O", []),
        ("", []),
    ],
)
def test_entities_are_read_from_labels(tags, spans):
    assert find_entities(tags.split()) == tuple(spans)


def tagged(*labels):
    return {"logits": np.eye(len(LABELS))[None, list(labels)]}


def test_an_entity_cut_short_is_another_entity():
    left, right = tagged(0, 1, 2, 3), tagged(0, 1, 0, 3)
    found = seen("token_classification", [case(4)], [left], [right], LABELS)
    assert found.seen == {"same entities": 0.0, "entity F1": 0.5}
    assert seen("token_classification", [case(4)], [left], [left], LABELS).seen["entity F1"] == 1.0


def test_what_special_tokens_are_labelled_nobody_sees():
    left, right = tagged(0, 1, 2, 0), tagged(3, 1, 2, 3)
    hidden = [case(4, origin=[-1, 0, 0, -1])]
    assert seen("token_classification", hidden, [left], [right], LABELS).agreement == 1.0
    assert seen("token_classification", [case(4)], [left], [right], LABELS).agreement == 0.5


def spans(start, end):
    return {"start_logits": np.array([start], float), "end_logits": np.array([end], float)}


def test_an_answer_lies_in_the_second_text():
    cases = [case(5, origin=[-1, 0, -1, 1, 1])]
    left = spans([0, 9, 0, 2, 0], [0, 9, 0, 0, 2])
    right = spans([0, 0, 0, 2, 0], [0, 0, 0, 0, 2])  # what the question's tokens score is not looked at
    assert seen("question_answering", cases, [left], [right]).seen == {"answer F1": 1.0, "same answer": 1.0}
    other = spans([0, 9, 0, 0, 2], [0, 9, 0, 0, 2])
    assert seen("question_answering", cases, [left], [other]).seen == {
        "answer F1": pytest.approx(2 / 3),
        "same answer": 0.0,
    }


def test_an_answer_does_not_end_before_it_starts():
    cases = [case(4, origin=[-1, -1, 1, 1])]
    backwards, forwards = spans([0, 0, 1, 5], [0, 0, 4, 1]), spans([0, 0, 1, 5], [0, 0, 0, 1])
    assert seen("question_answering", cases, [backwards], [forwards]).agreement == 1.0


def test_only_masked_tokens_count():
    cases = [case(3, mask_id=7, ids=[1, 7, 2])]
    left = {"logits": np.arange(18.0).reshape(1, 3, 6)}
    kept = cases[0].keep(left, {"logits"})
    assert kept["logits"].shape == (1, 1, 6)
    np.testing.assert_array_equal(kept["logits"][0, 0], left["logits"][0, 1])
    right = {"logits": kept["logits"].copy()}
    right["logits"][0, 0, 0] = 99
    found = seen("fill_mask", cases, [kept], [right])
    assert found.seen == {"top-1": 0.0, "top-5": 0.8}
    assert seen("fill_mask", cases, [kept], [kept]).seen == {"top-1": 1.0, "top-5": 1.0}


def test_directions_have_a_budget_of_their_own():
    left, right = {"sentence_embedding": np.array([[1.0, 0]])}, {"sentence_embedding": np.array([[0.9, 0.1]])}
    strict = Budget(min_cosine=0.999)
    found = seen("embedding", [case(3)], [left], [right], budget=strict, per_token=False)
    assert found.verdict is Verdict.FAIL
    assert found.agreement is None
    assert found.seen["least cosine"] == pytest.approx(0.9939, abs=1e-4)
    loose = Budget(min_cosine=0.99)
    assert seen("embedding", [case(3)], [left], [right], budget=loose, per_token=False).verdict is Verdict.PASS


def test_two_vectors_of_zeros_are_alike_and_one_is_not():
    zeros, ones = {"sentence_embedding": np.zeros((1, 2))}, {"sentence_embedding": np.ones((1, 2))}
    assert seen("embedding", [case(3)], [zeros], [zeros], per_token=False).seen["least cosine"] == 1.0
    assert seen("embedding", [case(3)], [zeros], [ones], per_token=False).seen["least cosine"] == 0.0


def many(make, problem, labels=(), per_token=True, **settings):
    outputs = [make(n) for n in range(40)]
    cases = [case(4, **settings)] * 40
    return seen(problem, cases, outputs, outputs, labels, per_token=per_token).warnings


CONSTANT = {
    "token_classification": (lambda n: tagged(0, 0, 0, 0), lambda n: tagged(0, n % 4, 1, 2), True, {}, "label O"),
    "question_answering": (
        lambda n: spans([9, 0, 0, 0], [9, 0, 0, 0]),
        lambda n: spans([0, n % 2, 0, 1 - n % 2], [0, 1, 0, 1]),
        True,
        {},
        "no answer",
    ),
    "multi_label_classification": (
        lambda n: {"logits": np.array([[1.0, -1, 1]])},
        lambda n: {"logits": np.array([[1.0, (-1) ** n, 1]])},
        False,
        {},
        "label (0, 2)",
    ),
    "next_sentence": (
        lambda n: {"logits": np.array([[1.0, 0]])},
        lambda n: {"logits": np.array([[1.0, 2 * (n % 2)]])},
        False,
        {},
        "label 0 to 100% of 40 pairs",
    ),
    "fill_mask": (
        lambda n: {"logits": np.eye(6)[None, [3, 3, 3, 3]][:, :1]},
        lambda n: {"logits": np.eye(6)[None, [n % 6]]},
        True,
        {"mask_id": 7, "ids": [1, 7, 2, 3]},
        "token 3 to 100% of 40 masks",
    ),
    "embedding": (
        lambda n: {"sentence_embedding": np.array([[1.0, 2]])},
        lambda n: {"sentence_embedding": np.array([[1.0, n]])},
        False,
        {},
        "the same to all of 40 texts",
    ),
    "regression": (
        lambda n: {"logits": np.array([[2.5]])},
        lambda n: {"logits": np.array([[float(n)]])},
        False,
        {},
        "the same to all of 40 texts",
    ),
}


@pytest.mark.parametrize("problem", CONSTANT)
def test_one_answer_to_everything_is_said_aloud(problem):
    constant, varied, per_token, settings, words = CONSTANT[problem]
    warnings = [text for text in many(constant, problem, LABELS, per_token, **settings) if "no entity" not in text]
    assert [words in text for text in warnings] == [True]
    assert many(varied, problem, LABELS, per_token, **settings) == ()


def test_an_unknown_problem_has_no_constant():
    assert degenerate([1] * 40, "ranking") == []


def test_a_regression_is_told_by_its_correlation():
    outputs = [{"logits": np.array([[float(n)]])} for n in range(5)]
    found = seen("regression", [case(2)] * 5, outputs, outputs, per_token=False)
    assert found.seen["correlation"] == pytest.approx(1.0)
