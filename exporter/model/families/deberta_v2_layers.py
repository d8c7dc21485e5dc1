"""DeBERTa's encoder over `Ops`: BERT's layers with scores for the distance between tokens beside those for contents.

Of query i and key j: (q_i·k_j + q_i·K[i − j] + k_j·Q[i − j]) / √(D · kinds), where K and Q are rows of one table of
distances through weights of each layer. No token is in them: they are computed here, once, and stored.

Shapes: B batch, S sequence, H hidden, A heads, D = H / A.
"""

import math
from dataclasses import dataclass

import numpy as np

from exporter.model.distances import Distances
from exporter.model.geometry import Geometry
from exporter.model.ops import Array, Inputs, Ops, Read, Role, T, Weight
from exporter.model.transformer import RelativeLayer, f64, layer_norm, weight_of


@dataclass(frozen=True)
class DebertaGeometry(Geometry):
    """And what DeBERTa has besides.

    `span` rows of the table of distances are for either side, 0 without one; distances are told apart up to `farthest`,
    in so many `buckets`, 0 for one each. `of_contents` attends from contents to distances ("c2p"), `of_positions` back
    ("p2c"); `kinds` of scores are listed in config.json, by whose number all are divided. `shared_keys`: distances go
    through the weights of contents. The rest are switches of transformers' class.
    """

    span: int
    farthest: int
    buckets: int
    of_contents: bool
    of_positions: bool
    kinds: int
    shared_keys: bool
    normed_distances: bool
    has_positions: bool
    convolved: bool
    convolution_activation: str


def distances(geometry: DebertaGeometry) -> Distances:
    """The row of the table for each distance within a text.

    transformers' make_log_bucket_position: half of the buckets are one distance each, the rest grow by its logarithm.
    In float32, as there: its ceiling decides.
    """
    far = np.arange(1 - geometry.positions, geometry.positions)
    if geometry.buckets and geometry.farthest > 0:
        middle = geometry.buckets // 2
        size = np.maximum(np.abs(far), middle).astype(np.float32)
        whole = np.log(np.float32((geometry.farthest - 1) / middle))
        grown = np.ceil(np.log(size / np.float32(middle)) / whole * np.float32(middle - 1)) + middle
        far = np.where(np.abs(far) <= middle, far, grown.astype(np.int64) * np.sign(far))
    return Distances("distances", np.clip(far + geometry.span, 0, 2 * geometry.span - 1).astype(np.int32))


def encode(ops: Ops[T], read: Read, geometry: DebertaGeometry, inputs: Inputs[T], first_token_only: bool) -> T:
    """Return the last hidden state [B, S, H], or with `first_token_only` its first token alone [B, H]."""
    embedded = x = _embed(ops, read, geometry, inputs)
    bias = ops.pair_bias("mask.pairs", ops.mask_bias("mask", inputs.mask))
    table, places = _distance_table(read, geometry), distances(geometry)
    for number in range(geometry.layers):
        layer = _Layer(ops, read, geometry, f"layer.{number}", table, places)
        if first_token_only and number == geometry.layers - 1 and not (geometry.convolved and number == 0):
            return layer.first_token(x, bias)
        x = layer.every_token(x, bias)
        if geometry.convolved and number == 0:
            x = _convolve(ops, read, geometry, embedded, x, inputs.mask)
    return ops.first_token("first", x) if first_token_only else x


def _embed(ops: Ops[T], read: Read, geometry: DebertaGeometry, inputs: Inputs[T]) -> T:
    """Word embeddings, with what config.json adds to them, normalised: [B, S, H]."""
    word = Weight("embeddings.word.weight", read("embeddings.word"), Role.WORD_EMBEDDING)
    x = ops.embedding("embeddings.word", word, inputs.ids)
    if geometry.types and inputs.types is not None:
        types = Weight("embeddings.type.weight", read("embeddings.type"), Role.TYPE_EMBEDDING)
        x = ops.add("embeddings.typed", x, ops.embedding("embeddings.type", types, inputs.types))
    if geometry.has_positions:
        positions = Weight("embeddings.position.weight", read("embeddings.position"), Role.POSITION_EMBEDDING)
        x = ops.positions("embeddings.sum", positions, x)
    else:
        x = ops.as_tokens("embeddings.sum", x)
    if geometry.embedding != geometry.hidden:
        weight = Weight("embeddings.project.weight", read("embeddings.project.weight"), Role.LINEAR)
        x = ops.linear("embeddings.projected", x, weight, None)
    x = layer_norm(ops, read, "embeddings.normed", "embeddings.norm", x, geometry.epsilon)
    return ops.hide_padding("embeddings", x, inputs.mask)


