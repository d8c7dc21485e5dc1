"""List the folded weights that compression schemes round, under the names that `--keep` takes."""

import numpy as np

from exporter.model.distances import Distances
from exporter.model.model import Model
from exporter.model.numpy_ops import NumpyOps
from exporter.model.ops import Array, Inputs, Role, Weight

WORD_TABLE = "embeddings.word.weight"
"""What every family calls its table of word embeddings."""

ROUNDED = frozenset({Role.WORD_EMBEDDING, Role.POSITION_EMBEDDING, Role.LINEAR, Role.TAIL})
"""The roles that schemes round; the others stay floats anyway."""


def rounded_weights(model: Model) -> list[Weight]:
    """Every weight that some scheme rounds, in the order of computation."""
    ops, token = _Listing(), np.ones((1, 1), np.int64)
    model.build(ops, Inputs(token, token, np.zeros_like(token)))
    return list(ops.weights.values())


class _Listing(NumpyOps):
    """One token through the definition of every operation, and which weights it meets."""

    def __init__(self) -> None:
        super().__init__()
        self.weights: dict[str, Weight] = {}  # a tied table is met twice

    def embedding(self, name: str, table: Weight, ids: Array) -> Array:
        return super().embedding(name, self._met(table), ids)

    def positions(self, name: str, table: Weight, tokens: Array) -> Array:
        return super().positions(name, self._met(table), tokens)

    def counted_positions(self, name: str, table: Weight, tokens: Array, ids: Array, pad: int) -> Array:
        return super().counted_positions(name, self._met(table), tokens, ids, pad)

    def relative_scores(
        self, name: str, x: Array, table: Weight, distances: Distances, heads: int, of_keys: bool = False
    ) -> Array:
        return super().relative_scores(name, x, self._met(table), distances, heads, of_keys)

    def linear(self, name: str, x: Array, weight: Weight, bias: Weight | None) -> Array:
        return super().linear(name, x, self._met(weight), bias)

    def grouped_linear(self, name: str, x: Array, weight: Weight) -> Array:
        return super().grouped_linear(name, x, self._met(weight))

    def _met(self, weight: Weight) -> Weight:
        if weight.role in ROUNDED:
            self.weights[weight.name] = weight
        return weight
