"""Training texts for fine-tuning: the user's own, and odd ones that a comparison has too.

Taught by real texts alone, a model answers those better and others worse than before it learnt: nothing held it there.
The battery that judges a bundle draws others, by another seed; but a text without tokens and padding alone exist once,
and are no held-out check of it.
"""

from dataclasses import dataclass

import numpy as np

from exporter.checkpoint.checkpoint import Checkpoint
from exporter.model.model import Model
from exporter.model.ops import Array, Extent
from exporter.verification.reference.reference import Reference
from runtimes.errors import UsageError
from runtimes.parity.cases import Case, Encoder, Item, Row, examples

LEAST_TEXTS, SEED = 50, 0
_ROWS, _LONGEST = 32, 128
"""Real texts of a batch, and tokens of a text: longer ones are truncated, for the teacher and the student alike."""
_HELD_OUT_SHARE, _MOST_HELD_OUT = 0.1, 1000
_SHORT = 8
"""Most tokens of a truncated text."""
_PADDING_ALONE = Row([], [], [])
_Pair = tuple[Item, Item]
"""A text as the float model reads it, and as the exported one does; both in the float model's ids."""
CasePair = tuple[Case, Case]
"""The same of a batch."""


@dataclass(frozen=True)
class TrainingTexts:
    """Batches to learn from and to be judged by, and how many of the user's texts each holds."""

    learn: list[CasePair]
    judge: list[CasePair]
    learnt_texts: int
    held_out_texts: int


def make_training_texts(
    reference: Reference, exported: Checkpoint, texts: tuple[str, ...], ids: Array
) -> TrainingTexts:
    """Drawn once by a fixed seed, in batches of texts of like length; `ids` are the tokens of the exported vocabulary.

    Raises UsageError for too few texts that use the vocabulary at all; where every token has an answer, those count
    whose tokens the exported vocabulary has.
    """
    limits = reference.source.limits(min(_LONGEST, exported.max_tokens))
    theirs, own = (Encoder(one.tokenizer.tokenizer, limits) for one in (reference.checkpoint, exported))
    parts = list(enumerate(examples(texts, limits)))
    items = [(theirs.example(one, at), _renumbered(own.example(one, at), ids)) for at, one in parts]
    if outputs_by_token(exported.model):
        items = [item for item in items if item[0] == item[1]]
    special = set(ids[list(exported.tokenizer.tokenizer.get_added_tokens_decoder())].tolist())
    items = [item for item in items if any(set(row.ids) - special for row in item[1])]
    if len(items) < LEAST_TEXTS:
        raise UsageError(
            f"--finetune-codes: {len(items)} texts to learn from; give {LEAST_TEXTS} or more, in the model's language"
        )
    held, rng = min(_MOST_HELD_OUT, int(len(items) * _HELD_OUT_SHARE)), np.random.default_rng(SEED)
    order = rng.permutation(len(items))
    learn, judge = (_of_like_length([items[at] for at in part]) for part in (order[held:], order[:held]))
    odd = _Odd(rng, ids, limits.padding_row)
    taught = [[*group, *odd.beside(group, at)] for at, group in enumerate(learn)]
    return TrainingTexts(_batches(theirs, taught), _batches(theirs, judge), len(items) - held, held)


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


def _batches(encode: Encoder, groups: list[list[_Pair]]) -> list[CasePair]:
    sides = [[encode.case("", [item[side] for item in group], real_text=True) for group in groups] for side in (0, 1)]
    return list(zip(*sides, strict=True))
