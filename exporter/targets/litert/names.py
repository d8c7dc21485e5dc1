"""Bringing the tensors that LiteRT shows to the names and shapes of `exporter.model.numpy_ops`.

Tokens are [B, S, H] here and there. Attention is computed head by head: what has a head's number at its end is one of
[B, A, S, S].
"""

import re
from collections import defaultdict
from collections.abc import Mapping

import numpy as np

from exporter.model.ops import Array

_OF_A_HEAD = re.compile(r"(?P<name>.*\.(?:scores|probabilities))\.(?P<head>\d+)")


def canonical_tensors(tensors: Mapping[str, Array]) -> dict[str, Array]:
    """The tensors by the names that every target has, those of heads in one."""
    found: dict[str, Array] = {}
    heads: dict[str, dict[int, Array]] = defaultdict(dict)
    for name, values in tensors.items():
        if match := _OF_A_HEAD.fullmatch(name):
            heads[match["name"]][int(match["head"])] = values
            found[match["name"]] = values  # its place in the order of computation
        else:
            found[name] = values
    return found | {name: np.stack([parts[n] for n in sorted(parts)], 1) for name, parts in heads.items()}
