"""The embeddings and the encoder layer of MobileBERT over `Ops`, every NoNorm folded; shapes as in `mobilebert`."""

from dataclasses import dataclass
from typing import Generic

import numpy as np

from exporter.model import folding
from exporter.model.geometry import Geometry
from exporter.model.ops import Array, Inputs, Ops, Read, Role, T, Weight
from exporter.model.transformer import f64, weight_of

Layer = tuple[Array, Array]
"""Weight [out, in] and bias [out], float64."""


@dataclass(frozen=True)
class MobileGeometry(Geometry):
    """`bottleneck` is the width N of a layer's inside, `feedforwards` how many it has.

    `shares_bottleneck`: query and key read a bottleneck of their own; `narrow_attention`: query, key and value all read
    the layer's first.
    """

    bottleneck: int
    feedforwards: int
    shares_bottleneck: bool
    narrow_attention: bool


def embed(ops: Ops[T], read: Read, inputs: Inputs[T]) -> T:
    """Three neighbouring words through one linear layer, plus type and position: [B, S, H]."""
    gain, shift = f64(read("embeddings.norm.gain")), f64(read("embeddings.norm.bias"))
    positions, types = folding.first_type_into_positions(f64(read("embeddings.position")), f64(read("embeddings.type")))
    word = Weight("embeddings.word.weight", read("embeddings.word"), Role.WORD_EMBEDDING)
    words = ops.embedding("embeddings.word", word, inputs.ids)  # [B, S, E]
    dense = f64(read("embeddings.transformation.weight")), f64(read("embeddings.transformation.bias"))
    x = _linear(
        ops,
        "embeddings.transformation",
        ops.trigram("embeddings.trigram", words),
        folding.no_norm_into_linear(*dense, gain, shift),
        Role.LINEAR,
    )
    if inputs.types is None:
        raise TypeError("MobileBERT reads segment numbers")
    table = weight_of("embeddings.type.weight", gain * types, Role.TYPE_EMBEDDING)
    rows = ops.embedding("embeddings.type", table, inputs.types)
    table = weight_of("embeddings.position.weight", gain * positions, Role.POSITION_EMBEDDING)
    return ops.add("embeddings", x, ops.positions("embeddings.positioned", table, rows))


