"""The channels layout, [B, C, 1, S], for the Neural Engine: 1×1 convolutions, attention one head at a time.

After Apple's "Deploying Transformers on the Apple Neural Engine" (2022): the sequence is the last axis, which the
hardware lays out in runs of 64 bytes, and the heads' products are written so that nothing is transposed but the key.
"""

from collections.abc import Sequence

import numpy as np

from exporter.model.distances import Distances
from exporter.model.ops import Role, Weight
from exporter.targets.coreml.dialect import Mask, Var
from exporter.targets.coreml.names import mil_name
from exporter.targets.coreml.ops import MilOps

_BY_KEY, _MEAN = "bkhc,bchq->bkhq", "bchk,bkhq->bchq"
"""The equations of einsum: coremltools takes these two alone."""


class ChannelsOps(MilOps):
    """Ops on [B, C, 1, S], and [B, C, 1, 1] for the first token."""

    _feature_axis, _token_axis = 1, 3
    _square_axes = (1, 1, 1, -1), (1, -1, 1, 1)

    def positions(self, name: str, table: Weight, tokens: Var) -> Var:
        """See Ops; [B, S, H] → [B, H, 1, S]: the embeddings were gathered as rows, and here they are turned."""
        return self._turned(name, super().positions(f"{name}.rows", table, tokens))

    def as_tokens(self, name: str, rows: Var) -> Var:
        """See Ops; [B, S, H] → [B, H, 1, S]."""
        return self._turned(name, rows)

    def counted_positions(self, name: str, table: Weight, tokens: Var, ids: Var, pad: int) -> Var:
        """See Ops; [B, S, H] → [B, H, 1, S]."""
        return self._turned(name, super().counted_positions(f"{name}.rows", table, tokens, ids, pad))

    def trigram(self, name: str, x: Var) -> Var:
        """See Ops; [B, S, E] → [B, 3·E, 1, S]."""
        turned = self._turned(f"{name}.own", x)
        after, before = self._beyond_ends(name, turned, axis=3)
        return self.mb.concat(values=[after, turned, before], axis=1, name=mil_name(name))

    def scale(self, name: str, x: Var, gain: Weight) -> Var:
        """See Ops."""
        column = self.weights.constant(gain, (1, len(gain.values), 1, 1))
        return self.mb.mul(x=x, y=column, name=mil_name(name))

    def layer_norm(self, name: str, x: Var, gain: Weight, bias: Weight, epsilon: float) -> Var:
        """See Ops; over the channels."""
        gamma, beta = self._vector(gain), self._vector(bias)
        return self.mb.layer_norm(
            x=x, axes=[1], gamma=gamma, beta=beta, epsilon=self._epsilon(epsilon), name=mil_name(name)
        )

    def linear(self, name: str, x: Var, weight: Weight, bias: Weight | None) -> Var:
        """See Ops."""
        x, kernel = self._linear_input(x, weight.role), self.weights.constant(weight, (*weight.values.shape, 1, 1))
        if bias is None:
            return self.mb.conv(x=x, weight=kernel, pad_type="valid", name=mil_name(name))
        return self.mb.conv(x=x, weight=kernel, bias=self._vector(bias), pad_type="valid", name=mil_name(name))

    def grouped_linear(self, name: str, x: Var, weight: Weight) -> Var:
        """See Ops; [B, groups·in, 1, 1] → [B, groups·out, 1, 1]."""
        groups, out, inner = weight.values.shape
        kernel = self.weights.constant(weight, (groups * out, inner, 1, 1))
        return self.mb.conv(x=x, weight=kernel, groups=groups, pad_type="valid", name=mil_name(name))

    def relative_scores(
        self, name: str, x: Var, table: Weight, distances: Distances, heads: int, of_keys: bool = False
    ) -> list[Var]:
        """See Ops; of each head by key and query, [B, k, 1, q]."""
        rows = self._rows_by_distance(name, table, distances, x.shape[3], of_keys)  # [1, 2·S, H]
        columns = self._split(f"{name}.row", self._turned(f"{name}.columns", rows), heads, axis=1)  # [1, D, 1, 2·S]
        turned = self.mb.transpose(x=x, perm=[0, 3, 2, 1], name=mil_name(f"{name}.turned"))  # [B, S, 1, H]
        pairs = zip(self._split(f"{name}.tokens", turned, heads, axis=3), columns, strict=True)
        return [self._by_distance(name, f"head{number}", *pair, of_keys) for number, pair in enumerate(pairs)]

    def position_scores(self, name: str, x: Var, table: Weight, distances: Distances) -> list[Var]:
        """See Ops; a constant of each head by key and query, [1, k, 1, q]."""
        length = x.shape[3]
        by_key = table.values[distances.square(length).T].transpose(2, 0, 1)
        heads = (
            Weight(f"{name}.{length}.head{n}", np.ascontiguousarray(one), Role.VECTOR) for n, one in enumerate(by_key)
        )
        return [self.weights.constant(one, (1, length, 1, length)) for one in heads]

    def _by_distance(self, name: str, head: str, tokens: Var, columns: Var, of_keys: bool) -> Var:
        """[B, S, 1, D] and [1, D, 1, 2·S] → [B, k, 1, q]."""
        products = self.mb.einsum(values=[tokens, columns], equation=_BY_KEY, name=mil_name(f"{name}.products.{head}"))
        if of_keys:
            return self._sheared(f"{name}.{head}", products)
        by_query = self._sheared(f"{name}.by_query.{head}", products)
        return self.mb.transpose(x=by_query, perm=[0, 3, 2, 1], name=mil_name(f"{name}.{head}"))

    def attention(
        self, name: str, query: Var, key: Var, value: Var, bias: Mask, heads: int, scores: tuple[list[Var], ...] = ()
    ) -> Var:
        """See Ops."""
        seen = self.mb.mul(x=key, y=bias.key_factor, name=mil_name(f"{name}.key.seen"))
        turned = self.mb.transpose(x=seen, perm=[0, 3, 2, 1], name=mil_name(f"{name}.key.turned"))  # [B, S, 1, H]
        keys = self._split(f"{name}.key", turned, heads, axis=3)  # [B, S, 1, D] each
        queries = self._split(f"{name}.query", query, heads, axis=1)  # [B, D, 1, S] each
        values = self._split(f"{name}.value", value, heads, axis=1)
        triples = enumerate(zip(queries, keys, values, strict=True))
        contexts = [
            self._head(name, f"head{number}", *triple, [one[number] for one in scores], bias)
            for number, triple in triples
        ]
        return self.mb.concat(values=contexts, axis=1, name=mil_name(f"{name}.context"))

    def first_token(self, name: str, x: Var) -> Var:
        """See Ops; [B, H, 1, 1]."""
        return self.mb.slice_by_index(x=x, begin=[0, 0, 0, 0], end=[1, x.shape[1], 1, 1], name=mil_name(name))

    def _head(self, name: str, head: str, query: Var, key: Var, value: Var, scores: Sequence[Var], bias: Mask) -> Var:
        """softmax over the keys k of [B, k, 1, q], then the mean of the values: [B, D, 1, S]."""
        products = self.mb.einsum(values=[key, query], equation=_BY_KEY, name=mil_name(f"{name}.products.{head}"))
        every = self._biased(name, products, scores, bias, f".{head}")
        weights = self.mb.softmax(x=every, axis=1, name=mil_name(f"{name}.probabilities.{head}"))
        return self.mb.einsum(values=[value, weights], equation=_MEAN, name=mil_name(f"{name}.heads.{head}"))

    def _split(self, name: str, x: Var, heads: int, axis: int) -> list[Var]:
        if heads == 1:
            return [x]
        return list(self.mb.split(x=x, num_splits=heads, axis=axis, name=mil_name(f"{name}.split")))

    def _turned(self, name: str, rows: Var) -> Var:
        """[B, S, C] → [B, C, 1, S]."""
        turned = self.mb.transpose(x=rows, perm=[0, 2, 1], name=mil_name(f"{name}.turned"))
        return self.mb.expand_dims(x=turned, axes=[2], name=mil_name(name))

    def _mask(self, name: str, seen: Var, bias: Var) -> Mask:
        row = self.mb.expand_dims(x=seen, axes=[1], name=mil_name(f"{name}.first"))  # [B, 1, S]
        factor = self.mb.expand_dims(x=row, axes=[2], name=mil_name(f"{name}.keys"))  # [B, 1, 1, S]
        turned = self.mb.transpose(x=bias, perm=[0, 2, 1], name=mil_name(f"{name}.turned"))
        column = self.mb.expand_dims(x=turned, axes=[3], name=mil_name(f"{name}.scores"))  # [B, S, 1, 1]
        return Mask(factor, column, row, bias)

    def _positioned(self, table: Weight) -> Var:
        positions, width = table.values.shape
        turned = Weight(table.name, np.ascontiguousarray(table.values.T), table.role)
        return self.weights.constant(turned, (1, width, 1, positions))

    @property
    def _vector_shape(self) -> list[int]:
        return [1, -1, 1, 1]

    def _sequence(self, name: str, x: Var) -> tuple[Var, bool]:
        return self.mb.squeeze(x=x, axes=[2], name=mil_name(name)), False

    def _tokens(self, name: str, x: Var, every: bool) -> Var:
        if len(x.shape) == 3:  # `row_products` gives rows in this layout too
            return x
        if not every:
            return self.mb.squeeze(x=x, axes=[2, 3], name=mil_name(name))
        return self.mb.transpose(
            x=self.mb.squeeze(x=x, axes=[2], name=mil_name(f"{name}.channels")), perm=[0, 2, 1], name=mil_name(name)
        )
