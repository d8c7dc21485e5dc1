"""What a user is shown: transformers' own rule, in parity, `evaluate` and the kits alike."""

import inspect
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import FillMaskPipeline, TokenClassificationPipeline

from runtimes.evaluation.data.examples import Encoded, Example, Tokens
from runtimes.evaluation.problems import find_problem
from runtimes.parity import shown
from runtimes.parity.answers import PROBLEMS
from runtimes.parity.cases import Batch, Case
from runtimes.parity.shown import (
    LONGEST_ANSWER,
    NO_ANSWER,
    TOP_TOKENS,
    Tag,
    best_label,
    best_span,
    find_entities,
    likely,
    read_tag,
    top_tokens,
    whole_words,
    window_tokens,
)

TAGS = ("O", "B-PER", "I-PER", "E-PER", "S-PER", "B-O", "I-O", "X-O", "PER", "B-", "MISC-A-B", "-", "")


def shown_by_transformers(tags):
    """Its grouping and its filter, without a model."""
    pipeline = TokenClassificationPipeline.__new__(TokenClassificationPipeline)
    pipeline.tokenizer = SimpleNamespace(convert_tokens_to_string=" ".join)
    parts = [
        {"entity": tag, "score": 1.0, "index": at, "word": "a", "start": at, "end": at} for at, tag in enumerate(tags)
    ]
    groups = pipeline.group_entities(parts)
    return [(one["start"], one["end"], one["entity_group"]) for one in groups if one["entity_group"] != "O"]


@given(st.lists(st.sampled_from(TAGS), max_size=12))
def test_entities_are_those_of_transformers(tags):
    assert list(find_entities(tags)) == shown_by_transformers(tags)


@pytest.mark.parametrize(
    ("tags", "spans"),
    [
        ("B-PER I-PER E-PER O S-PER", [(0, 1, "PER"), (2, 2, "PER"), (4, 4, "PER")]),
        ("B-O I-O O B-PER", [(3, 3, "PER")]),
        ("I-LOC LOC", [(0, 1, "LOC")]),
    ],
)
def test_labels_of_other_schemes(tags, spans):
    assert list(find_entities(tags.split())) == spans == shown_by_transformers(tags.split())


def decoded_by_transformers(start, end, tokens, or_none):
    """`QuestionAnsweringPipeline.postprocess` and `decode` of transformers 4.57.1, for one window: 5 has neither."""
    if not tokens:
        return None
    undesired = ~np.isin(np.arange(len(start)), [0, *tokens])
    start, end = (np.where(undesired, -10000.0, one)[None] for one in (start, end))
    start, end = (np.exp(one - np.log(np.exp(one).sum(-1, keepdims=True))) for one in (start, end))
    null = start[0, 0] * end[0, 0]
    start[0, 0] = end[0, 0] = 0.0
    candidates = np.tril(np.triu(start[..., None] @ end[:, None]), 15 - 1)  # max_answer_len=15
    best = np.unravel_index(candidates.argmax(), candidates.shape)
    return None if or_none and null > candidates[best] else (int(best[1]), int(best[2]))


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.booleans())
def test_the_best_span_is_that_of_transformers(seed, length, or_none):
    random = np.random.default_rng(seed)
    start, end = random.normal(size=(2, length))
    first = int(random.integers(1, length + 1))
    tokens = np.arange(first, length)
    assert best_span(start, end, tokens, or_none) == decoded_by_transformers(start, end, tokens.tolist(), or_none)


def test_another_longest_answer_would_not_be_that_of_transformers(monkeypatch):
    start, end = np.eye(40)[5] * 9, np.eye(40)[25] * 9
    tokens = list(range(1, 40))
    assert best_span(start, end, np.array(tokens), False) == decoded_by_transformers(start, end, tokens, False)
    monkeypatch.setattr(shown, "LONGEST_ANSWER", 30)
    assert best_span(start, end, np.array(tokens), False) == (5, 25)
    assert best_span(start, end, np.array(tokens), False) != decoded_by_transformers(start, end, tokens, False)


