"""Each figure of a comparison is what its name says, and each refusal says which case, side and output it is about."""

from dataclasses import replace

import numpy as np
import pytest

from runtimes.bundle.manifest import Budget
from runtimes.parity.cases import Case
from runtimes.parity.compare import Parity, Subject, Verdict, agreement, compare, not_run
from runtimes.records.parity import parity_record
from runtimes.records.writing import plain
from runtimes.runner import Status, full_batch

LABEL = "single_label_classification"
FREE = Budget(min_agreement=0.0)


def case(name="text 0", rows=1, tokens=3, **settings):
    return Case(name, full_batch(np.ones((rows, tokens), np.int64)), **{"real_text": True, **settings})


def subject(budget=FREE, problem=LABEL, status=Status.MEASURED, **outputs):
    return Subject(outputs or {"logits": False}, problem, budget, status)


def logits(*rows):
    return {"logits": np.array(rows, np.float32)}


def test_all_figures_of_two_cases():
    cases = [case("first", rows=2), case("crafted", real_text=False)]
    left = [logits([0, 1], [4, 0]), logits([2, 2])]
    right = [logits([0, 1], [2, 3]), logits([2, 3])]
    found = compare(cases, left, right, subject())
    assert found == Parity(
        verdict=Verdict.PASS,
        status="measured",
        rows=3,
        max_absolute=3.0,
        mean_absolute=1.0,
        logit_range=4.0,
        max_relative=0.75,
        min_cosine=None,
        agreement=0.5,
        seen={"same label": 0.5},
        padding_max_absolute=0.0,
        worst_case="first",
        agreement_interval=pytest.approx((0.0945312, 0.9054688)),
        absolute_quantiles={"0.01": 0.0, "0.25": 0.0, "0.5": 0.5, "0.75": 1.75, "0.9": 2.5, "0.99": 2.95},
    )


def test_the_worst_case_is_the_one_with_the_largest_difference():
    cases = [case("one"), case("two"), case("three")]
    left = [logits([0, 1])] * 3
    found = compare(cases, left, [logits([0, 1.5]), logits([0, 3]), logits([1, 1])], subject())
    assert found.worst_case == "two"


def test_outputs_of_which_nothing_is_read_are_no_rows_of_zeros():
    """A row of padding alone among tokens: it has no numbers, and takes part in no figure."""
    one, empty = case("one"), case("empty", real_text=False)
    empty.batch.mask[:] = 0
    side = {"logits": np.ones((1, 3, 16), np.float32)}
    found = compare([empty, one], [side, side], [side, side], subject(problem="token_classification", logits=True))
    assert (found.min_cosine, found.worst_case, found.rows) == (pytest.approx(1.0), "empty", 2)
    moved = {"logits": np.ones((1, 3, 16), np.float32)}
    moved["logits"][0, 2, 3] = 0
    found = compare([empty, one], [side, side], [side, moved], subject(problem="token_classification", logits=True))
    assert (found.max_absolute, found.worst_case) == (1.0, "one")


@pytest.mark.parametrize(("labels", "shown"), [(2, False), (31, False), (32, True), (100, True)])
def test_the_cosine_of_a_few_logits_is_noise_and_not_shown(labels, shown):
    """Two logits around a tie turn about at any rounding: −0.99 in a parity that passed."""
    left, right = np.full((1, labels), 1e-4), np.full((1, labels), -1e-4)
    for problem in (LABEL, "regression"):
        found = compare([case()], [{"logits": left}], [{"logits": right}], subject(problem=problem))
        assert found.min_cosine == (pytest.approx(-1.0) if shown else None)
    vectors = compare([case()], [{"logits": left}], [{"logits": right}], subject(problem="embedding"))
    assert vectors.min_cosine == pytest.approx(-1.0)


def test_several_outputs_are_one_vector_in_their_order():
    read = subject(problem="embedding", vectors=True, pooled=False)
    short = case("short", tokens=2)
    short.batch.mask[0, 1] = 0
    left = {"vectors": np.array([[[3.0], [9]]]), "pooled": np.array([[4.0]])}
    right = {"vectors": np.array([[[3.0], [-9]]]), "pooled": np.array([[0.0]])}
    found = compare([short], [left], [right], read)
    assert found.max_absolute == 4.0
    assert found.min_cosine == pytest.approx(0.6)
    assert found.seen == {"least cosine": pytest.approx(0.6), "mean cosine": pytest.approx(0.6)}
    assert found.agreement is None


