"""What the Core ML operations depend on: the deployment target's abilities, constants, and the shape of the mask."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from exporter.model.ops import Weight

Var = Any
"""A tensor of the program: coremltools' Var, which is not typed."""

Ranges = Mapping[str, float]
"""Tensor name → its largest magnitude, for the inputs of linears that are rounded to int8."""


@dataclass(frozen=True)
class Dialect:
    """What the operations of a deployment target can say.

    `small_indices`: gather takes uint16, and need not check indices (iOS 17). `fused_attention`: one operation for
    softmax(q·kᵀ/√D + bias)·v (iOS 18). `longest`: the most tokens of any function that shares these weights.
    """

    small_indices: bool
    fused_attention: bool
    longest: int


@dataclass(frozen=True)
class Mask:
    """The mask in the shapes that its readers need: 1 for a token as a factor of keys, 0 for a token added to scores.

    Over every query, in the layout's shapes; and for the first token, factor as `_sequence` and bias [B, 1, S].
    `pairs`: a factor of scores, where not every query sees the same keys.
    """

    key_factor: Var
    score_bias: Var
    first_key_factor: Var
    first_score_bias: Var
    pairs: Var | None = None


class Constants(Protocol):
    """The weights of a program, as they are stored; see `targets.coreml.weights.WeightStore`."""

    @property
    def dtype(self) -> type:
        """The type that is computed in, numpy's."""

    def table(self, weight: Weight) -> Var:
        """An embedding table [rows, H], stored once for all that read it."""

    def coded(self, weight: Weight) -> bool:
        """Whether the scheme stores codes of `weight`."""

    def codes(self, table: Weight) -> tuple[Var, Var, Var]:
        """Codes [rows, H / d], the start of each codebook, and all codebooks [H / d · 256, d]."""

    def constant(self, weight: Weight, shape: tuple[int, ...]) -> Var:
        """`weight` in `shape`."""
