"""Training texts for fine-tuning: the user's own, others mixed from them, and odd ones that a comparison has too.

The teacher answers any text, so that of few texts more are made, as many new ones for every epoch: beginnings and ends
of two, words exchanged for others, and spans (as in TinyBERT, Jiao et al. 2020, with the texts' own words).

Taught by real texts alone, a model answers those better and others worse than before it learnt: nothing held it there.
The battery that judges a bundle draws others, by another seed; but a text without tokens and padding alone exist once,
and are no held-out check of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from exporter.checkpoint.checkpoint import Checkpoint
from exporter.compression.calibration import Finetune
from exporter.model.model import Model
from exporter.model.ops import Array, Extent
from exporter.verification.reference.reference import Reference
from runtimes.errors import UsageError
from runtimes.parity.cases import Case, Encoder, Item, Limits, Row, examples

LEAST_TEXTS = 50
_ROWS, _LONGEST = 32, 128
"""Real texts of a batch, and tokens of a text: longer ones are truncated, for the teacher and the student alike."""
_HELD_OUT_SHARE, _MOST_HELD_OUT = 0.1, 1000
_EXCHANGED, _LEAST_SPAN = 0.3, 3
_SHORT = 8
"""Most tokens of a truncated text."""
_PADDING_ALONE = Row([], [], [])
_Pair = tuple[Item, Item]
"""A text as the float model reads it, and as the exported one does; both in the float model's ids."""
CasePair = tuple[Case, Case]
"""The same of a batch."""


@dataclass(frozen=True)
class TrainingTexts:
    """Batches to learn from in each epoch and to be judged by, and how many of the user's texts each holds."""

    learn: list[list[CasePair]]
    judge: list[CasePair]
    learnt_texts: int
    held_out_texts: int


def make_training_texts(reference: Reference, exported: Checkpoint, asked: Finetune, ids: Array) -> TrainingTexts:
    """Drawn once by the seed, in batches of texts of like length; `ids` are the tokens of the exported vocabulary.

    Raises UsageError for too few texts that use the vocabulary at all; where every token has an answer, those count
    whose tokens the exported vocabulary has.
    """
    limits = reference.source.limits(min(_LONGEST, exported.max_tokens))
    read = _Reader(reference.checkpoint, exported, limits, ids)
    parts = examples(asked.texts, limits)
    known = [(text, item) for text, item in zip(parts, read.items(parts), strict=True) if item]
    if len(known) < LEAST_TEXTS:
        raise UsageError(
            f"--finetune-codes: {len(known)} texts to learn from; give {LEAST_TEXTS} or more, in the model's language"
        )
    held, rng = min(_MOST_HELD_OUT, int(len(known) * _HELD_OUT_SHARE)), np.random.default_rng(asked.seed)
    order = rng.permutation(len(known))
    learnt, judge = ([known[at] for at in part] for part in (order[held:], order[:held]))
    odd, texts = _Odd(rng, ids, limits.padding_row), [text for text, _ in learnt]

    def taught(items: Sequence[_Pair | None]) -> list[CasePair]:
        groups = _of_like_length([item for item in items if item])
        return read.batches([[*group, *odd.beside(group, at)] for at, group in enumerate(groups)])

    own = taught([item for _, item in learnt])
    learn = [[*own, *taught(read.items(mixed_texts(texts, rng)))] for _ in range(asked.epochs)]
    return TrainingTexts(learn, read.batches(_of_like_length([item for _, item in judge])), len(learnt), held)


@dataclass(frozen=True)
class _Reader:
    """Reads examples as the float model and the exported one do; `ids` as of `make_training_texts`."""

    whole: Checkpoint
    exported: Checkpoint
    limits: Limits
    ids: Array

    def items(self, parts: Sequence[tuple[str, ...]]) -> list[_Pair | None]:
        """Of each example both items; None for one that nothing is learnt from."""
        theirs, own = (Encoder(one.tokenizer.tokenizer, self.limits) for one in (self.whole, self.exported))
        pairs = [(theirs.example(one, at), _renumbered(own.example(one, at), self.ids)) for at, one in enumerate(parts)]
        by_token = bool(outputs_by_token(self.exported.model))
        added = list(self.exported.tokenizer.tokenizer.get_added_tokens_decoder())
        special = set(self.ids[added].tolist())
        return [pair if _is_useful(pair, by_token, special) else None for pair in pairs]

    def batches(self, groups: list[list[_Pair]]) -> list[CasePair]:
        """Each group as a case of both."""
        encode = Encoder(self.whole.tokenizer.tokenizer, self.limits)
        sides = [
            [encode.case("", [item[side] for item in group], real_text=True) for group in groups] for side in (0, 1)
        ]
        return list(zip(*sides, strict=True))


