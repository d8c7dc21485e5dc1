"""Bringing the tensors of Apple's two formats to the names and shapes of `exporter.model.numpy_ops`."""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping

import numpy as np

from exporter.model.ops import Array

_HEAD = re.compile(r"\.head(\d+)$")


def canonical_shapes(tensors: Mapping[str, Array], tokens: Callable[[Array], Array]) -> dict[str, Array]:
    """Tensors by the names that every target has, as float32 where they are floats; the order is the program's.

    In the channels layout the heads of an attention bear its name and `.head0` and so on, [B, K, Q] or [B, K, 1, Q]
    each: they are stacked to [B, A, Q, K]. `tokens` brings any other tensor to its common shape.
    """
    heads: dict[str, dict[int, Array]] = defaultdict(dict)
    result: dict[str, Array] = {}
    for name, tensor in tensors.items():
        if found := _HEAD.search(name):
            whole = name[: found.start()]
            heads[whole][int(found[1])] = tensor
            result[whole] = _stacked(heads[whole])
        else:
            result[name] = tokens(tensor)
    return {name: _float32(tensor) for name, tensor in result.items()}


def tokens_of_channels(tensor: Array) -> Array:
    """[B, C, 1, S] → [B, S, C], and [B, C, 1, 1] → [B, C]; any other shape stays."""
    if tensor.ndim != 4 or tensor.shape[2] != 1:
        return tensor
    return tensor[:, :, 0, 0] if tensor.shape[3] == 1 else np.swapaxes(tensor[:, :, 0], 1, 2)


def _stacked(heads: Mapping[int, Array]) -> Array:
    flat = (heads[number] for number in sorted(heads))
    return np.stack([np.swapaxes(one.reshape(*one.shape[:2], -1), 1, 2) for one in flat], axis=1)


def _float32(tensor: Array) -> Array:
    return tensor.astype(np.float32, copy=False) if tensor.dtype.kind == "f" else tensor
