"""Bringing the tensors that Core AI shows to the names and shapes of `exporter.model.numpy_ops`."""

from collections.abc import Mapping

from exporter.model.ops import Array
from exporter.targets.apple_tensors import canonical_shapes, tokens_of_channels


def canonical_tensors(tensors: Mapping[str, Array]) -> dict[str, Array]:
    """The tensors by the names that every target has: see `canonical_shapes`."""
    return canonical_shapes(tensors, _tokens)


def _tokens(tensor: Array) -> Array:
    """Rows as the compiler reshapes them, [S, C] → [B, S, C] and [B, 1, C] → [B, C]; see `tokens_of_channels`."""
    if tensor.ndim == 2 and tensor.shape[0] > 1:
        return tensor[None]
    if tensor.ndim == 3 and tensor.shape[1] == 1:
        return tensor[:, 0]
    return tokens_of_channels(tensor)
