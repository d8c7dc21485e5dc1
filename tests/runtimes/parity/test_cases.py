"""The battery holds every kind of batch it promises, within the model's limits."""

import numpy as np
import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import HubOptions, resolve
from runtimes.errors import UsageError
from runtimes.parity.cases import Encoder, Limits, build_battery, fitted

POSITIONS = 24


@pytest.fixture
def tokenizer(checkpoint):
    return load(resolve(str(checkpoint), HubOptions())).tokenizer.tokenizer


@pytest.fixture
def cases(tokenizer, texts):
    return build_battery(tokenizer, texts, Limits(POSITIONS, 2, 0))


def test_every_kind_is_there(cases, texts):
    names = [case.name for case in cases]
    assert len(set(names)) == len(names)
    assert sum(case.real_text for case in cases) == len(texts)
    for kind in (
        "odd text",
        "padded to",
        "batch at",
        "a row of padding alone",
        "one token",
        "every position",
        "pair",
        "on the left",
    ):
        assert any(kind in name for name in names), kind


def test_no_case_exceeds_the_model(cases):
    for case in cases:
        assert case.batch.ids.shape == case.batch.mask.shape == case.batch.types.shape
        assert 1 <= case.batch.ids.shape[1] <= POSITIONS
        assert case.batch.types.max() <= 1


def test_padded_rows_hold_the_text_they_are_named_after(cases):
    by_name = {case.name: case for case in cases}
    padded = [case for case in cases if case.padding_of]
    assert len(padded) > 10
    for case in padded:
        base = by_name[case.padding_of].batch
        length = base.ids.shape[1]
        np.testing.assert_array_equal(case.batch.ids[0, :length], base.ids[0])
        assert case.batch.mask[0].sum() == length


def test_extremes(cases):
    by_name = {case.name: case.batch for case in cases}
    assert by_name["one token"].ids.shape == (1, 1)
    assert by_name["every position"].mask.sum() == POSITIONS
    assert not by_name["a row of padding alone"].mask[-1].any()
    assert by_name["pair 0"].types.max() == 1


def test_padding_on_the_left_comes_before_the_text(cases):
    by_name = {case.name: case.batch for case in cases}
    left, text = by_name["padding on the left"], by_name["text 0"].ids[0]
    np.testing.assert_array_equal(left.ids[0, -len(text) :], text)
    assert not left.mask[0, : -len(text)].any()
    assert left.mask[0, -len(text) :].all()


def test_the_tokenizers_own_special_tokens_occur_inside_a_text(cases, tokenizer):
    ids = {int(i) for case in cases if case.name.startswith("odd") for i in case.batch.ids[0, 1:-1]}
    assert {tokenizer.token_to_id(token) for token in ("[MASK]", "[SEP]", "[UNK]", "[PAD]", "[CLS]")} <= ids


def test_a_model_without_segments_gets_pairs_all_the_same(tokenizer, texts):
    assert [case for case in build_battery(tokenizer, texts, Limits(POSITIONS, None, 0)) if "pair" in case.name]


def test_fitted_rows_are_alone_and_as_long_as_the_model(cases):
    found = fitted(cases, (8, POSITIONS), pad_id=0)
    assert len({case.name for case in found}) == len(found) == sum(len(case.batch.ids) for case in cases)
    for case in found:
        assert case.batch.ids.shape in ((1, 8), (1, POSITIONS))
        assert (case.batch.ids[0, case.batch.used :] == 0).all()
    by_name = {case.name: case for case in found}
    whole = next(case for case in cases if case.name == "batch at 0")
    np.testing.assert_array_equal(
        by_name["batch at 0, row 2"].batch.ids[0, : whole.batch.mask[2].sum()],
        whole.batch.ids[2, whole.batch.mask[2] > 0],
    )


def test_a_model_of_one_segment_gets_no_pairs(tokenizer, texts):
    assert not [case for case in build_battery(tokenizer, texts, Limits(POSITIONS, 1, 0)) if "pair" in case.name]


def test_long_text_is_cut_and_ends_in_a_separator(tokenizer):
    ids, *_ = Encoder(tokenizer, Limits(8, 2, 0)).row("the cat runs " * 20)
    assert len(ids) == 8
    assert ids[-1] == tokenizer.token_to_id("[SEP]")


def test_padding_set_in_the_tokenizer_is_not_used(tokenizer):
    tokenizer.enable_padding(length=20)
    assert len(Encoder(tokenizer, Limits(POSITIONS, 2, 0)).row("the cat")[0]) == 4


def test_a_text_without_tokens_is_named_and_an_odd_one_left_out():
    bare = Tokenizer(WordLevel({"[UNK]": 0, "dog": 1}, "[UNK]"))
    bare.pre_tokenizer = Whitespace()
    with pytest.raises(UsageError, match="text ' ': the tokenizer makes no token of it; leave it out"):
        build_battery(bare, ["a dog", " "], Limits(POSITIONS, 2, 0))
    cases = build_battery(bare, ["a dog", "dog"], Limits(POSITIONS, 2, 0))
    assert all(case.batch.ids.shape[-1] for case in cases)
    assert "odd text 0" not in {case.name for case in cases}
