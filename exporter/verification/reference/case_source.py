"""The cases of a comparison, made from a checkpoint, texts, and the vocabulary that texts leave unread."""

from collections import Counter
from collections.abc import Sequence
from math import prod

import numpy as np

from exporter.checkpoint.checkpoint import Checkpoint
from exporter.checkpoint.pairs import reads_pairs
from exporter.model.ops import Array
from exporter.model.tasks import FILL_MASK
from exporter.verification.reference.default_texts import default_texts, further_texts
from runtimes.errors import CheckpointError, UsageError
from runtimes.parity.cases import Case, Encoder, Limits, build_battery, first_item, text_cases
from runtimes.parity.sweep import in_order, segments, sweep, unread
from runtimes.parity.trimmed_vocabulary import survivors

_SWEEP_PRODUCTS, _SWEEP_NUMBERS = 1e11, 1.3e8
"""Most multiplications that the sweep over a vocabulary costs one side, and numbers that it gives: a few seconds of one
core, ten in the interpreter, and half a gigabyte. The demo's whole table takes 1.3e10; of MiniLM-L6 9,400 rows are read
beside those of the texts, of BERT-base 1,200, the common ones."""
_FURTHER_PRODUCTS = 5e11
"""The same of further texts, asked for only where the first ones leave something open."""


class CaseSource:
    """Texts, and cases of them; without `texts` those of `exporter.verification.reference.default_texts`.

    With `kept`, the ids that a smaller vocabulary kept, cases hold no other tokens: the texts that the smaller one
    tokenizes as the whole one does.
    """

    def __init__(
        self, checkpoint: Checkpoint, texts: Sequence[str] | None, pairs: bool = False, kept: Array | None = None
    ) -> None:
        self.checkpoint, self.kept = checkpoint, kept
        self.pairs = pairs or reads_pairs(checkpoint)
        self.texts = self._unchanged(list(texts or default_texts(checkpoint.task)))
        self._further = [] if texts else self._surviving(further_texts(checkpoint.task))

    def cases(self, positions: int) -> list[Case]:
        """The battery, and the sweep over what it leaves unread, of a model that takes so many tokens."""
        tokenizer, limits = self.checkpoint.tokenizer.tokenizer, self.limits(positions)
        cases = build_battery(tokenizer, self.texts, limits)
        cases = cases if self.kept is None else survivors(cases, self.kept)
        vocabulary, special = tokenizer.get_vocab(), set(tokenizer.get_added_tokens_decoder())
        # one at a time: a batch is shared out among threads, whose arenas stay
        seen = Counter(number for text in further_texts() for number in tokenizer.encode(text).ids)
        words = in_order(unread(self.words, cases), vocabulary, special, seen)[: self._affordable(_SWEEP_PRODUCTS)]
        encode, like = Encoder(tokenizer, limits), first_item(tokenizer, self.texts, limits)
        return [*cases, *sweep(encode, words, limits, like), *segments(encode, cases, limits, like)]

    def further_cases(self, positions: int) -> list[Case]:
        """More real texts; none where the user gave texts, all of which the battery has."""
        texts, limits = self._further, self.limits(positions)
        cases = text_cases(self.checkpoint.tokenizer.tokenizer, texts, limits, len(self.texts)) if texts else []
        cases = cases if self.kept is None else survivors(cases, self.kept)
        tokens = np.cumsum([case.batch.ids.size for case in cases])
        return cases[: int(np.searchsorted(tokens, self._affordable(_FURTHER_PRODUCTS)))]

    def limits(self, positions: int) -> Limits:
        """What an input of the model may be."""
        checkpoint, task = self.checkpoint, self.checkpoint.task
        recipe, geometry = checkpoint.recipe, checkpoint.geometry
        return Limits(
            positions,
            geometry.types if "token_type_ids" in checkpoint.model.inputs else None,
            geometry.pad,
            pairs=task.pairs or self.pairs,
            choices=task.choices,
            mask_id=_mask_id(checkpoint) if task is FILL_MASK else None,
            # the largest of no token is −1e9: a number without meaning, and none of float16
            padding_row=recipe is None or recipe.pooling != "max",
            prompt=checkpoint.prompt,
            side=checkpoint.truncation_side,
        )

    @property
    def words(self) -> Array:
        """The ids that a bundle's word table has a row for."""
        return np.arange(self.checkpoint.geometry.vocabulary) if self.kept is None else self.kept

    def _unchanged(self, texts: list[str]) -> list[str]:
        found = self._surviving(texts)
        if not found:
            raise UsageError(
                f"none of {len(texts)} texts keeps all its tokens, so nothing can be compared; pass --texts"
            )
        return found

    def _surviving(self, texts: list[str]) -> list[str]:
        """Those whose tokens a smaller vocabulary kept."""
        if self.kept is None:
            return texts
        encodings = self.checkpoint.tokenizer.tokenizer.encode_batch(texts)
        return [text for text, one in zip(texts, encodings, strict=True) if np.isin(one.ids, self.kept).all()]

    def _affordable(self, products: float) -> int:
        """Tokens that so many multiplications by weights pay for; of a vocabulary's scores there are many each."""
        checkpoint = self.checkpoint
        tensors = {name: prod(tensor.shape) for name, tensor in checkpoint.model.tensors.items()}
        geometry = checkpoint.geometry
        each = geometry.uses * sum(size for name, size in tensors.items() if not name.startswith("embeddings."))
        each = each or geometry.hidden  # of a model that is a table, a row
        if checkpoint.task is not FILL_MASK:
            return int(products / each)
        return int(
            min(products / (each + geometry.vocabulary * geometry.embedding), _SWEEP_NUMBERS / geometry.vocabulary)
        )


def _mask_id(checkpoint: Checkpoint) -> int:
    """The id of the tokenizer's mask. Raises CheckpointError where it has none."""
    vocabulary = checkpoint.tokenizer.tokenizer.get_vocab(with_added_tokens=True)
    found = vocabulary.get(checkpoint.tokenizer.mask_token)
    if found is None:
        raise CheckpointError(
            f"{checkpoint.source.directory}: fill-mask needs a tokenizer with a mask token, and "
            f"{checkpoint.tokenizer.mask_token!r} is no token of this one; "
            "put mask_token into tokenizer_config.json, or pass --task feature-extraction"
        )
    return found
