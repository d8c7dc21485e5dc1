"""Tensors of a saved file by name, and what decides how weights are held against them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from exporter.model.ops import Array


class HeldTensor(Protocol):
    """A tensor of the file, read when asked for."""

    @property
    def dtype(self) -> "np.dtype[np.generic]":
        """Of its values; numbers that share a byte are uint8."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of its values."""

    def read(self, first: int = 0, end: int | None = None) -> Array:
        """Its values, or some rows of them: the first axis from `first` to `end`."""


@dataclass(frozen=True)
class Held:
    """What the weights are held against: the file's tensors, and what of the recipe and the model decides how.

    `dimensions` are the recipe's of a coded table. Without `exact` what fine-tuning trained is not known: of linear
    layers a gain of each row, of tables the codebook, and vectors; the rest is, and is compared. `products` are the
    beginnings of names of products of two layers: the gains lie between them, and no row shows them.
    """

    tensors: Mapping[str, HeldTensor]
    dimensions: int | None
    exact: bool
    products: tuple[str, ...] = ()
