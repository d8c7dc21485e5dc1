"""Bringing the tensors that Core AI shows to the names and shapes of `exporter.model.numpy_ops`.

Channels are [B, C, 1, S] there; attention is computed head by head in that layout, [B, K, Q] each under `NAME.head0`
and so on. Rows are as they are, but for what the compiler reshapes: [S, C] for [B, S, C].
"""

import re
from collections import defaultdict
from collections.abc import Mapping

import numpy as np

from exporter.model.ops import Array

_HEAD = re.compile(r"\.head(\d+)$")


def canonical_tensors(tensors: Mapping[str, Array]) -> dict[str, Array]:
    """The tensors by the names that every target has, those of heads in one, as float32 where they are floats."""
    heads: dict[str, dict[int, Array]] = defaultdict(dict)
    result: dict[str, Array] = {}
    for name, tensor in tensors.items():
        if found := _HEAD.search(name):
            whole = name[: found.start()]
            heads[whole][int(found[1])] = tensor
            result[whole] = _stacked(heads[whole])
        else:
            result[name] = _tokens(tensor)
    return {name: _float32(tensor) for name, tensor in result.items()}


def _tokens(tensor: Array) -> Array:
    """[B, C, 1, S] → [B, S, C], [B, C, 1, 1] and [B, 1, C] → [B, C], [S, C] → [B, S, C]; any other shape stays."""
    if tensor.ndim == 2 and tensor.shape[0] > 1:
        return tensor[None]
    if tensor.ndim == 3 and tensor.shape[1] == 1:
        return tensor[:, 0]
    if tensor.ndim != 4 or tensor.shape[2] != 1:
        return tensor
    return tensor[:, :, 0, 0] if tensor.shape[3] == 1 else np.swapaxes(tensor[:, :, 0], 1, 2)


def _stacked(heads: Mapping[int, Array]) -> Array:
    """Heads [B, K, Q] each → [B, A, Q, K]."""
    return np.stack([np.swapaxes(heads[number], -1, -2) for number in sorted(heads)], axis=1)


def _float32(tensor: Array) -> Array:
    return tensor.astype(np.float32, copy=False) if tensor.dtype.kind == "f" else tensor
