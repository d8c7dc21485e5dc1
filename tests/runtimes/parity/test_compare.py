"""A comparison passes only what is close, and what compared nothing never passes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtimes.bundle.manifest import Budget
from runtimes.parity.cases import Case
from runtimes.parity.compare import Subject, Verdict, compare, degenerate
from runtimes.runner import Status, full_batch

PROBLEM = "single_label_classification"
SUBJECT = Subject({"logits": False}, PROBLEM, Budget(max_absolute=1e-3, min_agreement=1.0), Status.MEASURED)


def case(name="text 0", **settings):
    return Case(name, full_batch(np.ones((1, 3), np.int64)), **{"real_text": True, **settings})


def logits(*rows):
    return {"logits": np.array(rows, np.float32)}


def run(left, right, cases=None, subject=SUBJECT):
    cases = cases or [case(f"text {n}") for n in range(len(left))]
    return compare(cases, left, right, subject)


def test_equal_outputs_pass_with_their_figures():
    found = run([logits([1, 2, 3])], [logits([1, 2, 3.0005])])
    assert found.verdict is Verdict.PASS
    assert found.max_absolute == pytest.approx(5e-4, rel=1e-3)
    assert found.mean_absolute == pytest.approx(5e-4 / 3, rel=1e-3)
    assert found.max_relative == pytest.approx(2.5e-4, rel=1e-3)
    assert (found.rows, found.agreement, found.logit_range, found.status) == (1, 1.0, 2.0, "measured")


@pytest.mark.parametrize(
    ("right", "words"),
    [
        ([{"logits": np.array([[1, 2, 3.1]], np.float32)}], "max_absolute 0.1 is beyond 0.001"),
        ([{"logits": np.array([[1, np.nan, 3]], np.float32)}], "NaN"),
        ([{"logits": np.array([[1, np.inf, 3]], np.float32)}], "infinity"),
        ([{"other": np.array([[1, 2, 3]], np.float32)}], "the candidate has no logits"),
        ([{"logits": np.array([[1, 2]], np.float32)}], "(1, 3) and (1, 2)"),
        ([], "nothing to compare"),
    ],
)
def test_what_is_not_close_fails(right, words):
    found = run([logits([1, 2, 3])], right)
    assert found.verdict is Verdict.FAIL
    assert words in " ".join(found.failures)


def test_comparing_nothing_fails():
    assert compare([], [], [], SUBJECT).verdict is Verdict.FAIL
    empty = {"logits": np.zeros((0, 3), np.float32)}
    assert run([empty], [empty]).verdict is Verdict.FAIL
    crafted = [case("one token", real_text=False)]
    assert run([logits([1, 2])], [logits([1, 2])], crafted).failures == (
        "nothing to compare: no real text among the cases",
    )


def test_a_nan_on_both_sides_is_no_agreement():
    broken = logits([np.nan, 1])
    assert run([broken], [broken]).verdict is Verdict.FAIL


def test_a_label_that_flips_fails_even_within_tolerance():
    found = run([logits([1.0001, 1.0])], [logits([1.0, 1.0001])])
    assert found.agreement == 0.0
    assert any(text.startswith("agreement 0.0000 (same label, ") for text in found.failures)


def test_padding_that_matters_fails():
    cases = [case(), case("text 0 padded to 9", padding_of="text 0", real_text=False)]
    reference = [logits([1, 2]), logits([1, 2])]
    fine = run(reference, [logits([1, 2]), logits([1, 2])], cases)
    broken = run(
        reference,
        [logits([1, 2]), logits([1, 2.0009])],
        cases,
        Subject({"logits": False}, PROBLEM, Budget(max_absolute=8e-4), Status.MEASURED),
    )
    assert fine.verdict is Verdict.PASS
    assert any("padding" in text for text in broken.failures)
    assert broken.padding_max_absolute == pytest.approx(9e-4, rel=1e-3)


def test_swapped_labels_fail():
    rows = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
    cases = [Case("batch", full_batch(np.ones((8, 3), np.int64)), real_text=True)]
    assert run([{"logits": rows}], [{"logits": rows}], cases).verdict is Verdict.PASS
    assert run([{"logits": rows}], [{"logits": rows[:, [1, 0, 2]]}], cases).verdict is Verdict.FAIL


def test_rows_that_nobody_asked_for_fail():
    found = run([logits([1, 2], [3, 4])], [logits([1, 2], [3, 4])])
    assert "for 1 rows" in found.failures[0]


def decided(problem, left, right, tokens=2):
    """Agreement of two sides of one real text of `tokens` tokens."""
    batch = full_batch(np.ones((1, tokens), np.int64))
    cases = [Case("text 0", batch, real_text=True)]
    per_token = problem in ("token_classification", "question_answering")
    subject = Subject(dict.fromkeys(left, per_token), problem, Budget(max_absolute=9, min_agreement=0), Status.MEASURED)
    return compare(cases, [left], [right], subject).agreement


def test_agreement_of_each_problem():
    left, right = logits([1.0, -1.0]), logits([1.0, 0.5])
    assert decided("single_label_classification", left, right) == 1.0
    assert decided("multi_label_classification", left, right) == 0.0
    assert decided("regression", left, right) is None


def test_one_token_of_another_label_is_no_agreement():
    left, right = {"logits": np.array([[[1.0, 0], [0, 1]]])}, {"logits": np.array([[[1.0, 0], [1, 0]]])}
    assert decided("token_classification", left, left) == 1.0
    assert decided("token_classification", left, right) == 0.0


def test_an_answer_is_its_start_and_its_end():
    left = {"start_logits": np.array([[2.0, 1]]), "end_logits": np.array([[0.0, 1]])}
    right = left | {"end_logits": np.array([[1.0, 0]])}
    assert decided("question_answering", left, left) == 1.0
    assert decided("question_answering", left, right) == 0.0


def test_what_stands_at_padding_is_left_out_and_nothing_else():
    batch = full_batch(np.ones((1, 3), np.int64))
    batch.mask[0, 2] = 0
    cases = [Case("text 0", batch, real_text=True)]
    subject = Subject({"logits": True}, "token_classification", Budget(max_absolute=0.1), Status.MEASURED)
    left = {"logits": np.arange(6.0).reshape(1, 3, 2)}
    for token, verdict in ((2, Verdict.PASS), (1, Verdict.FAIL)):
        right = {"logits": left["logits"].copy()}
        right["logits"][0, token] += 1
        assert compare(cases, [left], [right], subject).verdict is verdict


def test_a_constant_answer_is_said_aloud():
    assert "label 1 to 100% of 40 texts" in degenerate([np.int64(1)] * 40, PROBLEM)[0]
    assert degenerate([np.int64(n % 2) for n in range(40)], PROBLEM) == []
    assert degenerate([np.int64(1)] * 5, PROBLEM) == []
    found = run([logits([0, 1])] * 40, [logits([0, 1])] * 40)
    assert found.warnings


@given(st.floats(1e-6, 10), st.floats(0, 20))
def test_the_stated_maximum_is_the_tolerance_that_would_pass(budget, error):
    def subject(largest):
        return Subject({"logits": False}, PROBLEM, Budget(max_absolute=largest), Status.MEASURED)

    left, right = [logits([0.0, 50.0])], [logits([0.0, 50.0 + error])]
    found = run(left, right, subject=subject(budget))
    assert run(left, right, subject=subject(found.max_absolute)).verdict is Verdict.PASS
    assert (found.verdict is Verdict.PASS) == (found.max_absolute <= budget)


def test_quantiles_are_of_all_differences():
    left = [logits(*np.zeros((1, 101)))]
    found = run(left, [logits(np.arange(101) / 1e5)])
    assert found.absolute_quantiles == pytest.approx(
        {"0.01": 1e-5, "0.25": 2.5e-4, "0.5": 5e-4, "0.75": 7.5e-4, "0.9": 9e-4, "0.99": 9.9e-4}, rel=1e-3
    )
    assert run(left, left).absolute_quantiles == dict.fromkeys(found.absolute_quantiles, 0.0)
