"""Decisions in a model's outputs, problem by problem, and how many two sides share."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from runtimes.parity.cases import Case
from runtimes.parity.shown import NO_ANSWER, TOP_TOKENS, best_label, best_span, find_entities, likely, top_tokens
from runtimes.runner import Array, Outputs

_CONSTANT_ROWS, _CONSTANT_SHARE, _CONSTANT_TOKENS = 20, 0.95, 0.99
_SAME_VECTOR = 0.9999
_DIRECTION_NUMBERS = 32
"""Fewest numbers of a row whose cosine is shown: that of two logits in a tie was −0.99 in a parity that passed."""


@dataclass(frozen=True)
class Problem:
    """One kind of answer.

    `decide` gives the answer to each row of a case; `figures` are shares over all rows by their names, beside the one
    of `runtimes.parity.agreement`. `answers` are what must not be all alike, `noun` what they are given to, and `limit`
    the share of one answer that is said aloud.
    """

    decide: Callable[[Outputs, Case, tuple[str, ...]], list[Hashable]]
    figures: Callable[[Sequence[Hashable], Sequence[Hashable]], dict[str, float]] | None = None
    noun: str = "texts"
    limit: float = _CONSTANT_SHARE
    answers: Callable[[Outputs, Case, tuple[str, ...]], list[Hashable]] | None = None


def same(name: str) -> Callable[[Sequence[Hashable], Sequence[Hashable]], dict[str, float]]:
    """The share of rows with equal answers, called `name`."""
    return lambda left, right: {name: _share([a == b for a, b in zip(left, right, strict=True)])}


def degenerate(answers: Sequence[Hashable], problem: str) -> list[str]:
    """Warn of a model that gives one answer to (nearly) everything: such a one agrees with any export."""
    kind = PROBLEMS.get(problem)
    if kind is None or len(answers) < _CONSTANT_ROWS:
        return []
    counts: dict[Hashable, int] = {}
    for answer in answers:
        counts[answer] = counts.get(answer, 0) + 1
    common = max(counts, key=lambda answer: counts[answer])
    share = counts[common] / len(answers)
    if share < kind.limit:
        return []
    told = _told(common, problem)
    return [f"the reference answers {told} to {share:.0%} of {len(answers)} {kind.noun}: a constant?"]


def degenerate_vectors(vectors: Sequence[Array], problem: str) -> list[str]:
    """Warn of vectors, or numbers, that are the same for every text."""
    if problem not in NUMBERS or len(vectors) < _CONSTANT_ROWS:
        return []
    if problem != "embedding":
        values = np.stack(vectors)
        constant = float(np.ptp(values)) <= 1e-3 * float(np.abs(values).max())
    else:
        shortest = min(map(len, vectors))  # of outputs for each token, those that every text has
        first = vectors[0][:shortest]
        constant = min(cosine(first, vector[:shortest]) for vector in vectors) > _SAME_VECTOR
    return [f"the reference gives (nearly) the same to all of {len(vectors)} texts: a constant?"] if constant else []


def cosine(left: Array, right: Array) -> float:
    """Of two vectors; two of zeros are alike."""
    norms = float(np.linalg.norm(left) * np.linalg.norm(right))
    return float(left @ right) / norms if norms else float(np.array_equal(left, right))


def has_direction(vector: Array, problem: str) -> bool:
    """Whether a cosine of this row says anything: two logits near zero turn about at any rounding, a hundred do not."""
    return (problem == "embedding" and len(vector) > 0) or len(vector) >= _DIRECTION_NUMBERS


def cosines(left: Sequence[Array], right: Sequence[Array]) -> dict[str, float]:
    """The least and the mean cosine over texts."""
    found = [cosine(a, b) for a, b in zip(left, right, strict=True)]
    return {"least cosine": min(found), "mean cosine": float(np.mean(found))} if found else {}


def correlation(left: Sequence[Array], right: Sequence[Array]) -> dict[str, float]:
    """Pearson's, of one number for each text."""
    if len(left) < 2 or not np.std(left) or not np.std(right):
        return {}
    return {"correlation": float(np.corrcoef(np.ravel(left), np.ravel(right))[0, 1])}


def _best(outputs: Outputs, _case: Case, _labels: tuple[str, ...]) -> list[Hashable]:
    return [int(label) for label in best_label(outputs["logits"])]


