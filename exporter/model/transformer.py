"""The transformer encoder of BERT (Devlin et al. 2018) and its relatives, written once over `Ops`.

Shapes: B batch, S sequence, H hidden, A heads, D = H / A, E the width of the embedding tables.
"""

from collections.abc import Sequence
from typing import Generic, Protocol

import numpy as np

from exporter.model import folding
from exporter.model.geometry import Geometry
from exporter.model.ops import Array, Inputs, Ops, Read, Role, T, Weight


def encode(ops: Ops[T], read: Read, geometry: Geometry, inputs: Inputs[T], first_token_only: bool) -> T:
    """Return the last hidden state [B, S, H], or with `first_token_only` its first token alone [B, H]."""
    return run_layers(ops, read, geometry, embed(ops, read, geometry, inputs), inputs.mask, first_token_only)


def run_layers(ops: Ops[T], read: Read, geometry: Geometry, x: T, mask: T, first_token_only: bool) -> T:
    """Return what `encode` does, from the embeddings `x` [B, S, H]."""
    layers = [Layer(ops, read, geometry, f"layer.{number}") for number in range(geometry.layers)]
    return through(layers, x, ops.mask_bias("mask", mask), first_token_only)


class AnyLayer(Protocol[T]):
    """What `through` asks of a layer."""

    def every_token(self, x: T, bias: T) -> T:
        """[B, S, H] → [B, S, H]."""

    def first_token(self, x: T, bias: T) -> T:
        """[B, S, H] → [B, H]: the layer for token 0 alone, the only one that a pooled head reads."""


def through(layers: Sequence[AnyLayer[T]], x: T, bias: T, first_token_only: bool) -> T:
    """`x` [B, S, H] through one layer at least, one after the other; of the last its first token alone where asked."""
    *others, last = layers
    for layer in others:
        x = layer.every_token(x, bias)
    return last.first_token(x, bias) if first_token_only else last.every_token(x, bias)


def embed(ops: Ops[T], read: Read, geometry: Geometry, inputs: Inputs[T]) -> T:
    """Word, type and position embeddings, summed and normalised: [B, S, E]."""
    words, table = sum_words_and_types(ops, read, geometry, inputs)
    x = ops.positions("embeddings.sum", table, words)
    return layer_norm(ops, read, "embeddings", "embeddings.norm", x, geometry.epsilon)


def sum_words_and_types(ops: Ops[T], read: Read, geometry: Geometry, inputs: Inputs[T]) -> tuple[T, Weight]:
    """[B, S, E], and the table of positions that is yet to be added, which holds the first type too."""
    word = Weight("embeddings.word.weight", read("embeddings.word"), Role.WORD_EMBEDDING)
    x = ops.embedding("embeddings.word", word, inputs.ids)
    positions = f64(read("embeddings.position"))
    if geometry.types:
        positions, types = folding.first_type_into_positions(positions, f64(read("embeddings.type")))
        if inputs.types is not None and geometry.types > 1:
            table = weight_of("embeddings.type.weight", types, Role.TYPE_EMBEDDING)
            x = ops.add("embeddings.typed", x, ops.embedding("embeddings.type", table, inputs.types))
    return x, weight_of("embeddings.position.weight", positions, Role.POSITION_EMBEDDING)


