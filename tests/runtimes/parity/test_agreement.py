"""Each problem is held to its field's figure, with an interval that covers it; and what differs much fails."""

from collections import Counter

import numpy as np
import pytest
from scipy.stats import binomtest

from runtimes.bundle.manifest import Budget
from runtimes.evaluation.metrics import _overlap
from runtimes.parity.agreement import AGREEMENT, interval, measure_agreement, wilson
from runtimes.parity.answers import PROBLEMS
from runtimes.parity.cases import Case
from runtimes.parity.compare import Subject, Verdict, compare
from runtimes.runner import Status, full_batch

LABELS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
INT8 = Budget(max_absolute=99.0, min_agreement=0.97)


def test_every_problem_that_decides_has_its_statistic():
    assert AGREEMENT.keys() == PROBLEMS.keys()
    assert measure_agreement("regression", [], []) is None


@pytest.mark.parametrize(("same", "rows"), [(0, 7), (1, 5), (95, 96), (96, 96), (400, 500)])
def test_of_rows_that_count_once_it_is_wilsons_interval(same, rows):
    theirs = binomtest(same, rows).proportion_ci(0.95, method="wilson")
    counts = np.array([(1, 1)] * same + [(0, 1)] * (rows - same), float)
    assert interval(counts) == pytest.approx((theirs.low, theirs.high), abs=1e-6)


def test_only_a_share_of_one_reaches_one():
    assert [wilson(share, 10**9)[1] < 1 for share in (0.5, 1 - 1e-9, 1.0)] == [True, True, False]


def test_entities_that_go_wrong_together_are_fewer_trials():
    apart = np.array([(9, 10)] * 40, float)
    together = np.array([(10, 10)] * 36 + [(0, 10)] * 4, float)
    alone = np.array([(1, 1)] * 360 + [(0, 1)] * 40, float)
    widths = [np.ptp(interval(counts)) for counts in (apart, alone, together)]
    assert widths[0] <= widths[1] < widths[2] / 2
    assert interval(together) == pytest.approx(wilson(0.9, 40))


@pytest.mark.parametrize(("texts", "share"), [(30, 0.9), (60, 0.9), (200, 0.97), (200, 0.8)])
def test_a_bundle_at_its_limit_is_refused_as_seldom_as_stated(texts, share):
    """Texts of 1 to 6 entities, half of what goes wrong being whole texts: a fortieth of 1,000 draws, and chance."""
    random, refused, half = np.random.default_rng(0), 0, (1 - share) / 2
    for _ in range(1000):
        of = random.integers(1, 7, texts)
        kept = random.binomial(of, 1 - half / (1 - half))
        right = np.where(random.random(texts) < half, 0, kept)
        refused += interval(np.stack([right, of], -1).astype(float))[1] < share
    assert refused / 1000 < 0.025 + 0.015


def test_answers_that_share_tokens_are_half_right_as_in_squad():
    spans = [((3, 6), (4, 6)), ((3, 3), (4, 4)), ((0, 0), (0, 0)), ((0, 0), (2, 3)), ((2, 3), (0, 0)), ((5, 9), (5, 9))]
    found = AGREEMENT["question_answering"].counts(*zip(*spans, strict=True))

    def words(span):
        return "" if span == (0, 0) else " ".join(f"w{at}" for at in range(span[0], span[1] + 1))

    np.testing.assert_allclose(found[:, 0], [_overlap(words(a), words(b)) for a, b in spans])
    assert (found[:, 1] == 1).all()


def tagged(rows):
    """Logits of rows of tags, [1, S, labels] each."""
    return [{"logits": np.eye(len(LABELS), dtype=np.float32)[None, row]} for row in rows]


def sentences(rows=96, entities=2, seed=0):
    random = np.random.default_rng(seed)
    made = np.zeros((rows, 24), int)
    for row in made:
        for start in random.choice(6, entities, replace=False) * 4:
            kind = int(random.choice((1, 3)))
            row[start], row[start + 1] = kind, kind + 1
    return made


def judged(left, right, problem="token_classification", budget=INT8):
    cases = [Case(f"text {n}", full_batch(np.ones((1, 24), np.int64)), real_text=True) for n in range(len(left))]
    read = Subject(dict.fromkeys(left[0], True), problem, budget, Status.MEASURED, LABELS)
    return compare(cases, left, right, read)


