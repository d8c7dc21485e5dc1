"""Entities of a text's tokens by the strategies of transformers' `TokenClassificationPipeline` (5.23).

| strategy | what is shown |
| --- | --- |
| `none` | each token by itself, under its whole label; the pipeline's default |
| `simple` | neighbouring tokens of one kind, see `runtimes.parity.shown`; what parity compares, and the kits' default |
| `first` | as `simple`, of words: a word has the label of its first token |
| `average` | as `first`; a word has the likeliest label of its tokens' mean probabilities |
| `max` | as `first`; a word has the label of its token that is surest |

What a word is the pipeline guesses. With WordPiece a token continues one where its vocabulary entry is longer or
shorter than the text it stands for: `##s` is, and so is a letter whose accents were taken off. The unknown token begins
a word. With other tokenizers a token continues one unless a blank stands before or at its start.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from runtimes.parity.shown import OUTSIDE, find_entities
from runtimes.runner import Array

NONE, SIMPLE = "none", "simple"


@dataclass(frozen=True)
class Token:
    """One token of the text: its vocabulary entry, and the characters that it stands for."""

    entry: str
    start: int
    end: int
    unknown: bool = False


@dataclass(frozen=True)
class Entity:
    """Characters of the text, what they are, and how likely: the mean over tokens, or words."""

    label: str
    score: float
    start: int
    end: int


def probabilities(logits: Array) -> Array:
    """Softmax over the last axis, in float64."""
    powers = np.exp(logits.astype(np.float64) - logits.max(-1, keepdims=True))
    return np.asarray(powers / powers.sum(-1, keepdims=True))


def first_label(word: Array) -> tuple[int, float]:
    """Of a word's tokens [T, labels] the first one's likeliest label, and how likely it is."""
    return _likeliest(word[0])


def average_label(word: Array) -> tuple[int, float]:
    """The likeliest label of the tokens' mean."""
    return _likeliest(word.mean(0))


def max_label(word: Array) -> tuple[int, float]:
    """The label of the surest token, the first of equal ones."""
    return _likeliest(word[int(word.max(-1).argmax())])


def _likeliest(scores: Array) -> tuple[int, float]:
    best = int(scores.argmax())
    return best, float(scores[best])


OF_WORDS: Mapping[str, Callable[[Array], tuple[int, float]]] = {
    "first": first_label,
    "average": average_label,
    "max": max_label,
}
"""Strategy → the label of a word, of its tokens' probabilities [T, labels], and how likely it is."""
STRATEGIES = (NONE, SIMPLE, *OF_WORDS)


def aggregate(
    text: str, tokens: Sequence[Token], scores: Array, labels: Sequence[str], strategy: str, wordpiece: bool = True
) -> tuple[Entity, ...]:
    """The entities of a text: `tokens` are its own without special ones, `scores` their probabilities [T, labels].

    `wordpiece`: entries that continue a word begin with ##.
    """
    parts = [[at] for at in range(len(tokens))]
    if strategy in OF_WORDS:
        parts = _words([_continues(text, token, wordpiece) for token in tokens])
    decide = OF_WORDS.get(strategy, first_label)
    decided = [decide(scores[part]) for part in parts]
    names = [labels[label] for label, _ in decided]
    if strategy == NONE:
        spans = [(at, at, name) for at, name in enumerate(names) if name != OUTSIDE]
    else:
        spans = list(find_entities(names))
    return tuple(
        Entity(
            shown,
            float(np.mean([score for _, score in decided[first : last + 1]])),
            tokens[parts[first][0]].start,
            tokens[parts[last][-1]].end,
        )
        for first, last, shown in spans
    )


def _continues(text: str, token: Token, wordpiece: bool) -> bool:
    """The pipeline's `is_subword`."""
    if token.unknown:
        return False
    if wordpiece:
        return len(token.entry) != token.end - token.start
    return token.start > 0 and " " not in text[token.start - 1 : token.start + 1]


def _words(continues: Sequence[bool]) -> list[list[int]]:
    """Numbers of the tokens of each word; the first token begins one whatever it says."""
    found: list[list[int]] = []
    for at, continued in enumerate(continues):
        if continued and found:
            found[-1].append(at)
        else:
            found.append([at])
    return found