def _is_useful(pair: _Pair, by_token: bool, special: set[int]) -> bool:
    """Whether an item has tokens of the vocabulary, and the same on both sides where each has an answer."""
    return not (by_token and pair[0] != pair[1]) and any(set(row.ids) - special for row in pair[1])


def mixed_texts(parts: Sequence[tuple[str, ...]], rng: np.random.Generator) -> list[tuple[str, ...]]:
    """As many examples as there are, made of theirs: in turn two joined, one with other words, and a span of one."""
    words = sorted({word for text in parts for part in text for word in part.split()})
    makers = (_joined, partial(_exchanged, words), _span)
    drawn = [[parts[at] for at in rng.integers(len(parts), size=2)] for _ in parts]
    return [
        tuple(" ".join(makers[at % 3](one.split(), other.split(), rng)) for one, other in zip(*two, strict=False))
        for at, two in enumerate(drawn)
    ]


def _joined(one: list[str], other: list[str], rng: np.random.Generator) -> list[str]:
    return [*one[: rng.integers(len(one) + 1)], *other[rng.integers(len(other) + 1) :]]


def _exchanged(words: list[str], one: list[str], _other: list[str], rng: np.random.Generator) -> list[str]:
    """Nearly a third of the words for any of all `words`, so that rare ones are met as often as others."""
    drawn = zip(one, rng.random(len(one)) < _EXCHANGED, rng.integers(len(words), size=len(one)), strict=True)
    return [words[at] if exchanged else word for word, exchanged, at in drawn]


def _span(one: list[str], _other: list[str], rng: np.random.Generator) -> list[str]:
    first = int(rng.integers(len(one) + 1))
    return one[first : first + int(rng.integers(_LEAST_SPAN, len(one) + _LEAST_SPAN + 1))]


def outputs_by_token(model: Model) -> frozenset[str]:
    """Names of the outputs that have an entry for each token."""
    return frozenset(name for name, extent in model.outputs.items() if extent in (Extent.TOKEN, Extent.POSITION))


@dataclass(frozen=True)
class _Odd:
    """Draws odd items of `ids`; `padding_row` as in Limits."""

    rng: np.random.Generator
    ids: Array
    padding_row: bool

    def beside(self, group: list[_Pair], number: int) -> list[_Pair]:
        """One, made of a text of the group; in turn no token, a few, tokens at random, padding alone."""
        item = group[self.rng.integers(len(group))][1]
        most = int(self.rng.integers(1, _SHORT + 1))
        odd: list[Item] = [
            [_cut(row, 0) for row in item],
            [_cut(row, most) for row in item],
            [self._scrambled(row) for row in item],
            [_PADDING_ALONE] * len(item),
        ]
        made = odd[number % len(odd)]
        return [(made, made)] if self.padding_row or all(row.ids for row in made) else []

    def _scrambled(self, row: Row) -> Row:
        drawn = zip(row.ids, self.rng.choice(self.ids, len(row.ids)).tolist(), row.origin, strict=True)
        return row._replace(ids=[old if text < 0 else new for old, new, text in drawn])


def _cut(row: Row, most: int) -> Row:
    """The special tokens, and the first of each text."""
    before = [row.origin[:at].count(text) for at, text in enumerate(row.origin)]
    kept = [at for at, text in enumerate(row.origin) if text < 0 or before[at] < most]
    return Row(*([part[at] for at in kept] for part in row))


def _renumbered(item: Item, ids: Array) -> Item:
    return [row._replace(ids=ids[row.ids].tolist()) for row in item]


def _of_like_length(items: list[_Pair]) -> list[list[_Pair]]:
    ordered = sorted(items, key=lambda item: max(len(row.ids) for row in item[0]))
    return [ordered[at : at + _ROWS] for at in range(0, len(ordered), _ROWS)]
