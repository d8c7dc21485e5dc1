"""What a user is shown: transformers' own rule, in parity, `evaluate` and the kits alike."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import TokenClassificationPipeline

from runtimes.evaluation.data.examples import Encoded, Example, Tokens
from runtimes.evaluation.problems import find_problem
from runtimes.parity.answers import PROBLEMS
from runtimes.parity.cases import Batch, Case
from runtimes.parity.shown import LONGEST_ANSWER, best_span, find_entities, likely

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


def by_force(start, end, tokens, or_none):
    spans = [(a, b) for i, a in enumerate(tokens) for b in tokens[i : i + LONGEST_ANSWER]]
    best = max(spans, key=lambda span: start[span[0]] + end[span[1]], default=None)
    return None if best is None or (or_none and start[best[0]] + end[best[1]] < start[0] + end[0]) else best


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.booleans())
def test_the_best_span_is_the_best_of_all(seed, length, or_none):
    random = np.random.default_rng(seed)
    start, end = random.normal(size=(2, length))
    first = int(random.integers(0, length + 1))
    tokens = np.arange(first, length)
    assert best_span(start, end, tokens, or_none) == by_force(start, end, tokens.tolist(), or_none)


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
    assert in_parity(outputs) == (0, 0)
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