def _all_labels(outputs: Outputs, _case: Case, _labels: tuple[str, ...]) -> list[Hashable]:
    return [tuple(likely(row)) for row in outputs["logits"]]


def _texts_of(case: Case) -> Array:
    """Tokens of the text itself, bool [B, S]: a user is shown no special ones."""
    return case.batch.mask.astype(bool) if case.origin is None else case.origin >= 0


def _tags(outputs: Outputs, case: Case, labels: tuple[str, ...]) -> list[list[str]]:
    best = best_label(outputs["logits"])
    rows = zip(best, _texts_of(case), strict=True)
    return [[labels[i] if i < len(labels) else str(i) for i in row[seen]] for row, seen in rows]


def _entities(outputs: Outputs, case: Case, labels: tuple[str, ...]) -> list[Hashable]:
    return [find_entities(row) for row in _tags(outputs, case, labels)]


def answer_spans(outputs: Outputs, case: Case, _labels: tuple[str, ...]) -> list[Hashable]:
    """The best start and end within the second text, or NO_ANSWER where the first token scores higher."""
    rows = zip(outputs["start_logits"], outputs["end_logits"], _contexts(case), strict=True)
    return [best_span(start, end, np.flatnonzero(seen), or_none=True) or NO_ANSWER for start, end, seen in rows]


def _contexts(case: Case) -> Array:
    """Where answers are looked for: the second text of a pair, else the only one. Bool [B, S]."""
    texts = _texts_of(case)
    if case.origin is None:
        return texts
    second = case.origin == 1
    return np.where(second.any(-1, keepdims=True), second, texts)


def _top_tokens(outputs: Outputs, case: Case, _labels: tuple[str, ...]) -> list[Hashable]:
    """For each masked token of each row what is shown of it, the best first."""
    best = top_tokens(outputs["logits"])
    return [tuple(map(tuple, row[seen].tolist())) for row, seen in zip(best, case.kept, strict=True)]


def _top_figures(left: Sequence[Hashable], right: Sequence[Hashable]) -> dict[str, float]:
    """What of the best ones both have, in whatever order."""
    rows = [(a, b) for a, b in zip(left, right, strict=True) if isinstance(a, tuple) and isinstance(b, tuple)]
    shared = [len(set(x) & set(y)) / len(x) for a, b in rows for x, y in zip(a, b, strict=True)]
    return {f"top-{TOP_TOKENS}": float(np.mean(shared)) if shared else 0.0}


def _share(equal: Sequence[bool]) -> float:
    return float(np.mean(equal)) if equal else 0.0


def _told(answer: Hashable, problem: str) -> str:
    if problem == "question_answering":
        return "no answer" if answer == NO_ANSWER else f"tokens {answer}"
    if problem == "fill_mask":
        return f"token {answer}"
    return f"label {answer}"


def _each_tag(outputs: Outputs, case: Case, labels: tuple[str, ...]) -> list[Hashable]:
    return [tag for row in _tags(outputs, case, labels) for tag in row]


def _each_best(outputs: Outputs, case: Case, labels: tuple[str, ...]) -> list[Hashable]:
    rows = _top_tokens(outputs, case, labels)
    return [mask[0] for row in rows if isinstance(row, tuple) for mask in row]


PROBLEMS: Mapping[str, Problem] = {
    "single_label_classification": Problem(_best),
    "next_sentence": Problem(_best, noun="pairs"),
    "multiple_choice": Problem(_best, noun="questions"),
    "multi_label_classification": Problem(_all_labels),
    "token_classification": Problem(_entities, same("same entities"), "tokens", _CONSTANT_TOKENS, _each_tag),
    "question_answering": Problem(answer_spans, same("same answer"), noun="questions"),
    "fill_mask": Problem(_top_tokens, _top_figures, noun="masks", answers=_each_best),
}
"""Problem → what the user of each row sees. Regression and embeddings have numbers instead of answers."""

NUMBERS: Mapping[str, Callable[[Sequence[Array], Sequence[Array]], dict[str, float]]] = {
    "embedding": cosines,
    "regression": correlation,
    "score": correlation,
    "text_ranking": correlation,
}
"""Problem → what two sides' numbers have in common."""