class Layer(Generic[T]):
    """One layer: attention and feed-forward, each with its residual and LayerNorm.

    `name` begins the names of its results, and `weights` those of its weights, where other layers have the same ones.
    """

    def __init__(self, ops: Ops[T], read: Read, geometry: Geometry, name: str, weights: str = "") -> None:
        self.ops, self.geometry, self.name, self._read = ops, geometry, name, read
        self._weights = weights or name
        self._scores: tuple[T, ...] = ()

    def every_token(self, x: T, bias: T) -> T:
        """[B, S, H] → [B, S, H]."""
        weight, name = self._f64("attention.dense.weight"), f"{self.name}.attention.dense"
        dense = self._linear(name, self.attended(x, bias), weight, self._output_bias(), Role.LINEAR)
        return self._finish(x, dense, Role.LINEAR)

    def attended(self, x: T, bias: T) -> T:
        """What each token sees of the others, [B, S, H] → [B, S, H]."""
        name = f"{self.name}.attention"
        query_weight, query_bias = self._scaled_query()
        query = self._linear(f"{name}.query", x, query_weight, query_bias, Role.LINEAR)
        key = self._linear(f"{name}.key", x, self._f64("attention.key.weight"), None, Role.LINEAR)
        value = self._linear(f"{name}.value", x, self._f64("attention.value.weight"), None, Role.LINEAR)
        return self.ops.attention(name, query, key, value, bias, self.geometry.heads, self._scores)

    def first_token(self, x: T, bias: T) -> T:
        """[B, S, H] → [B, H]: the layer for token 0 alone, the only one that a pooled head reads."""
        name, ops, heads = f"{self.name}.attention", self.ops, self.geometry.heads
        first = ops.first_token(f"{self.name}.first", x)  # [B, H]
        seen = ops.first_token_attention(name, self._first_query(first), x, bias, heads)  # [B, A·H]
        if self._premultiplied:
            weight = folding.premultiply_value_output(
                self._f64("attention.value.weight"), self._f64("attention.dense.weight"), heads
            )
            dense = self._linear(f"{name}.dense", seen, weight, self._output_bias(), Role.TAIL)
        else:
            per_head = folding.value_per_head(self._f64("attention.value.weight"), heads)
            context = ops.grouped_linear(f"{name}.value", seen, weight_of(f"{name}.value.weight", per_head, Role.TAIL))
            weight = self._f64("attention.dense.weight")
            dense = self._linear(f"{name}.dense", context, weight, self._output_bias(), Role.TAIL)
        return self._finish(first, dense, Role.TAIL)

    @property
    def _premultiplied(self) -> bool:
        """Wk·Wq and Wo·Wv hold 2·A·H² numbers against 4·H² apart: worth it where that costs nothing."""
        return self.geometry.heads <= 2

    def _first_query(self, first: T) -> T:
        """[B, H] → [B, A·H]: t with t_h·x_j = q_h·k_j / √D, so that no key is computed."""
        name, heads = f"{self.name}.attention", self.geometry.heads
        (weight, bias), key = self._scaled_query(), self._f64("attention.key.weight")
        if self._premultiplied:
            product = folding.premultiply_query_key(weight, bias, key, heads)
            return self._linear(f"{name}.query", first, *product, Role.TAIL)
        query = self._linear(f"{name}.query", first, weight, bias, Role.TAIL)
        per_head = weight_of(f"{name}.key.weight", folding.key_per_head(key, heads), Role.TAIL)
        return self.ops.grouped_linear(f"{name}.key", query, per_head)

    def _finish(self, x: T, attended: T, role: Role) -> T:
        """Residual and LayerNorm, then the feed-forward with its own."""
        ops, name, epsilon = self.ops, self.name, self.geometry.epsilon
        x = ops.add(f"{name}.attention.sum", attended, x)
        x = layer_norm(ops, self._read, f"{name}.attention.output", f"{self._weights}.attention.norm", x, epsilon)
        wide = self._stored_linear("intermediate", f"{name}.intermediate.dense", x, role)
        wide = ops.activation(f"{name}.intermediate", wide, self.geometry.activation)
        narrow = self._stored_linear("dense", f"{name}.dense", wide, role)
        x = ops.add(f"{name}.sum", narrow, x)
        return layer_norm(ops, self._read, f"{name}.output", f"{self._weights}.norm", x, epsilon)

    def _scaled_query(self) -> tuple[Array, Array]:
        weight, bias = self._f64("attention.query.weight"), self._f64("attention.query.bias")
        return folding.scale_query(weight, bias, self.geometry.heads)

    def _output_bias(self) -> Array:
        value_bias, bias = self._f64("attention.value.bias"), self._f64("attention.dense.bias")
        return folding.value_bias_through_output(value_bias, self._f64("attention.dense.weight"), bias)

    def _stored_linear(self, weight: str, name: str, x: T, role: Role) -> T:
        stored = f"{self._weights}.{weight}"
        return self._linear(name, x, self._read(f"{stored}.weight"), self._read(f"{stored}.bias"), role)

    def _linear(self, name: str, x: T, weight: Array, bias: Array | None, role: Role) -> T:
        stored = f"{self._weights}{name.removeprefix(self.name)}"
        vector = None if bias is None else weight_of(f"{stored}.bias", bias, Role.VECTOR)
        return self.ops.linear(name, x, weight_of(f"{stored}.weight", weight, role), vector)

    def _f64(self, name: str) -> Array:
        return f64(self._read(f"{self._weights}.{name}"))


class RelativeLayer(Layer[T]):
    """A layer whose scores know how far tokens are apart: `scores` are added to those of every layer alike."""

    def __init__(
        self, ops: Ops[T], read: Read, geometry: Geometry, name: str, weights: str = "", scores: tuple[T, ...] = ()
    ) -> None:
        super().__init__(ops, read, geometry, name, weights)
        self._scores = scores

    def first_token(self, x: T, bias: T) -> T:
        """See Layer; every token is attended, for no key can be left out where it meets a distance."""
        name, ops = f"{self.name}.attention", self.ops
        context = ops.first_token(f"{name}.first", self.attended(x, bias))
        weight = self._f64("attention.dense.weight")
        dense = self._linear(f"{name}.dense", context, weight, self._output_bias(), Role.TAIL)
        return self._finish(ops.first_token(f"{self.name}.first", x), dense, Role.TAIL)


def layer_norm(ops: Ops[T], read: Read, name: str, weights: str, x: T, epsilon: float) -> T:
    """The LayerNorm whose gain and bias are called `weights`; `name` is its result's."""
    gain = Weight(f"{weights}.gain", read(f"{weights}.gain"), Role.VECTOR)
    return ops.layer_norm(name, x, gain, Weight(f"{weights}.bias", read(f"{weights}.bias"), Role.VECTOR), epsilon)


def f64(values: Array) -> Array:
    """The values as float64, which `folding` computes in."""
    return values.astype(np.float64)


def weight_of(name: str, values: Array, role: Role) -> Weight:
    """A float32 weight of what `folding` computed."""
    return Weight(name, np.ascontiguousarray(values, dtype=np.float32), role)
