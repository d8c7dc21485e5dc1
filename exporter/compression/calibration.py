"""Calibration texts: activations to measure, token frequencies to weigh codes by, and the codes made with them."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from exporter.checkpoint.checkpoint import Checkpoint
from exporter.checkpoint.tokenizer.token_ids import token_ids
from exporter.compression.product_quantization import ProductCodes, product_quantise
from exporter.model.ops import Array, Inputs
from runtimes.errors import UsageError

Samples = Callable[[int], list[Inputs[Array]]]
"""Most tokens → real texts of the task, each alone and without padding."""

EPOCHS, SEED = 3, 0
"""Of `--finetune-codes`."""
_UNSEEN = 0.1
"""How often a token is taken to occur that no text has: forgotten, it would come out as anything."""


@dataclass(frozen=True)
class Finetune:
    """What `--finetune-codes` asks: texts of the task, a tab between two of a pair, and how often all are read.

    `seed` draws which texts are held out, what others are made of them, and their order; no user sets it.
    """

    texts: tuple[str, ...]
    epochs: int = EPOCHS
    seed: int = SEED


class Calibration:
    """Made once for an export and used for every bundle of it: of `checkpoint`, with its vocabulary as it will ship.

    `dimensions` are those of `--pq-dims`.
    """

    def __init__(self, checkpoint: Checkpoint, samples: Samples, dimensions: int, texts: tuple[str, ...]) -> None:
        self.samples = samples
        self.checkpoint = checkpoint
        self._dimensions, self._texts = dimensions, texts
        self._codes: dict[tuple[bytes, bool], ProductCodes] = {}
        self._importance = cache(self._weigh)

    def encode(self, table: Array, narrow: bool = False) -> ProductCodes:
        """Codes of a word table, made once however many lengths and targets ask; `narrow` as in `product_quantise`."""
        key = hashlib.sha256(table.tobytes()).digest(), narrow
        if key not in self._codes:
            self._codes[key] = product_quantise(table, self._dimensions, self._importance(len(table)), narrow)
        return self._codes[key]

    def _weigh(self, rows: int) -> Array | None:
        """√ of how often each token occurs in the texts; None without texts: all tokens alike.

        Raises UsageError for texts that use nothing of the vocabulary.
        """
        if not self._texts:
            return None
        tokenizer, counts = self.checkpoint.tokenizer.tokenizer, np.full(rows, _UNSEEN)
        for ids in token_ids(tokenizer, self._texts):
            np.add.at(counts, ids, 1)
        if np.delete(counts, list(tokenizer.get_added_tokens_decoder())).max(initial=0) < 1:
            raise UsageError(
                f"--frequency-from: no token of the vocabulary occurs in these {len(self._texts)} texts; give text of "
                "the task, in the model's language"
            )
        return np.asarray(np.sqrt(counts))


def texts_sha256(texts: tuple[str, ...]) -> str | None:
    """What a recipe records of texts; None where there are none."""
    return hashlib.sha256("\n".join(texts).encode()).hexdigest() if texts else None


TRAINED = ("codebooks", "LayerNorms", "biases and row gains of the encoder's linear layers")
