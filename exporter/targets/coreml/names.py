"""Tensor names in an ML program, and the way back to the names and shapes that every target has.

MIL's identifiers have letters, digits and underscores. A dot becomes an underscore and an underscore two, so the name
can be read back; inputs and outputs keep theirs as they are, for apps write them. Two things in a program have no
tensor of that name in the other targets: helper tensors, which bear their result's name and a suffix, and in the
channels layout the heads of an attention, `NAME.head0` and so on.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Mapping

import numpy as np

from exporter.model.ops import Array

_HEAD = re.compile(r"\.head(\d+)$")


def mil_name(name: str) -> str:
    """`layer.0.attention.scores` → `layer_0_attention_scores`."""
    return name.replace("_", "__").replace(".", "_")


def canonical_name(name: str, outputs: Collection[str] = ()) -> str:
    """`mil_name` undone; the model's `outputs` bear one name everywhere.

    Exact for names whose dots and underscores do not touch, as all of ours.
    """
    return name if name in outputs else re.sub("__|_", lambda found: "_" if found[0] == "__" else ".", name)


def canonical_tensors(tensors: Mapping[str, Array], outputs: Collection[str]) -> dict[str, Array]:
    """A program's tensors under the common names, in the common shapes, as float32 where they are floats.

    Channels [B, C, 1, S] become tokens [B, S, C], or with S = 1 the first token's [B, C]; heads [B, K, 1, Q] of one
    attention are stacked to [B, A, Q, K]. All else is as it was. The order is the program's.
    """
    heads: dict[str, dict[int, Array]] = defaultdict(dict)
    result: dict[str, Array] = {}
    for mil, tensor in tensors.items():
        name = canonical_name(mil, outputs)
        if found := _HEAD.search(name):
            whole = name[: found.start()]
            heads[whole][int(found[1])] = tensor
            result[whole] = _stack_heads(heads[whole])
        else:
            result[name] = tokens_of_channels(tensor)
    return {name: _float32(tensor) for name, tensor in result.items()}


def tokens_of_channels(tensor: Array) -> Array:
    """[B, C, 1, S] → [B, S, C], and [B, C, 1, 1] → [B, C]; any other shape stays."""
    if tensor.ndim != 4 or tensor.shape[2] != 1:
        return tensor
    return tensor[:, :, 0, 0] if tensor.shape[3] == 1 else np.swapaxes(tensor[:, :, 0], 1, 2)


def _stack_heads(heads: Mapping[int, Array]) -> Array:
    """Heads [B, K, 1, Q] each → [B, A, Q, K]."""
    return np.stack([np.swapaxes(heads[number][:, :, 0], 1, 2) for number in sorted(heads)], axis=1)


def _float32(tensor: Array) -> Array:
    return tensor.astype(np.float32, copy=False) if tensor.dtype.kind == "f" else tensor
