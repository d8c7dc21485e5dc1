"""Bringing the tensors that Core AI shows to the names and shapes of `exporter.model.numpy_ops`.

Its compiler moves and merges reshapes, so that no tensor of the common shape may be left. A name ends in what is to be
undone where one is made in another shape.
"""

from collections.abc import Callable, Mapping

import numpy as np

from exporter.model.ops import Array
from exporter.targets.apple_tensors import canonical_shapes, tokens_of_channels

GROUPED = ".grouped"
"""[G, N, 1] or [B, G, N] of one token, [B, S, G, N] of all: its numbers group by group."""
BY_KEY = ".by_key"
"""[B, K, Q]."""
OVER_HEADS = ".over_heads"
"""[B, 1, Q, K], or [B, Q, K] already: the same for every head."""
EVERY_HEAD = ".every_head"
"""[A, Q, K]."""
_UNDONE: Mapping[str, Callable[[Array], Array]] = {
    GROUPED: lambda x: x.reshape(*x.shape[:2], -1) if x.ndim == 4 else x.reshape(1, -1),
    BY_KEY: lambda x: np.swapaxes(x, -1, -2),
    OVER_HEADS: lambda x: x.reshape(len(x), *x.shape[-2:]),
    EVERY_HEAD: lambda x: x[None],
}


def canonical_tensors(tensors: Mapping[str, Array]) -> dict[str, Array]:
    """The tensors by the names that every target has: see `canonical_shapes`."""
    return canonical_shapes(dict(_undone(name, one) for name, one in tensors.items()), _tokens)


def _undone(name: str, tensor: Array) -> tuple[str, Array]:
    """A tensor by the name and in the shape that it has without what its name ends in."""
    form = next((one for one in _UNDONE if name.endswith(one)), "")
    return name.removesuffix(form), _UNDONE[form](tensor) if form else tensor


def _tokens(tensor: Array) -> Array:
    """Rows as the compiler reshapes them, [S, C] → [B, S, C] and [B, 1, C] → [B, C]; see `tokens_of_channels`."""
    if tensor.ndim == 2 and tensor.shape[0] > 1:
        return tensor[None]
    if tensor.ndim == 3 and tensor.shape[1] == 1:
        return tensor[:, 0]
    return tokens_of_channels(tensor)
