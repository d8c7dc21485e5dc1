"""Where float32 leaves a decision open, either answer is the reference's; where it does not, only its own is."""

import numpy as np
import pytest

from runtimes.bundle.manifest import Budget
from runtimes.parity.cases import Case
from runtimes.parity.compare import Subject, compare
from runtimes.runner import Status, full_batch

EXACT = Budget(max_absolute=1e-4)
STEP = 2.0**-23
LABELS = ("O", "B-PER", "B-LOC")


def agreed(problem, left, right, **settings):
    tokens = 4
    cases = [Case("text 0", full_batch(np.full((1, tokens), 7)), real_text=True, **settings)]
    read = Subject(
        dict.fromkeys(left, problem in ("token_classification", "question_answering", "fill_mask")),
        problem,
        EXACT,
        Status.MEASURED,
        LABELS,
    )
    return compare(cases, [left], [right], read)


def of(*values):
    return {"logits": np.array(values, np.float32)}


@pytest.mark.parametrize("scale", [1.0, 30.0])
@pytest.mark.parametrize(("steps", "same"), [(0, True), (2, True), (10, True), (40, False), (200, False)])
@pytest.mark.parametrize("problem", ["single_label_classification", "next_sentence", "multiple_choice"])
def test_two_labels_within_the_noise_are_a_tie(problem, steps, same, scale):
    apart = np.float32(scale * (1 + steps * STEP))
    found = agreed(problem, of([apart, scale, 0]), of([scale, apart, 0]))
    assert found.agreement == float(same)
    assert found.verdict.value == ("pass" if same else "fail")


def test_zeros_are_a_tie_and_a_third_label_is_none():
    assert agreed("single_label_classification", of([0.0, 0, 0]), of([0.0, 1e-6, 0])).agreement == 1.0
    assert agreed("single_label_classification", of([1.0, 1, 0]), of([1.0, 1, 1.00005])).agreement == 0.0


def test_a_label_of_several_that_is_even_is_a_tie():
    left = of([4.0, 2e-6, -4])
    assert agreed("multi_label_classification", left, of([4.0, -2e-6, -4])).agreement == 1.0
    assert agreed("multi_label_classification", of([4.0, 5e-5, -4]), of([4.0, -5e-5, -4])).agreement == 0.0


def test_a_token_between_two_kinds_is_a_tie():
    left = np.float32([[[9, 0, 0], [0, 3, 3 * (1 + 2 * STEP)], [9, 0, 0], [9, 0, 0]]])
    right = left.copy()
    right[0, 1] = right[0, 1, [0, 2, 1]]
    found = agreed("token_classification", {"logits": left}, {"logits": right})
    assert found.seen == {"entity F1": 1.0, "same entities": 1.0}
    left[0, 1, 2] = right[0, 1, 1] = 3.00005
    assert agreed("token_classification", {"logits": left}, {"logits": right}).agreement == 0.0


def test_two_answers_that_score_alike_are_a_tie():
    def spans(start, end):
        return {"start_logits": np.float32([start]), "end_logits": np.float32([end])}

    far = 3 * (1 + 4 * STEP)
    origin = np.array([[-1, 1, 1, 1]])
    left, right = spans([0, far, 3, 0], [0, far, 3, 0]), spans([0, 3, far, 0], [0, 3, far, 0])
    assert agreed("question_answering", left, right, origin=origin).agreement == 1.0
    left = spans([0, 3.00004, 3, 0], [0, 3.00004, 3, 0])
    assert agreed("question_answering", left, right, origin=origin).agreement == 0.0


def test_two_pieces_that_score_alike_are_a_tie():
    best = of([[4, 4 * (1 + 3 * STEP), 0, 0, 0, 0, 0]])
    other = of([[4 * (1 + 3 * STEP), 4, 0, 0, 0, 0, 0]])
    settings = {"mask_id": 9}
    case = Case("text 0", full_batch(np.array([[1, 9, 2]])), real_text=True, **settings)
    read = Subject({"logits": True}, "fill_mask", EXACT, Status.MEASURED)
    left, right = best, other
    assert compare([case], [left], [right], read).agreement == 1.0
    right["logits"][0, 0, 0] += 5e-5
    left["logits"][0, 0, 1] += 5e-5
    assert compare([case], [left], [right], read).agreement == 0.0


def test_a_tie_does_not_make_a_constant_less_of_one():
    cases = [Case(f"text {n}", full_batch(np.ones((1, 3), np.int64)), real_text=True) for n in range(30)]
    read = Subject({"logits": False}, "single_label_classification", EXACT, Status.MEASURED)
    other = [of([1.0, 1 + (n % 2) * STEP]) for n in range(30)]
    found = compare(cases, [of([1.0, 1.0])] * 30, other, read)
    assert found.agreement == 1.0
    assert "a constant?" in found.warnings[0]