def _convolve(ops: Ops[T], read: Read, geometry: DebertaGeometry, embedded: T, x: T, mask: T) -> T:
    """Three neighbouring embeddings through one layer, added to the first layer's result, normalised: [B, S, H]."""
    kernel = read("convolution.weight")  # [H, H, 3]: of the token before, of itself, of the next
    weight = np.concatenate([kernel[..., part] for part in (2, 1, 0)], 1)  # `trigram` begins with the next
    near = ops.trigram("convolution.near", embedded)
    bias = Weight("convolution.bias", read("convolution.bias"), Role.VECTOR)
    y = ops.linear("convolution.dense", near, weight_of("convolution.weight", weight, Role.LINEAR), bias)
    y = ops.activation(
        "convolution.activation", ops.hide_padding("convolution.shown", y, mask), geometry.convolution_activation
    )
    y = ops.add("convolution.sum", y, x)
    y = layer_norm(ops, read, "convolution.normed", "convolution.norm", y, geometry.epsilon)
    return ops.hide_padding("convolution", y, mask)


def _distance_table(read: Read, geometry: DebertaGeometry) -> Array:
    """The table of distances as layers read it, float64 [2 · span, H]."""
    if not geometry.span:
        return np.zeros((0, geometry.hidden))
    table = f64(read("distances.table"))
    if not geometry.normed_distances:
        return table
    centred = table - table.mean(-1, keepdims=True)
    scale = np.sqrt(np.square(centred).mean(-1, keepdims=True) + geometry.epsilon)
    return np.asarray(centred / scale * read("distances.norm.gain") + read("distances.norm.bias"))


class _Layer(RelativeLayer[T]):
    """A layer with scores for distances; `table` and `places` are what `_distance_table` and `distances` give."""

    def __init__(
        self, ops: Ops[T], read: Read, geometry: DebertaGeometry, name: str, table: Array, places: Distances
    ) -> None:
        super().__init__(ops, read, geometry, name)
        self.geometry: DebertaGeometry = geometry
        self._table, self._places = table, places

    def attended(self, x: T, bias: T) -> T:
        """See Layer."""
        name, geometry, ops = f"{self.name}.attention", self.geometry, self.ops
        weight, query_bias = (self._f64(f"attention.query.{part}") * self._scale for part in ("weight", "bias"))
        query = self._linear(f"{name}.query", x, weight, query_bias, Role.LINEAR)
        # softmax does not see a key's bias, but what distances find in keys does
        key_bias = self._f64("attention.key.bias") if geometry.of_positions else None
        key = self._linear(f"{name}.key", x, self._f64("attention.key.weight"), key_bias, Role.LINEAR)
        value = self._linear(f"{name}.value", x, self._f64("attention.value.weight"), None, Role.LINEAR)
        scores: list[T] = []
        if geometry.of_contents:
            keys = self._through("distance_key", "key")
            scores.append(ops.relative_scores(f"{name}.contents.scores", query, keys, self._places, geometry.heads))
        if geometry.of_positions:
            rows = self._through("distance_query", "query", self._scale)
            scores.append(
                ops.relative_scores(f"{name}.positions.scores", key, rows, self._places, geometry.heads, True)
            )
        return ops.attention(name, query, key, value, bias, geometry.heads, tuple(scores))

    @property
    def _scale(self) -> float:
        return 1 / math.sqrt(self.geometry.hidden // self.geometry.heads * (1 + self.geometry.kinds))

    def _through(self, own: str, shared: str, scale: float = 1.0) -> Weight:
        """The table of distances through weights of the layer: [2 · span, H]."""
        part = shared if self.geometry.shared_keys else own
        weight, bias = (self._f64(f"attention.{part}.{one}") for one in ("weight", "bias"))
        rows = (self._table @ weight.T + bias) * scale
        return weight_of(f"{self.name}.attention.{own}.rows", rows, Role.POSITION_EMBEDDING)
