"""Relative positions: which row of a table belongs to the distance between a query and a key."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int32]


@dataclass(frozen=True)
class Distances:
    """For each distance i − j of query i and key j a row of a table: int32 [2 · P − 1], the most negative one first.

    `name` begins the names of tensors that are made of it.
    """

    name: str
    rows: Numbers

    @property
    def positions(self) -> int:
        """P, the most tokens of a text."""
        return (len(self.rows) + 1) // 2

    def square(self, length: int) -> Numbers:
        """The row for each query and key, [S, S]."""
        places = np.arange(length)
        return np.asarray(self.rows[places[:, None] - places + self.positions - 1])

    def falling(self, length: int) -> Numbers:
        """Rows from the largest distance within `length` tokens to the most negative, and one that none reads: [2 · S].

        In a product of queries with these rows, [S, 2 · S], the number for query i and key j lies at
        S − 1 − i + j of its row. Read as one vector from number S − 1 on, in rows of 2 · S − 1, it lies at j.
        """
        middle = self.positions - 1
        return np.append(self.rows[middle - length + 1 : middle + length][::-1], self.rows[0]).astype(np.int32)

    def rising(self, length: int) -> Numbers:
        """The same from the most negative on, for products of keys: row j, column i."""
        middle = self.positions - 1
        return np.append(self.rows[middle - length + 1 : middle + length], self.rows[0]).astype(np.int32)
