"""What a model answers to a labelled row."""

import numpy as np
import pytest
from tokenizers import BertWordPieceTokenizer, Tokenizer

from runtimes.errors import UsageError
from runtimes.evaluation.data.examples import Example, encode_all
from runtimes.evaluation.problems import PROBLEMS, find_problem
from runtimes.parity.cases import Limits

ANSWER = PROBLEMS["question_answering"].decide


@pytest.fixture(scope="module")
def tokenizer(checkpoint):
    return Tokenizer.from_str(BertWordPieceTokenizer(str(checkpoint / "vocab.txt")).to_str())


def asked(tokenizer, context, answerable=True):
    """[CLS] cat [SEP] context [SEP]."""
    (found,) = encode_all(tokenizer, [Example("cat", context, 1, answerable)], Limits(48, 2, 0))
    return found


def scores(size, start, end, first=0.0):
    outputs = {"start_logits": np.zeros(size), "end_logits": np.zeros(size)}
    outputs["start_logits"][start] = outputs["end_logits"][end] = 3.0
    outputs["start_logits"][0] = outputs["end_logits"][0] = first
    return outputs


def test_an_answer_is_the_text_of_the_best_span(tokenizer):
    row = asked(tokenizer, "the Dog runs fast")
    assert ANSWER(scores(8, 4, 5), row) == "Dog runs"


def test_without_a_context_there_is_no_answer(tokenizer):
    assert ANSWER(scores(4, 1, 1), asked(tokenizer, "")) == ""


def test_no_answer_counts_where_it_may_be_and_scores_more(tokenizer):
    outputs = scores(8, 4, 5, first=4.0)
    assert ANSWER(outputs, asked(tokenizer, "the dog runs fast", answerable=False)) == ""
    assert ANSWER(outputs, asked(tokenizer, "the dog runs fast")) == "dog runs"
    assert ANSWER(scores(8, 4, 5, first=2.0), asked(tokenizer, "the dog runs fast", answerable=False)) == "dog runs"


def test_a_problem_without_labels_is_refused_with_those_that_have_some():
    with pytest.raises(UsageError, match="embedding: cannot be evaluated on labelled rows; known: single_label"):
        find_problem("embedding", ())