class MobileLayer(Generic[T]):
    """One layer: bottlenecks, attention, feed-forwards, each but the bottlenecks with its residual."""

    def __init__(self, ops: Ops[T], read: Read, geometry: MobileGeometry, name: str) -> None:
        self.ops, self.geometry, self.name, self._read = ops, geometry, name, read

    def every_token(self, x: T, bias: T) -> T:
        """[B, S, H] → [B, S, H]."""
        name, role = f"{self.name}.attention", Role.LINEAR
        reads = self._query_bottleneck
        narrow = _linear(self.ops, f"{self.name}.{reads}", x, self._normed(reads), role)  # [B, S, N]
        values = narrow if self.geometry.narrow_attention else x
        query = _linear(self.ops, f"{name}.query", narrow, self._scaled_query(), role)
        key = self.ops.linear(
            f"{name}.key", narrow, weight_of(f"{name}.key.weight", self._dense("attention.key")[0], role), None
        )
        value_weight, value_bias = self._dense("attention.value")
        value = self.ops.linear(f"{name}.value", values, weight_of(f"{name}.value.weight", value_weight, role), None)
        context = self.ops.attention(name, query, key, value, bias, self.geometry.heads)  # [B, S, N]
        if self.geometry.narrow_attention:
            gain = self._vector("attention.dense.norm.gain")
            residual = self.ops.scale(f"{name}.residual", narrow, gain)
        else:
            residual = self._residual(x, role)
        return self._finish(x, context, residual, value_bias, role)

    def first_token(self, x: T, bias: T) -> T:
        """[B, S, H] → [B, H]: the layer for token 0 alone.

        What stands between x and the scores is linear, so that the key's and the value's bottlenecks become part of
        them: no bottleneck is computed for the other tokens.
        """
        name, heads, ops = f"{self.name}.attention", self.geometry.heads, self.ops
        bottleneck = self._normed(self._query_bottleneck)
        key = self._dense("attention.key")[0] @ bottleneck[0]  # [N, H]
        value = self._dense("attention.value")
        if self.geometry.narrow_attention:
            value = folding.chain(*value, *bottleneck)
        first = ops.first_token(f"{self.name}.first", x)  # [B, H]
        query = _linear(ops, f"{name}.query", first, folding.chain(*self._scaled_query(), *bottleneck), Role.TAIL)
        per_head = weight_of(f"{name}.key.weight", folding.key_per_head(key, heads), Role.TAIL)
        seen = ops.first_token_attention(name, ops.grouped_linear(f"{name}.key", query, per_head), x, bias, heads)
        per_head = weight_of(f"{name}.value.weight", folding.value_per_head(value[0], heads), Role.TAIL)
        context = ops.grouped_linear(f"{name}.value", seen, per_head)  # [B, N]
        return self._finish(first, context, self._residual(first, Role.TAIL), value[1], Role.TAIL)

    @property
    def _query_bottleneck(self) -> str:
        """The bottleneck that query and key read."""
        return "bottleneck.input" if self.geometry.narrow_attention else "bottleneck.attention"

    def _residual(self, x: T, role: Role) -> T:
        """The layer's first bottleneck, where nothing else reads it: the gain of the sum's NoNorm folds into it too."""
        gain = f64(self._read(f"{self.name}.attention.dense.norm.gain"))
        layer = folding.no_norm_into_linear(*self._normed("bottleneck.input"), gain, np.zeros_like(gain))
        return _linear(self.ops, f"{self.name}.attention.residual", x, layer, role)

    def _finish(self, x: T, context: T, residual: T, value_bias: Array, role: Role) -> T:
        """The output of attention, the feed-forwards one after the other, and the way back to H."""
        name, ops = self.name, self.ops
        weight, bias = self._dense("attention.dense")
        bias = folding.value_bias_through_output(value_bias, weight, bias)
        dense = _linear(ops, f"{name}.attention.dense", context, self._normed("attention.dense", (weight, bias)), role)
        y = ops.add(f"{name}.attention.output", dense, residual)
        for number in range(self.geometry.feedforwards - 1):
            y = self._feed_forward(f"ffn.{number}.", f"ffn.{number}.output", y, role)
        y = self._feed_forward("", "narrow", y, role)
        wide = _linear(ops, f"{name}.bottleneck.output", y, self._normed("bottleneck.output"), role)
        gain = self._vector("bottleneck.output.norm.gain")
        return ops.add(f"{name}.output", wide, ops.scale(f"{name}.residual", x, gain))

    def _feed_forward(self, part: str, result: str, y: T, role: Role) -> T:
        """[…, N] → […, N]."""
        name, ops = f"{self.name}.{part}", self.ops
        wide = _linear(ops, f"{name}intermediate.dense", y, self._dense(f"{part}intermediate"), role)
        wide = ops.activation(f"{name}intermediate", wide, self.geometry.activation)
        narrow = _linear(ops, f"{name}dense", wide, self._normed(f"{part}dense"), role)
        residual = ops.scale(f"{name}dense.residual", y, self._vector(f"{part}dense.norm.gain"))
        return ops.add(f"{self.name}.{result}", narrow, residual)

    def _scaled_query(self) -> Layer:
        return folding.scale_query(*self._dense("attention.query"), self.geometry.heads)

    def _normed(self, part: str, layer: Layer | None = None) -> Layer:
        """A linear layer and the NoNorm after it."""
        gain, shift = (f64(self._read(f"{self.name}.{part}.norm.{vector}")) for vector in ("gain", "bias"))
        return folding.no_norm_into_linear(*(layer or self._dense(part)), gain, shift)

    def _dense(self, part: str) -> Layer:
        return f64(self._read(f"{self.name}.{part}.weight")), f64(self._read(f"{self.name}.{part}.bias"))

    def _vector(self, name: str) -> Weight:
        return Weight(f"{self.name}.{name}", self._read(f"{self.name}.{name}"), Role.VECTOR)


def _linear(ops: Ops[T], name: str, x: T, layer: Layer, role: Role) -> T:
    weight = weight_of(f"{name}.weight", layer[0], role)
    return ops.linear(name, x, weight, weight_of(f"{name}.bias", layer[1], Role.VECTOR))
