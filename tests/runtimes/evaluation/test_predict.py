"""Rows come back in their order, cut to their tokens, each run once; one at a time where that is asked."""

import numpy as np
import pytest
from tokenizers import BertWordPieceTokenizer, Tokenizer

from runtimes.errors import BundleError
from runtimes.evaluation.data.examples import Example, encode_all
from runtimes.evaluation.predict import predict
from runtimes.parity.cases import Encoder, Limits
from runtimes.runner import Status


class Counting:
    """Sums of ids as logits, and the ids of each token; remembers the batches."""

    status, positions = Status.MEASURED, None

    def __init__(self, answer=1.0):
        self.batches, self.answer = [], answer

    def run(self, batch):
        self.batches.append(batch)
        return {"logits": (batch.ids * batch.mask).sum(-1, keepdims=True) * self.answer, "tokens": batch.ids * 1.0}


@pytest.fixture(scope="module")
def tokenizer(checkpoint):
    return Tokenizer.from_str(BertWordPieceTokenizer(str(checkpoint / "vocab.txt")).to_str())


LIMITS = Limits(48, 2, 0)


def encoded(tokenizer, texts):
    return encode_all(tokenizer, [Example(text, None, at) for at, text in enumerate(texts)], LIMITS)


@pytest.mark.parametrize("rows_at_once", [1, 4])
def test_rows_keep_their_order_and_equal_ones_run_once(tokenizer, texts, rows_at_once):
    rows = encoded(tokenizer, [*texts, "the cat", *texts[:5]])
    runner = Counting()
    found = predict(runner, Encoder(tokenizer, LIMITS), rows, frozenset({"tokens"}), rows_at_once)
    assert [int(one["logits"][0]) for one in found] == [sum(row.ids) for row in rows]
    assert all(one["tokens"].tolist() == list(row.ids) for one, row in zip(found, rows, strict=True))
    assert sum(len(batch.ids) for batch in runner.batches) == len(texts) + 1
    assert max(len(batch.ids) for batch in runner.batches) == rows_at_once


def test_batches_hold_rows_of_like_length(tokenizer):
    rows = encoded(tokenizer, ["cat", "the cat runs in the market", "dog", "a dog sleeps fast in the market"])
    runner = Counting()
    predict(runner, Encoder(tokenizer, LIMITS), rows, frozenset(), 2)
    assert [batch.ids.shape for batch in runner.batches] == [(2, 3), (2, 9)]


def test_a_number_that_is_none_is_no_answer(tokenizer):
    with pytest.raises(BundleError, match="NaN or infinity"):
        predict(Counting(np.nan), Encoder(tokenizer, LIMITS), encoded(tokenizer, ["cat"]), frozenset(), 1)


def test_a_model_of_one_segment_gets_one(tokenizer):
    (row,) = encode_all(tokenizer, [Example("cat", "dog", 1)], Limits(48, 1, 0))
    assert set(row.types) == {0}
    assert not row.truncated


def test_what_is_too_long_is_cut_as_transformers_cuts_it(tokenizer):
    (row,) = encode_all(tokenizer, [Example("cat " * 5, "dog " * 60, 1)], Limits(16, 2, 0))
    assert row.truncated
    assert len(row.ids) == 16
    assert row.types.count(0) == 1 + 5 + 1


def test_a_long_run_says_how_far_it_is(tokenizer):
    told = []
    rows = encoded(tokenizer, ["cat", "a dog", "cat", "the market falls"])
    predict(Counting(), Encoder(tokenizer, LIMITS), rows, frozenset(), 1, lambda done, all_: told.append((done, all_)))
    assert told == [(1, 3), (2, 3), (3, 3)]