def test_sums_are_in_float64():
    """In float32 both differences of 2⁻²⁴ beside 1 would be lost, and the range with them."""
    left, right = {"logits": np.array([[1.0, 1 + 2.0**-40]])}, {"logits": np.array([[1.0, 1.0]])}
    found = compare([case()], [left], [right], subject())
    assert found.max_absolute == 2.0**-40
    wide = compare([case()], [logits([0, 2**24])], [logits([2**-10, 2**24])], subject())
    assert wide.mean_absolute == 2.0**-11


def test_outputs_that_are_all_alike_have_a_share_all_the_same():
    found = compare([case()], [logits([1, 1])], [logits([1, 1.5])], subject())
    assert found.logit_range == 0.0
    assert found.max_relative == pytest.approx(0.5e12)
    failed = compare([case()], [logits([1, 1])], [logits([1, 1.5])], subject(Budget(max_relative=1.0, min_agreement=0)))
    assert failed.failures == ("max_relative 5e+11 is beyond 1 (worst: text 0)",)


def test_a_problem_without_answers_or_numbers_has_neither():
    found = compare([case()], [logits([1, 2])], [logits([1, 2])], subject(problem="whatever"))
    assert (found.agreement, found.seen, found.verdict) == (None, {}, Verdict.PASS)


def test_only_real_texts_are_decided():
    cases = [case(), case("crafted", real_text=False)]
    found = compare(cases, [logits([1, 2])] * 2, [logits([1, 2]), logits([2, 1])], subject())
    assert found.agreement == 1.0


def test_only_real_texts_have_vectors_that_are_compared():
    cases = [case(), case("crafted", real_text=False)]
    found = compare(cases, [logits([1, 0])] * 2, [logits([1, 0]), logits([0, 1])], subject(problem="embedding"))
    assert found.seen["least cosine"] == 1.0
    assert found.min_cosine == 0.0


def test_labels_reach_what_is_decided():
    tokens = {"logits": np.array([[[9.0, 0, 0], [0, 9, 0], [0, 9, 0]]])}
    other = {"logits": np.array([[[9.0, 0, 0], [0, 9, 0], [0, 0, 9]]])}
    entity = subject(problem="token_classification", logits=True)
    named = replace(entity, labels=("O", "B-PER", "I-PER"))
    assert compare([case()], [tokens], [other], named).seen["entity F1"] == pytest.approx(0.0)
    joined = replace(entity, labels=("O", "I-PER", "PER"))  # both say one entity of two tokens
    assert compare([case()], [tokens], [other], joined).seen["entity F1"] == 1.0


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        ("single_label_classification", "the reference answers label 0 to 100% of 20 texts: a constant?"),
        ("token_classification", "the reference answers label L to 100% of 60 tokens: a constant?"),
        ("embedding", "the reference gives (nearly) the same to all of 20 texts: a constant?"),
    ],
)
def test_a_constant_reference_is_said_aloud_whatever_the_candidate(problem, said):
    per_token = problem == "token_classification"
    one = np.ones((1, 3, 2) if per_token else (1, 2))
    random = np.random.default_rng(0)
    cases = [case(f"text {n}") for n in range(20)]
    moving = [{"logits": random.normal(size=one.shape)} for _ in cases]
    read = replace(subject(problem=problem, logits=per_token), labels=("L", "M"))
    assert compare(cases, [{"logits": one}] * 20, moving, read).warnings == (said,)
    assert compare(cases, moving, [{"logits": one}] * 20, read).warnings == ()


def nothing(cases, left, right, read=None):
    found = compare(cases, left, right, read or subject(status=Status.SIMULATED))
    assert (found.verdict, found.status) == (Verdict.FAIL, "simulated")
    return found.failures


SHAPES = "logits is (1, 1) and (1, 2)"


