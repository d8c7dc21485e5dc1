"""What a user is shown of a model's outputs: the one definition for parity, `evaluate` and the app kits.

The authority is transformers' pipelines, of the versions named here; tests ask them where they are installed.

| what | rule | of transformers |
| --- | --- | --- |
| label | the likeliest, the first of equal ones | `TextClassificationPipeline` 5.23 |
| several labels | those more likely than not: a sigmoid above one half | its `run_classification.py` |
| entities | neighbouring tokens of one kind | `TokenClassificationPipeline` 5.23, strategy "simple" |
| answer | the best start and end in the context | `QuestionAnsweringPipeline` 4.57, which 5 no longer has |
| no answer | where the first token scores higher as both | the same, `handle_impossible_answer` |
| tokens of a mask | the five likeliest | `FillMaskPipeline` 5.23, `top_k` |

Entities: of a label B- and I- are taken off, any other label stays whole; a token joins the one before it where both
are then the same and it does not begin with B-. What is shown is the first label of a group after its first dash, and
what is then O is not shown. So of B-PER, I-PER, E-PER and S-PER the last two are groups of their own, and nobody shows
an entity of the kind O (B-O). Metrics are another matter: those of `evaluate` are seqeval's.

Answers: parity always compares whether there is one, `evaluate` takes "none" for an answer where the data has rows
without one, and the kits give its probability beside the answer as `noAnswer`.

The kits read the constants and the tags from kit.json (`exporter.appkit.kit_json`) and repeat none of them.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from runtimes.runner import Array

LONGEST_ANSWER = 15
"""Tokens of an answer at most: `max_answer_len`."""
WINDOW_TOKENS = 384
"""Tokens of a question and a window of its context at most: `max_seq_len`."""
SHARED_TOKENS = 128
"""Tokens that neighbouring windows share at most; never more than half of a window: `doc_stride`."""
TOP_TOKENS = 5
"""Tokens shown of a mask: `top_k`."""
LIKELY_LOGIT = 0.0
"""A label of several is shown above it: its sigmoid is then above one half."""
NO_ANSWER = (0, 0)
"""The span that stands for "the context has no answer" (SQuAD 2.0): the first token's, which is in no context."""
BEGINS, CONTINUES = "B-", "I-"
"""Prefixes of labels of entities: a first token, and a later one."""
OUTSIDE = "O"
"""The label of a token of no entity: `ignore_labels`."""

Span = tuple[int, int, str]
"""First and last token, and what it is."""


@dataclass(frozen=True)
class Tag:
    """A label of tokens. Two neighbours of one `kind` are one entity unless the second `begins` one.

    `shown` is what a user reads of the entity; None where it is not shown.
    """

    kind: str
    begins: bool
    shown: str | None


def read_tag(label: str) -> Tag:
    """What a token's label says of entities."""
    kind = label[2:] if label.startswith((BEGINS, CONTINUES)) else label
    shown = label.partition("-")[2] if "-" in label else label
    return Tag(kind, label.startswith(BEGINS), None if shown == OUTSIDE else shown)


def find_entities(labels: Sequence[str]) -> tuple[Span, ...]:
    """Entities of a row of labels, one for each token of the text."""
    groups: list[tuple[int, int, str | None]] = []
    before = None
    for at, tag in enumerate(map(read_tag, labels)):
        if tag.kind == before and not tag.begins:
            groups[-1] = (groups[-1][0], at, groups[-1][2])
        else:
            groups.append((at, at, tag.shown))
        before = tag.kind
    return tuple((first, last, shown) for first, last, shown in groups if shown is not None)


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


def whole_words(span: tuple[int, int], words: Sequence[Hashable]) -> tuple[int, int]:
    """A span widened to the first and last token of its words; `words` says of each token which one it is of."""
    first, last = span
    while first > 0 and words[first - 1] == words[first]:
        first -= 1
    while last + 1 < len(words) and words[last + 1] == words[last]:
        last += 1
    return first, last


def window_tokens(longest: int) -> tuple[int, int]:
    """Tokens of a window for a model that takes `longest`, and how many of them the next window repeats."""
    window = min(longest, WINDOW_TOKENS)
    return window, min(SHARED_TOKENS, window // 2)


def best_label(logits: Array) -> Array:
    """Number of the likeliest label: logits [..., labels] → [...]; the first of equal ones."""
    return np.asarray(logits.argmax(-1))


def is_likely(logits: Array) -> Array:
    """Which labels of several are shown: logits [..., labels] → bool of the same shape."""
    return np.asarray(logits > LIKELY_LOGIT)


def likely(logits: Array) -> list[int]:
    """Numbers of the labels that are shown, of one row's logits [labels]."""
    return [int(number) for number in np.flatnonzero(is_likely(logits))]


def top_tokens(logits: Array) -> Array:
    """Vocabulary entries shown of a mask, the best first: logits [..., vocabulary] → [..., TOP_TOKENS]."""
    return np.argsort(-logits, axis=-1, kind="stable")[..., :TOP_TOKENS]
