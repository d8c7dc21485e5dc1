"""The kinds of problem: what each reads from a row, decides, and is scored by."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from runtimes.errors import UsageError
from runtimes.evaluation import metrics, ranking
from runtimes.evaluation.data import golds
from runtimes.evaluation.data.columns import Names
from runtimes.evaluation.data.examples import Encoded
from runtimes.evaluation.metrics import Scores
from runtimes.parity.aggregation import OF_WORDS, probabilities
from runtimes.parity.shown import BEGINS, CONTINUES, best_label, best_span, likely, whole_words
from runtimes.runner import Array, Outputs

FIRST = "first"
"""A word's label is its first token's where nothing else is asked: so most are trained."""
UNSEEN = -1
"""Stands for the label of a word that was truncated, or left no token: it counts on neither side."""


@dataclass(frozen=True)
class Problem:
    """One problem. What is right and what is answered are JSON: a number, numbers, or text.

    `golds` reads the label cells; `decide` takes the outputs of one row, sliced to its tokens, to an answer. `scores`
    takes golds, answers and labels to figures; `parts` and `value` do so row by row (see `metrics`). `words`: texts are
    lists of words. `only_second`: of a pair too long only the second is truncated. `graded`: answers are amounts.
    `grouped`: rows with one first text belong together, what is right of each is a `ranking.Judged`, and `parts` has a
    row for each such query.
    """

    names: Names
    golds: golds.Reader
    decide: Callable[[Outputs, Encoded], Any]
    scores: Callable[[Sequence[Any], Sequence[Any], Sequence[str]], Scores]
    parts: Callable[[Sequence[Any], Sequence[Any], Sequence[str]], Array]
    value: Callable[[Array], Array]
    words: bool = False
    only_second: bool = False
    graded: bool = False
    grouped: bool = False


def find_problem(name: str, labels: Sequence[str], activation: str | None = None) -> Problem:
    """The entry of a manifest's problem; amounts are what `activation` makes of the logit.

    Raises UsageError with the list of those there are.
    """
    if name not in PROBLEMS:
        raise UsageError(f"{name}: cannot be evaluated on labelled rows; known: {', '.join(PROBLEMS)}")
    if name == "token_classification" and not any(label.startswith((BEGINS, CONTINUES)) for label in labels):
        return replace(PROBLEMS[name], scores=_tag_scores, parts=_tag_parts, value=metrics.share_value)
    if PROBLEMS[name].decide is _amount and activation == "sigmoid":
        return replace(PROBLEMS[name], decide=_probability)
    return PROBLEMS[name]


def by_aggregation(problem: Problem, name: str, aggregation: str | None) -> Problem:
    """The problem with a word's label decided so; None: as it was. Raises UsageError for one that labels no words."""
    if aggregation is None:
        return problem
    if not problem.words:
        raise UsageError(f"--aggregation {aggregation}: {name.replace('_', ' ')} labels no words; leave it out")
    return replace(problem, decide=partial(_word_labels, aggregation=aggregation))


def _best_label(outputs: Outputs, _encoded: Encoded) -> int:
    return int(best_label(outputs["logits"]))


def _likely_labels(outputs: Outputs, _encoded: Encoded) -> list[int]:
    """Those more likely than not."""
    return likely(outputs["logits"])


def _amount(outputs: Outputs, _encoded: Encoded) -> float:
    return float(outputs["logits"].ravel()[0])


def _rank_score(outputs: Outputs, encoded: Encoded) -> float:
    """The logit: every activation keeps the order, and a sigmoid near 1 has no digits left to order by."""
    return _amount(outputs, encoded)


def _probability(outputs: Outputs, encoded: Encoded) -> float:
    return float(0.5 + 0.5 * np.tanh(_amount(outputs, encoded) / 2))  # the sigmoid, which overflows nowhere so


def _word_labels(outputs: Outputs, encoded: Encoded, aggregation: str = FIRST) -> list[int]:
    """The label of each word, of those tokens of it that the model saw. Words are the data's."""
    scores, decide = probabilities(outputs["logits"]), OF_WORDS[aggregation]
    tokens: dict[int, list[int]] = {}
    for at, word in enumerate(encoded.encoding.word_ids):
        if word is not None:
            tokens.setdefault(word, []).append(at)
    words = range(len(encoded.example.first))
    return [decide(scores[tokens[word]])[0] if word in tokens else UNSEEN for word in words]


