"""The tensor table of a model: our name, the stored name and the expected shape of every weight."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from exporter.model.ops import Array
from runtimes.errors import CheckpointError

Shape = tuple[int, ...]

_LEGACY = {"LayerNorm.gamma": "LayerNorm.weight", "LayerNorm.beta": "LayerNorm.bias"}
"""How TensorFlow's BERT, and what was converted from it in 2018, called the vectors of a LayerNorm."""


class StoredTensor(Protocol):
    """One tensor of a checkpoint: its shape is known before it is read."""

    @property
    def shape(self) -> Shape:
        """Its shape."""

    def read(self) -> Array:
        """Its values as float32."""


@dataclass(frozen=True)
class Entry:
    """One row of the table."""

    name: str
    stored: str
    shape: Shape


def modern_names(stored: Mapping[str, StoredTensor]) -> dict[str, StoredTensor]:
    """The tensors under the names of today. Raises CheckpointError where one is stored under both."""
    renamed: dict[str, StoredTensor] = {}
    for name, tensor in stored.items():
        ending = next((old for old in _LEGACY if name.endswith(old)), "")
        modern = name.removesuffix(ending) + _LEGACY.get(ending, "")
        if modern in renamed:
            raise CheckpointError(f"{modern} is stored twice, under its old name too; save the checkpoint again")
        renamed[modern] = tensor
    return renamed


def dense_entries(name: str, stored: str, out: int, inner: int, biased: bool = True) -> Iterator[Entry]:
    """Weight [out, inner] and bias [out] of a linear layer."""
    yield Entry(f"{name}.weight", f"{stored}.weight", (out, inner))
    if biased:
        yield Entry(f"{name}.bias", f"{stored}.bias", (out,))


def layer_norm_entries(name: str, stored: str, h: int, biased: bool = True) -> Iterator[Entry]:
    """Gain and bias [h] of a LayerNorm."""
    yield Entry(f"{name}.gain", f"{stored}.weight", (h,))
    if biased:
        yield Entry(f"{name}.bias", f"{stored}.bias", (h,))


def prefixed(stored: Mapping[str, StoredTensor], prefix: str, parts: frozenset[str]) -> dict[str, StoredTensor]:
    """The tensors of a model saved without its head, named as if it had one: `parts` begin the encoder's names."""
    if any(name.startswith(prefix) for name in stored):
        return dict(stored)
    return {prefix + name if name.partition(".")[0] in parts else name: tensor for name, tensor in stored.items()}


def without_copies(
    stored: Mapping[str, StoredTensor], copies: tuple[tuple[str, str], ...]
) -> tuple[dict[str, StoredTensor], list[str]]:
    """Each tensor under the first of its two names alone; and what is wrong with those stored under both."""
    single, problems = dict(stored), []
    for name, other in copies:
        copy = single.pop(other, None)
        if copy is not None and name not in single:
            single[name] = copy
        elif copy is not None and not np.array_equal(copy.read(), single[name].read()):
            problems.append(f"{other} differs from {name}, which transformers takes for the same tensor")
    return single, problems
