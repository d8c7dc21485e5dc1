"""What no text reads is read once, in rows of the model's own shape, and decides nothing."""

from dataclasses import replace

import numpy as np
import pytest

from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import HubOptions, resolve
from runtimes.bundle.manifest import Budget
from runtimes.parity.cases import Case, Encoder, Limits, build_battery, first_item
from runtimes.parity.compare import GENERATED, Subject, compare
from runtimes.parity.sweep import coverage, in_order, segments, sweep, unread
from runtimes.runner import Status, full_batch

POSITIONS = 24
WORDS = np.arange(87)


@pytest.fixture(scope="module")
def tokenizer(checkpoint):
    return load(resolve(str(checkpoint), HubOptions())).tokenizer.tokenizer


@pytest.fixture(scope="module", params=["text", "pairs", "choices", "mask", "one segment"])
def limits(request):
    one = Limits(POSITIONS, 2, 0)
    kinds = {
        "text": one,
        "pairs": replace(one, pairs=True),
        "choices": replace(one, pairs=True, choices=True),
        "mask": replace(one, mask_id=4),
        "one segment": replace(one, types=None),
    }
    return kinds[request.param]


@pytest.fixture(scope="module")
def made(tokenizer, texts, limits):
    return build_battery(tokenizer, texts, limits)


def swept(tokenizer, texts, limits, words):
    return sweep(Encoder(tokenizer, limits), words, limits, first_item(tokenizer, texts, limits))


def read(cases):
    return {int(i) for case in cases for i in case.batch.ids[case.batch.mask > 0]}


def test_every_word_row_is_read_and_those_that_were_not_once(tokenizer, texts, limits, made):
    words = unread(WORDS, made)
    assert len(words)
    assert read(made).isdisjoint(words.tolist())
    rows = swept(tokenizer, texts, limits, words)
    assert read([*made, *rows]) >= set(WORDS.tolist()) - {limits.pad_id, limits.mask_id}
    if not limits.choices:  # the last item is filled up
        counts = np.bincount(np.concatenate([case.batch.ids[case.batch.mask > 0] for case in rows]), minlength=87)
        assert (counts[words] <= 1).all()


def test_rows_have_the_models_shape_and_the_texts_special_tokens(tokenizer, texts, limits):
    rows = swept(tokenizer, texts, limits, WORDS)
    assert rows[0].batch.ids.shape == ((1, 4, POSITIONS) if limits.choices else (1, POSITIONS))
    for case in rows:
        for row in case.batch.rows:
            ids = row.ids[0][row.mask[0] > 0]
            assert (ids[0], ids[-1]) == (tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]"))
            assert limits.mask_id is None or (ids == limits.mask_id).sum() == 1
        assert case.generated
        assert not case.real_text
        assert case.batch.ids.shape[-1] <= POSITIONS
    assert len({case.name for case in rows}) == len(rows)


def test_there_is_no_row_without_words_or_room(tokenizer, texts, limits):
    assert swept(tokenizer, texts, limits, WORDS[:0]) == []
    assert (
        sweep(
            Encoder(tokenizer, limits),
            WORDS,
            replace(limits, positions=2),
            first_item(tokenizer, texts, replace(limits, positions=8)),
        )
        == []
    )


def test_coverage_counts_what_is_read(tokenizer, texts, limits, made):
    rows = swept(tokenizer, texts, limits, unread(WORDS, made))
    before, after = (coverage(cases, 87, POSITIONS, limits.types is not None) for cases in (made, [*made, *rows]))
    assert before["exercised_rows"] == len(read(made)) < after["exercised_rows"] == len(read([*made, *rows]))
    assert after["vocabulary_rows"] == 87
    assert after["exercised_positions"] == after["positions"] == POSITIONS
    assert after["exercised_types"] == (0 if limits.types is None else 2)
    padding = [case for case in made if case.name == "a row of padding alone"]
    assert coverage(padding, 87, POSITIONS, True)["exercised_positions"] < POSITIONS


@pytest.mark.parametrize("types", [2, 3, 5])
def test_segment_numbers_that_no_pair_has_are_read(tokenizer, texts, types):
    limits = Limits(POSITIONS, types, 0)
    cases = build_battery(tokenizer, texts, limits)
    found = segments(Encoder(tokenizer, limits), cases, limits, first_item(tokenizer, texts, limits))
    assert len(found) == (types > 2)
    assert coverage([*cases, *found], 87, POSITIONS, True)["exercised_types"] == types


def test_the_common_come_first_and_unused_and_special_ones_last():
    pieces = {"[PAD]": 0, "[unused1]": 1, "the": 2, "[CLS]": 3, "of": 4}
    assert in_order(np.arange(5), pieces, {0, 3}, {}).tolist() == [2, 4, 0, 1, 3]
    assert in_order(np.arange(5), pieces, {0, 3}, {4: 2, 2: 1, 3: 9}).tolist() == [4, 2, 3, 0, 1]


def outputs(*values):
    return {"logits": np.array([values], np.float64)}


def compared(budget, difference):
    """A text of range 2, and a generated row that reaches 8."""
    cases = [
        Case("text 0", full_batch(np.ones((1, 3), np.int64)), real_text=True),
        Case("vocabulary 0", full_batch(np.ones((1, 3), np.int64)), generated=True),
    ]
    read = Subject({"logits": False}, "single_label_classification", budget, Status.MEASURED)
    left, right = [outputs(0.0, 2.0), outputs(-4.0, 4.0)], [outputs(0.0, 2.1), outputs(-4.0, 4.0 - difference)]
    return compare(cases, left, right, read)


def test_generated_rows_count_by_their_largest_difference_alone():
    found = compared(Budget(max_relative=0.1), 0.4)
    assert (found.rows, found.agreement, found.logit_range) == (2, 1.0, 2.0)  # the range is the texts' own
    assert found.max_absolute == pytest.approx(0.4)
    assert found.worst_case == "vocabulary 0"
    assert found.mean_absolute == pytest.approx(0.05)  # of the text's two numbers
    assert found.absolute_quantiles["0.99"] < 0.1
    assert found.max_relative == pytest.approx(max(0.1 / 2, GENERATED * 0.4 / 8))


def test_generated_rows_allow_texts_no_more_and_fail_themselves():
    assert compared(Budget(max_relative=0.04), 0.0).verdict.value == "fail"  # 0.1 of 2, though 0.1 of 8 were less
    assert compared(Budget(max_relative=0.06), 0.9).verdict.value == "pass"
    assert compared(Budget(max_relative=0.06), 1.2).failures == (
        "max_relative 0.075 is beyond 0.06 (worst: vocabulary 0)",
    )
    assert compared(Budget(max_absolute=0.2), 0.4).verdict.value == "fail"
    assert compared(Budget(max_absolute=9.0), 7.9).verdict.value == "pass"  # another label, of no text