@pytest.mark.parametrize(("longest", "window", "shared"), [(512, 384, 128), (384, 384, 128), (48, 48, 24), (9, 9, 4)])
def test_windows_are_those_of_transformers(longest, window, shared):
    """`QuestionAnsweringPipeline.preprocess` of transformers 4.57.1."""
    assert window == min(longest, 384)
    assert shared == min(window // 2, 128)
    assert window_tokens(longest) == (window, shared)


def test_the_five_best_tokens_are_those_of_transformers():
    default = inspect.signature(FillMaskPipeline.postprocess).parameters["top_k"].default
    logits = np.array([[0.0, 5, 3, 3, 4, -1, 2, 1]])
    assert top_tokens(logits).tolist() == [[1, 4, 2, 3, 6]]
    assert default == TOP_TOKENS


def test_a_span_is_widened_to_its_words_and_no_further():
    words = [None, (1, 0), (1, 0), (1, 1), (1, 2), (1, 2), None]
    assert whole_words((2, 4), words) == (1, 5)
    assert whole_words((3, 3), words) == (3, 3)
    assert whole_words((0, 6), words) == (0, 6)


def test_of_equal_labels_the_first_is_shown():
    assert best_label(np.array([[1.0, 3, 3], [0, 0, 0]])).tolist() == [1, 0]


@pytest.mark.parametrize(
    ("label", "tag"),
    [
        ("B-PER", Tag("PER", True, "PER")),
        ("I-PER", Tag("PER", False, "PER")),
        ("S-LOC", Tag("S-LOC", False, "LOC")),
        ("O", Tag("O", False, None)),
        ("B-O", Tag("O", True, None)),
    ],
)
def test_what_a_label_says_of_entities(label, tag):
    assert read_tag(label) == tag


def test_a_sigmoid_above_one_half_is_likely():
    assert likely(np.array([0.1, -0.1, 0.0, 3.0])) == [0, 3]


LENGTH = 40
CONTEXT = " ".join(f"w{at:02}" for at in range(LENGTH - 3))


def question(start, end):
    """Logits whose best start and end are these tokens; the context begins at token 3, each of its words is one."""
    outputs = {name: np.zeros((1, LENGTH)) for name in ("start_logits", "end_logits")}
    outputs["start_logits"][0, start], outputs["end_logits"][0, end] = 9, 9
    return outputs


def in_parity(outputs):
    ids = np.zeros((1, LENGTH), np.int64)
    origin = np.array([[-1, 0, -1] + [1] * (LENGTH - 3)])
    case = Case("x", Batch(ids, ids + 1, ids), True, origin=origin)
    return PROBLEMS["question_answering"].decide(outputs, case, ())[0]


def in_evaluation(outputs, answerable):
    places = tuple((4 * at, 4 * at + 3) for at in range(LENGTH - 3))
    sequences = (None, 0, None) + (1,) * (LENGTH - 3)
    words = (None, 0, None, *range(LENGTH - 3))
    tokens = Tokens(("x",) * LENGTH, words, sequences, ((0, 0),) * 3 + places)
    encoded = Encoded(Example("q", CONTEXT, 1, answerable), tokens, (0,) * LENGTH, (0,) * LENGTH)
    row = {name: values[0] for name, values in outputs.items()}
    return find_problem("question_answering", ()).decide(row, encoded)


@pytest.mark.parametrize(("start", "end"), [(3, 3), (5, 12), (10, 24), (10, 25), (10, 35), (20, 10)])
def test_parity_and_evaluation_see_one_answer(start, end):
    """Of 16 tokens too, which one of them took and the other did not."""
    outputs = question(start, end)
    first, last = in_parity(outputs)
    assert last - first < LONGEST_ANSWER
    assert in_evaluation(outputs, True) == CONTEXT[4 * (first - 3) : 4 * (last - 3) + 3]


def test_no_answer_is_one_where_the_data_has_rows_without():
    outputs = question(0, 0)
    assert in_parity(outputs) == NO_ANSWER
    assert in_evaluation(outputs, False) == ""
    assert in_evaluation(outputs, True) != ""


def test_an_answer_is_of_whole_words():
    tokens = Tokens(
        ("[CLS]", "q", "[SEP]", "play", "##ing", "now"),
        (None, 0, None, 0, 0, 1),
        (None, 0, None, 1, 1, 1),
        ((0, 0), (0, 1), (0, 0), (0, 4), (4, 7), (8, 11)),
    )
    encoded = Encoded(Example("q", "playing now", 1), tokens, (0,) * 6, (0,) * 6)
    outputs = {"start_logits": np.eye(6)[4], "end_logits": np.eye(6)[4]}
    assert find_problem("question_answering", ()).decide(outputs, encoded) == "playing"