def changed(tags, share, seed=1):
    """One token more to so large a share of the entities."""
    random, found = np.random.default_rng(seed), tags.copy()
    begins = np.argwhere((tags == 1) | (tags == 3))
    for row, at in begins[random.permutation(len(begins))[: round(share * len(begins))]]:
        found[row, at + 2] = found[row, at + 1]
    return found


@pytest.mark.parametrize(
    ("share", "verdict"), [(0.0, "pass"), (0.01, "pass"), (0.03, "pass"), (0.1, "fail"), (0.3, "fail"), (1.0, "fail")]
)
def test_entities_are_judged_by_their_f1(share, verdict):
    """Of 192 entities 10 % moved fail; 3 % do not, though then 94 % of the whole texts are the same, of 97 % asked."""
    tags = sentences()
    found = judged(tagged(tags), tagged(changed(tags, share)))
    assert found.verdict.value == verdict
    assert found.agreement == found.seen["entity F1"] == pytest.approx(1 - share, abs=3e-3)
    assert found.seen["same entities"] <= found.agreement


def test_a_few_entities_in_many_texts_pass_though_many_texts_differ():
    """What a real NER model met: 85 % of whole texts with the very same entities, and its entity F1 unmoved."""
    tags = sentences(entities=6)
    found = judged(tagged(tags), tagged(changed(tags, 0.026)))
    assert found.seen["same entities"] < 0.87
    assert found.verdict is Verdict.PASS
    exact = judged(tagged(tags), tagged(changed(tags, 0.002)), budget=Budget(max_absolute=99.0))
    assert [text[:12] for text in exact.failures] == ["agreement 0."]


def test_a_model_that_finds_nothing_compares_nothing_and_says_so():
    nothing = tagged(np.zeros((30, 24), int))
    found = judged(nothing, nothing)
    assert (found.agreement, found.agreement_interval, found.verdict) == (None, None, Verdict.PASS)
    assert any("no entity in 30 texts" in text for text in found.warnings)
    invents = judged(nothing, tagged(sentences(30)))
    assert (invents.agreement, invents.verdict) == (0.0, Verdict.FAIL)
    assert judged(tagged(sentences(30)), nothing).verdict is Verdict.FAIL


def answers(spans):
    return [
        {"start_logits": 9.0 * np.eye(24)[[first]], "end_logits": 9.0 * np.eye(24)[[last]]} for first, last in spans
    ]


@pytest.mark.parametrize(("moved", "verdict"), [(0, "pass"), (3, "pass"), (9, "pass"), (30, "fail")])
def test_answers_are_judged_by_the_f1_of_their_tokens(moved, verdict):
    """96 questions; an answer of four tokens that loses one has an F1 of 6/7."""
    spans = [(5, 8)] * 48 + [(2, 5)] * 48
    other = [(first + (at < moved), last) for at, (first, last) in enumerate(spans)]
    found = judged(answers(spans), answers(other), "question_answering")
    assert found.agreement == found.seen["answer F1"] == pytest.approx(1 - moved / 96 / 7)
    assert found.seen["same answer"] == 1 - moved / 96
    assert found.verdict.value == verdict


def test_answers_elsewhere_fail():
    spans = [(5, 8)] * 48 + [(2, 5)] * 48
    other = [(first + 10, last + 10) if at < 10 else (first, last) for at, (first, last) in enumerate(spans)]
    assert judged(answers(spans), answers(other), "question_answering").verdict is Verdict.FAIL


@pytest.mark.parametrize(("flipped", "verdict"), [(0, "pass"), (1, "pass"), (3, "pass"), (10, "fail")])
def test_one_text_of_96_decides_nothing(flipped, verdict):
    """Three of 96 other labels are 96.9 %, one text below 97 %: within what 96 texts can tell."""
    rows = np.eye(2)[np.arange(96) % 2]
    other = rows.copy()
    other[:flipped] = rows[:flipped, ::-1]
    cases = [Case("texts", full_batch(np.ones((96, 3), np.int64)), real_text=True)]
    read = Subject({"logits": False}, "single_label_classification", INT8, Status.MEASURED)
    found = compare(cases, [{"logits": rows}], [{"logits": other}], read)
    assert Counter({found.verdict.value}) == Counter({verdict})
