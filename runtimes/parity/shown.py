"""What a user is shown of a model's outputs: one rule for parity, `evaluate` and the app kits, which is transformers'.

Entities: `TokenClassificationPipeline` with `aggregation_strategy="simple"` (transformers 4 and 5). Of a label B- and
I- are taken off, any other label stays whole; a token joins the one before it where both are then the same and it does
not begin with B-. What is shown is the first label of a group after its first dash, and what is then O is not shown. So
of B-PER, I-PER, E-PER and S-PER the last two are groups of their own, and nobody shows an entity of the kind O (B-O).
Metrics are another matter: those of `evaluate` are seqeval's.

Answers: `QuestionAnsweringPipeline` of transformers 4 (5 has none): the best start and end in the context, at most 15
tokens, widened to whole words. That there is no answer is as likely as the first token says; parity always compares it,
`evaluate` takes it for an answer where the data has rows without one (`handle_impossible_answer`), and the kits give it
beside the answer as `noAnswer`.

Labels: the likeliest one; of several at once those more likely than not (a sigmoid above one half).

The kits state the same in decisions.js, Decisions.kt, EntityFinder.swift and AnswerFinder.swift.
"""

from collections.abc import Sequence

import numpy as np

from runtimes.runner import Array

LONGEST_ANSWER = 15
"""Tokens of an answer at most: `max_answer_len` of transformers' pipeline."""
NOT_SHOWN = "O"

Span = tuple[int, int, str]
"""First and last token, and what it is."""


def find_entities(tags: Sequence[str]) -> tuple[Span, ...]:
    """Entities of a row of labels, one for each token of the text."""
    groups: list[Span] = []
    before = None
    for at, label in enumerate(tags):
        tag = label[2:] if label.startswith(("B-", "I-")) else label
        if tag == before and not label.startswith("B-"):
            groups[-1] = (groups[-1][0], at, groups[-1][2])
        else:
            groups.append((at, at, label.partition("-")[2] if "-" in label else label))
        before = tag
    return tuple(group for group in groups if group[2] != NOT_SHOWN)


def best_span(start: Array, end: Array, tokens: Array, or_none: bool) -> tuple[int, int] | None:
    """First and last token of the best answer, of `tokens`, the positions of the context, ascending.

    `start` and `end` are logits [S]. None where there is no token, and with `or_none` where the first token of all
    scores higher as both. The first of equally good ones is taken.
    """
    if not len(tokens):
        return None
    first, last = start.astype(np.float64), end.astype(np.float64)
    scores = first[tokens][:, None] + last[tokens][None, :]
    steps = np.arange(len(tokens))[None, :] - np.arange(len(tokens))[:, None]
    scores = np.where((steps >= 0) & (steps < LONGEST_ANSWER), scores, -np.inf)
    begin, finish = np.unravel_index(int(scores.argmax()), scores.shape)
    if or_none and scores[begin, finish] < first[0] + last[0]:
        return None
    return int(tokens[begin]), int(tokens[finish])


def likely(logits: Array) -> list[int]:
    """Numbers of the labels that are more likely than not."""
    return [int(number) for number in np.flatnonzero(logits > 0)]
