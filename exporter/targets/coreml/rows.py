"""The rows layout, [B, S, C]: linear layers and whole-matrix attention, for the GPU and the CPU."""

import math

import numpy as np

from exporter.model.distances import Distances
from exporter.model.ops import Role, Weight
from exporter.targets.coreml.dialect import Mask, Var
from exporter.targets.coreml.names import mil_name
from exporter.targets.coreml.ops import MilOps


class RowsOps(MilOps):
    """Ops on [B, S, C] and [B, C]."""

    _feature_axis, _token_axis = 2, 1
    _square_axes = (1, 1, -1, 1), (1, 1, 1, -1)

    def trigram(self, name: str, x: Var) -> Var:
        """See Ops."""
        after, before = self._beyond_ends(name, x, axis=1)
        return self.mb.concat(values=[after, x, before], axis=2, name=mil_name(name))

    def scale(self, name: str, x: Var, gain: Weight) -> Var:
        """See Ops."""
        return self.mb.mul(x=x, y=self._vector(gain), name=mil_name(name))

    def layer_norm(self, name: str, x: Var, gain: Weight, bias: Weight, epsilon: float) -> Var:
        """See Ops."""
        gamma, beta = self._vector(gain), self._vector(bias)
        return self.mb.layer_norm(
            x=x, axes=[-1], gamma=gamma, beta=beta, epsilon=self._epsilon(epsilon), name=mil_name(name)
        )

    def linear(self, name: str, x: Var, weight: Weight, bias: Weight | None) -> Var:
        """See Ops."""
        x, matrix = self._linear_input(x, weight.role), self.weights.constant(weight, weight.values.shape)
        if bias is None:
            return self.mb.linear(x=x, weight=matrix, name=mil_name(name))
        return self.mb.linear(x=x, weight=matrix, bias=self._vector(bias), name=mil_name(name))

    def grouped_linear(self, name: str, x: Var, weight: Weight) -> Var:
        """See Ops; a convolution of length 1, the one operation that has groups."""
        groups, out, inner = weight.values.shape
        kernel = self.weights.constant(weight, (groups * out, inner, 1))
        column = self.mb.expand_dims(x=x, axes=[2], name=mil_name(f"{name}.column"))  # [B, groups·in, 1]
        product = self.mb.conv(
            x=column, weight=kernel, groups=groups, pad_type="valid", name=mil_name(f"{name}.products")
        )
        return self.mb.squeeze(x=product, axes=[2], name=mil_name(name))

    def relative_scores(
        self, name: str, x: Var, table: Weight, distances: Distances, heads: int, of_keys: bool = False
    ) -> Var:
        """See Ops; [B, A, S, S]."""
        rows = self._rows_by_distance(name, table, distances, x.shape[1], of_keys)  # [1, 2·S, H]
        split = self.mb.reshape(x=rows, shape=[1, rows.shape[1], heads, -1], name=mil_name(f"{name}.rows.split"))
        turned = self.mb.transpose(x=split, perm=[0, 2, 1, 3], name=mil_name(f"{name}.rows.heads"))
        tokens = self._split_heads(mil_name(f"{name}.tokens"), x, heads)
        products = self.mb.matmul(x=tokens, y=turned, transpose_y=True, name=mil_name(f"{name}.products"))
        if not of_keys:
            return self._sheared(name, products)
        by_key = self._sheared(f"{name}.by_key", products)
        return self.mb.transpose(x=by_key, perm=[0, 1, 3, 2], name=mil_name(name))

    def position_scores(self, name: str, x: Var, table: Weight, distances: Distances) -> Var:
        """See Ops; a constant, [1, A, S, S]."""
        scores = table.values[distances.square(x.shape[1])].transpose(2, 0, 1)
        return self.weights.constant(
            Weight(f"{name}.{x.shape[1]}", np.ascontiguousarray(scores), Role.VECTOR), (1, *scores.shape)
        )

    def attention(
        self, name: str, query: Var, key: Var, value: Var, bias: Mask, heads: int, scores: tuple[Var, ...] = ()
    ) -> Var:
        """See Ops."""
        seen = self.mb.mul(x=key, y=bias.key_factor, name=mil_name(f"{name}.key.seen"))
        q, k, v = (self._split_heads(x.name, x, heads) for x in (query, seen, value))  # [B, A, S, D]
        if self.dialect.fused_attention and not scores and bias.pairs is None:
            context = self._fused_attention(name, q, k, v, bias.score_bias)
        else:
            products = self.mb.matmul(x=q, y=k, transpose_y=True, name=mil_name(f"{name}.products"))
            every = self._biased(name, products, scores, bias)  # [B, A, S, S]
            weights = self.mb.softmax(x=every, axis=-1, name=mil_name(f"{name}.probabilities"))
            context = self.mb.matmul(x=weights, y=v, name=mil_name(f"{name}.heads"))
        merged = self.mb.transpose(x=context, perm=[0, 2, 1, 3], name=mil_name(f"{name}.merged"))  # [B, S, A, D]
        return self.mb.reshape(x=merged, shape=list(query.shape), name=mil_name(f"{name}.context"))

    def first_token(self, name: str, x: Var) -> Var:
        """See Ops; [B, H]."""
        end, squeezed = [1, 1, x.shape[2]], [False, True, False]
        return self.mb.slice_by_index(x=x, begin=[0, 0, 0], end=end, squeeze_mask=squeezed, name=mil_name(name))

    def _fused_attention(self, name: str, q: Var, k: Var, v: Var, bias: Var) -> Var:
        """The operation divides by √D itself, and our query comes divided: it is multiplied once more."""
        unscaled = self.mb.mul(x=q, y=self._number(math.sqrt(q.shape[-1])), name=mil_name(f"{name}.query.unscaled"))
        return self.mb.scaled_dot_product_attention(
            query=unscaled, key=k, value=v, attn_mask=bias, name=mil_name(f"{name}.heads")
        )

    def _split_heads(self, name: str, x: Var, heads: int) -> Var:
        """[B, S, H] → [B, A, S, D]."""
        split = self.mb.reshape(x=x, shape=[1, x.shape[1], heads, -1], name=f"{name}_split")
        return self.mb.transpose(x=split, perm=[0, 2, 1, 3], name=f"{name}_heads")

    def _mask(self, name: str, seen: Var, bias: Var) -> Mask:
        factor = self.mb.expand_dims(x=seen, axes=[2], name=mil_name(f"{name}.keys"))  # [B, S, 1]
        every = self.mb.expand_dims(x=bias, axes=[1], name=mil_name(f"{name}.scores"))  # [B, 1, 1, S]
        return Mask(factor, every, factor, bias)

    def _positioned(self, table: Weight) -> Var:
        return self.weights.constant(table, (1, *table.values.shape))

    @property
    def _vector_shape(self) -> list[int]:
        return [1, -1]

    def _sequence(self, name: str, x: Var) -> tuple[Var, bool]:  # noqa: ARG002 - no tensor is made here
        return x, True

    def _tokens(self, name: str, x: Var, every: bool) -> Var:  # noqa: ARG002 - no tensor is made here
        return x
