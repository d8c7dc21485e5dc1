"""The encoder's dimensions: what `config.json` states of a model, once a family's schema has read it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self


@dataclass(frozen=True)
class Geometry:
    """The shape of an encoder. `H = hidden`, `D = hidden // heads` in the shape comments.

    `embedding` is the width of the embedding tables, which some families project to H; `positions` the most tokens of
    a text; `types` the rows of the type table, 0 where there is none; `pad` the id that pads.
    """

    vocabulary: int
    embedding: int
    hidden: int
    layers: int
    heads: int
    intermediate: int
    positions: int
    types: int
    activation: str
    epsilon: float
    pad: int

    def renumbered(self, number: Mapping[int, int]) -> Self:
        """The shape with the rows alone that `number` has: old id → new one."""
        return replace(self, vocabulary=len(number), pad=number[self.pad])

    @property
    def uses(self) -> int:
        """How often a token meets each weight of a layer."""
        return 1