def test_nothing_to_compare_is_counted():
    one = [logits([1, 2])]
    assert nothing([], [], []) == ("nothing to compare: 0 cases, 0 references, 0 candidates",)
    assert nothing([case()], one * 2, one) == ("nothing to compare: 1 cases, 2 references, 1 candidates",)
    assert nothing([case()], one, one * 2) == ("nothing to compare: 1 cases, 1 references, 2 candidates",)
    assert nothing([case()] * 2, one, one) == ("nothing to compare: 2 cases, 1 references, 1 candidates",)
    nobody = Subject({}, LABEL, FREE, Status.SIMULATED)
    assert nothing([case()], one, one, nobody) == ("nothing to compare: 1 cases, 1 references, 1 candidates",)


@pytest.mark.parametrize(
    ("left", "right", "said"),
    [
        ({}, logits([1, 2]), ["the reference has no logits"]),
        (logits([1, 2]), {}, ["the candidate has no logits"]),
        ({}, {}, ["the reference has no logits", "the candidate has no logits"]),
        (logits([1, np.nan]), logits([1, 2]), ["the reference's logits holds NaN or infinity"]),
        (logits([1, 2]), logits([1, -np.inf]), ["the candidate's logits holds NaN or infinity"]),
        (logits([1, 2]), logits([1, 2, 3]), ["logits is (1, 2) and (1, 3)"]),
        (logits([1]), {"logits": np.array([[np.inf, 1]])}, ["the candidate's logits holds NaN or infinity", SHAPES]),
        (logits([1], [2]), logits([1], [2]), ["logits is (2, 1) for 1 rows"]),
        ({"logits": np.zeros((1, 0))}, {"logits": np.zeros((1, 0))}, ["logits is (1, 0) for 1 rows"]),
        (logits([1], [2]), {}, ["the candidate has no logits", "logits is (2, 1) for 1 rows"]),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_told_with_its_case(left, right, said):
    assert nothing([case("text 7")], [left], [right]) == tuple(f"text 7: {problem}" for problem in said)


def test_every_output_and_case_is_looked_at_and_five_are_told():
    read = Subject({"a": False, "b": False}, LABEL, FREE, Status.SIMULATED)
    cases = [case(str(number)) for number in range(4)]
    fine = {"a": np.ones((1, 2)), "b": np.ones((1, 2))}
    broken = {"a": np.ones((1, 2)), "b": np.full((1, 2), np.nan)}
    assert nothing(cases, [fine] * 4, [fine, fine, broken, fine], read) == (
        "2: the candidate's b holds NaN or infinity",
    )
    assert len(nothing(cases, [{}] * 4, [{}] * 4, read)) == 5


@pytest.mark.parametrize(
    ("budget", "failures"),
    [
        (Budget(max_absolute=0.5, min_agreement=0), ()),
        (Budget(max_absolute=0.25, min_agreement=0), ("max_absolute 0.5 is beyond 0.25 (worst: text 0)",)),
        (Budget(max_relative=0.25, min_agreement=0), ()),
        (Budget(max_relative=0.125, min_agreement=0), ("max_relative 0.25 is beyond 0.125 (worst: text 0)",)),
    ],
)
def test_a_limit_holds_up_to_itself(budget, failures):
    found = compare([case()], [logits([0, 2])], [logits([0, 2.5])], subject(budget))
    assert found.failures == failures
    assert found.verdict is (Verdict.FAIL if failures else Verdict.PASS)


@pytest.mark.parametrize("same", [90, 91, 92, 93, 94, 95, 96])
@pytest.mark.parametrize("least", [0.0, 0.9, 0.97, 1.0])
def test_agreement_fails_where_all_that_it_may_be_is_below_its_limit(same, least):
    left, right = logits(*[[0, 1]] * 96), logits(*[[0, 1]] * same, *[[1, 0]] * (96 - same))
    read = subject(Budget(min_agreement=least))
    found = compare([case(rows=96)], [left], [right], read)
    low, high = found.agreement_interval
    assert low < found.agreement <= high
    assert bool(found.failures) == (high < least) == (same < {0.0: 0, 0.9: 81, 0.97: 90, 1.0: 96}[least])
    told = [text for text in found.warnings if "too few to tell" in text]
    assert bool(told) == (found.agreement < least <= high)


def test_a_failure_says_the_figure_its_interval_and_what_it_is_of():
    left, right = logits(*[[0, 1]] * 96), logits(*[[0, 1]] * 80, *[[1, 0]] * 16)
    found = compare([case(rows=96)], [left], [right], subject(Budget(min_agreement=0.97)))
    assert found.failures == ("agreement 0.8333 (same label, 95 % between 0.7463 and 0.8947) is below 0.9700",)


@pytest.mark.parametrize(
    ("limit", "failures"), [(None, ()), (0.6, ()), (0.7, ("least cosine 0.600000 is below 0.700000",))]
)
def test_the_least_cosine_is_held_to_its_limit(limit, failures):
    budget = Budget(min_cosine=limit)
    left, right = {"logits": np.array([[1.0, 0]])}, {"logits": np.array([[3.0, 4]])}
    assert compare([case()], [left], [right], subject(budget, "embedding")).failures == failures
    assert compare([case()], [left], [left], subject(budget, "embedding")).failures == ()
    assert compare([case()], [left], [right], subject(Budget(0, min_agreement=0, min_cosine=0.7))).failures == (
        "max_absolute 4 is beyond 0 (worst: text 0)",
    )  # a classifier's cosine is nobody's business


PADDED = {"padding_of": "text 0", "real_text": False}


@pytest.mark.parametrize(
    ("budget", "failures"),
    [
        (Budget(max_absolute=0.5, min_agreement=0), ()),
        (Budget(max_relative=0.25, min_agreement=0), ()),
        (Budget(max_absolute=0.3, min_agreement=0), ("padding, absolute 0.5 is beyond 0.3 (worst: text 0)",)),
        (Budget(max_relative=0.15, min_agreement=0), ("padding, relative 0.25 is beyond 0.15 (worst: text 0)",)),
    ],
)
def test_what_padding_adds_is_held_to_the_budget_as_well(budget, failures):
    cases = [case("other"), case(), case("padded", **PADDED)]
    left = [logits([0, 2]), logits([0, 2]), logits([0, 2])]
    right = [logits([0, 2]), logits([0, 1.75]), logits([0, 2.25])]
    found = compare(cases, left, right, subject(budget))
    assert found.padding_max_absolute == 0.5
    assert found.failures == tuple(failures)


def test_padding_of_outputs_without_range_has_a_share_all_the_same():
    cases = [case(), case("padded", **PADDED)]
    found = compare(cases, [logits([1, 1])] * 2, [logits([1, 1]), logits([1, 1.5])], subject(Budget(max_relative=1.0)))
    assert found.failures[1:] == ("padding, relative 5e+11 is beyond 1 (worst: padded)",)


def test_what_padding_makes_in_the_reference_too_is_not_the_exports():
    cases = [case(), case("padded", **PADDED)]
    left = [logits([0, 2]), logits([0, 3])]
    assert compare(cases, left, left, subject()).padding_max_absolute == 0.0
    assert compare(cases[:1], left[:1], left[:1], subject()).padding_max_absolute == 0.0


def test_agreement_of_logits_is_the_share_of_equal_labels():
    left = np.array([[0, 1], [1, 0], [0, 1], [0, 1]])
    assert agreement(left, left[[0, 1, 1, 0]]) == 0.75
    assert isinstance(agreement(left, left), float)


def test_what_was_not_run_says_why_and_is_no_pass():
    found = not_run("no runtime")
    assert found == Parity(Verdict.NOT_RUN, "not run", note="no runtime")
    assert plain(parity_record(found)) == {
        "kind": "parity",
        "schema_version": 1,
        "verdict": "not run",
        "status": "not run",
        "rows": 0,
        "max_absolute": 0.0,
        "mean_absolute": 0.0,
        "logit_range": 0.0,
        "max_relative": 0.0,
        "min_cosine": None,
        "agreement": None,
        "seen": {},
        "padding_max_absolute": 0.0,
        "worst_case": "",
        "failures": [],
        "warnings": [],
        "note": "no runtime",
        "absolute_quantiles": {},
        "coverage": {},
        "agreement_interval": None,
    }
