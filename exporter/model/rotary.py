"""Rotary position embeddings (Su et al. 2021): each pair of a head's numbers is turned by an angle of its position.

Of a head of D numbers, number i and number i + D / 2 are a pair (transformers' `rotate_half`), turned at position s by
s · base^(−2i / D):

    first · cos − second · sin,  second · cos + first · sin
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Rotation:
    """`frequencies` are the angles of the pairs at position 1, float32 [D / 2]; `name` begins those of its tensors."""

    name: str
    frequencies: Floats

    def tables(self, length: int) -> tuple[Floats, Floats]:
        """Cosine and sine at the positions from 0 on, [length, D / 2]; angles are float32, as transformers has them."""
        angles = np.arange(length, dtype=np.float32)[:, None] * self.frequencies
        return np.cos(angles), np.sin(angles)

    def signed_tables(self, length: int) -> tuple[Floats, Floats]:
        """The two for a whole head, [length, D]: of x and of x with its halves exchanged, whose first is subtracted."""
        cosine, sine = self.tables(length)
        return np.concatenate([cosine, cosine], 1), np.concatenate([-sine, sine], 1)


def rotation(name: str, width: int, base: float) -> Rotation:
    """That of heads of `width` numbers; frequencies are computed in float64 and rounded once."""
    half = width // 2
    return Rotation(name, np.asarray(float(base) ** (-np.arange(half) / half), np.float32))