def _best_answer(outputs: Outputs, encoded: Encoded) -> str:
    """The words of the best answer in the second text; nothing, where that may be and is likelier."""
    encoding, context = encoded.encoding, encoded.example.second or ""
    inside = np.flatnonzero(np.array(encoding.sequence_ids) == 1)
    found = best_span(outputs["start_logits"], outputs["end_logits"], inside, not encoded.example.answerable)
    if found is None:
        return ""
    first, last = whole_words(found, list(zip(encoding.sequence_ids, encoding.word_ids, strict=True)))
    start = encoding.offsets[first][0]
    return context[start : max(start, encoding.offsets[last][1])]


def _named(rows: Sequence[list[int]], seen: Sequence[list[int]], labels: Sequence[str]) -> list[list[str]]:
    """Labels by name, of the words that the model saw."""
    pairs = (zip(row, answer, strict=True) for row, answer in zip(rows, seen, strict=True))
    return [[labels[number] for number, answer in row if answer != UNSEEN] for row in pairs]


def _entity_scores(right: Sequence[Any], found: Sequence[Any], labels: Sequence[str]) -> Scores:
    return metrics.entities(_named(right, found, labels), _named(found, found, labels))


def _entity_parts(right: Sequence[Any], found: Sequence[Any], labels: Sequence[str]) -> Array:
    return metrics.entities_parts(_named(right, found, labels), _named(found, found, labels))


def _tag_scores(right: Sequence[Any], found: Sequence[Any], labels: Sequence[str]) -> Scores:
    return metrics.tags(_named(right, found, labels), _named(found, found, labels))


def _tag_parts(right: Sequence[Any], found: Sequence[Any], labels: Sequence[str]) -> Array:
    return metrics.tags_parts(_named(right, found, labels), _named(found, found, labels))


_CLASS = ("label", "labels", "class", "category", "sentiment", "gold_label", "target")
_TEXT = Names(
    texts=(
        "text",
        "sentence",
        "review",
        "content",
        "tweet",
        "headline",
        "title",
        "comment",
        "comment_text",
        "utterance",
        "document",
    ),
    pairs=(
        ("sentence1", "sentence2"),
        ("premise", "hypothesis"),
        ("question1", "question2"),
        ("question", "sentence"),
        ("text_a", "text_b"),
        ("text1", "text2"),
        ("text", "text_pair"),
    ),
    labels=_CLASS,
)

_RANKED = Names(
    texts=("query",),
    pairs=(
        ("query", "document"),
        ("query", "passage"),
        ("query", "doc"),
        ("query", "text"),
        ("query", "answer"),
        ("question", "document"),
        ("question", "passage"),
        ("question", "answer"),
        *_TEXT.pairs,
    ),
    labels=("relevance", "relevant", "rel", "label", "score"),
    second_needed=True,
)

_AMOUNT = Problem(
    names=replace(_TEXT, labels=("score", "label", "similarity", "similarity_score", "target")),
    golds=golds.amount,
    decide=_amount,
    scores=metrics.regression,
    parts=metrics.regression_parts,
    value=metrics.pearson_value,
    graded=True,
)

PROBLEMS: Mapping[str, Problem] = {
    "single_label_classification": Problem(
        names=_TEXT,
        golds=golds.one_label,
        decide=_best_label,
        scores=metrics.single_label,
        parts=metrics.single_label_parts,
        value=metrics.mean_value,
    ),
    "multi_label_classification": Problem(
        names=_TEXT,
        golds=golds.many_labels,
        decide=_likely_labels,
        scores=metrics.multi_label,
        parts=metrics.multi_label_parts,
        value=metrics.f1_value,
    ),
    "regression": _AMOUNT,
    "score": _AMOUNT,
    "token_classification": Problem(
        names=Names(("tokens", "words", "text", "sentence"), (), ("ner_tags", "tags", "labels", "pos_tags", "label")),
        golds=golds.word_labels,
        decide=_word_labels,
        scores=_entity_scores,
        parts=_entity_parts,
        value=metrics.f1_value,
        words=True,
    ),
    "question_answering": Problem(
        names=Names(("question",), (("question", "context"),), ("answers", "answer"), second_needed=True),
        golds=golds.answer_texts,
        decide=_best_answer,
        scores=metrics.answers,
        parts=metrics.answers_parts,
        value=metrics.mean_value,
        only_second=True,
    ),
    "text_ranking": Problem(
        names=_RANKED,
        golds=golds.relevances,
        decide=_rank_score,
        scores=ranking.ranking,
        parts=ranking.ndcg_parts,
        value=metrics.mean_value,
        graded=True,
        grouped=True,
    ),
}
"""A manifest's problem → how it is evaluated."""
