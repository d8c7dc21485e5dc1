"""Finding the first named tensor that two runs disagree on, in the order of computation."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from runtimes.runner import Array

_FAR = -1e4
"""No score comes near it; a float16 mask goes well below."""


@dataclass(frozen=True)
class Departure:
    """One named tensor of both sides; the error is relative to the largest value of the reference."""

    name: str
    relative: float
    beyond: bool


def depart(reference: Mapping[str, Array], candidate: Mapping[str, Array], share: float) -> list[Departure]:
    """Compare the tensors that both sides have, in the reference's order.

    Flat token tensors [B·S, H] are compared with [B, S, H]; of a last layer computed for the first token alone,
    [B, H] is compared with the first token of [B, S, H]. What has no counterpart is left out.
    """
    rows = []
    for name, left in reference.items():
        right = candidate.get(name)
        if right is not None and (pair := _aligned(left, right)) is not None:
            error = _relative(*pair)
            rows.append(Departure(name, error, not error <= share))
    return rows


def _aligned(left: Array, right: Array) -> tuple[Array, Array] | None:
    if left.size == right.size:
        return left, right.reshape(left.shape)
    if left.ndim == 3 and right.shape == left[:, 0].shape:
        return left[:, 0], right
    return None


def _relative(left: Array, right: Array) -> float:
    """Largest difference over the largest value. How far down a mask pushes is each target's own: far is far."""
    masked = left <= _FAR
    if not np.isfinite(right).all() or (right[masked] > _FAR / 10).any():
        return float("inf")
    seen = ~masked
    scale = float(np.abs(left[seen]).max(initial=0))
    return float(np.abs(left[seen] - right[seen]).max(initial=0)) / max(scale, 1e-12)
