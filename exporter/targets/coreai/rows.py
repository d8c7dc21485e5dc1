"""The rows layout, [B, S, C]: matrix products of all tokens and heads, for the GPU and the CPU."""

from collections.abc import Sequence

import numpy as np

from exporter.model.distances import Distances
from exporter.model.ops import Array, Weight
from exporter.targets.coreai.attention import Mask, unsigned, whole
from exporter.targets.coreai.names import EVERY_HEAD, GROUPED, OVER_HEADS
from exporter.targets.coreai.ops import CoreAIOps, normalised
from exporter.targets.coreai.program.shapes import Tensor
from exporter.targets.coreai.weights import Lay

MATRIX = Lay(transposed=True, lead=1)
"""A linear weight as [1, in, out]: a reshape of what it multiplies would hide tensors from a trace."""


class RowsOps(CoreAIOps):
    """Ops on [B, S, C], and [B, 1, C] for the first token: the compiler moves a change of rank to the end."""

    feature_axis, token_axis = 2, 1
    pairs_form, turned_form = OVER_HEADS, GROUPED

    def scale(self, name: str, x: Tensor, gain: Weight) -> Tensor:
        """See Ops."""
        with self.builder.named(name):
            return self.builder.broadcasting_mul(x, self._vector(gain))

    def layer_norm(self, name: str, x: Tensor, gain: Weight, bias: Weight, epsilon: float) -> Tensor:
        """See Ops; over the last axis."""
        with self.builder.named(name):
            vectors = (self.weights.vector(self.builder, one, element="float32") for one in (gain, bias))
            return normalised(self.builder, x, *vectors, axis=len(x.shape) - 1, epsilon=epsilon)

    def linear(self, name: str, x: Tensor, weight: Weight, bias: Weight | None) -> Tensor:
        """See Ops."""
        builder, matrix = self.builder, self.weights.matrix(self.builder, weight, MATRIX)
        if bias is None:
            with builder.named(name):
                return builder.batch_matmul(x, matrix)
        with builder.named(f"{name}.products"):
            products = builder.batch_matmul(x, matrix)
        with builder.named(name):
            return builder.broadcasting_add(products, self._vector(bias))

    def grouped_linear(self, name: str, x: Tensor, weight: Weight) -> Tensor:
        """See Ops; B is 1, so that the groups are a batch."""
        groups, out, inner = weight.values.shape
        with self.builder.named(f"{name}.columns"):
            columns = self.builder.reshape(x, whole(groups, inner, 1))
        with self.builder.named(name + GROUPED):
            y = self.builder.batch_matmul(self.weights.matrix(self.builder, weight), columns)
        with self.builder.named(name):
            return self.builder.reshape(y, whole(1, 1, groups * out))

    def relative_scores(
        self, name: str, x: Tensor, table: Weight, distances: Distances, heads: int, of_keys: bool = False
    ) -> Tensor:
        """See Ops; [B, A, S, S]."""
        builder, found = self.builder, self._every_head(name, x, table, distances, heads, of_keys)
        with builder.named(f"{name}.of_keys" if of_keys else name + EVERY_HEAD):
            every = builder.concat(np.array(0, np.int32), found)  # [A, S, S]
        with builder.named(name + EVERY_HEAD):
            every = builder.transpose(every, unsigned(0, 2, 1)) if of_keys else every
        with builder.named(name):
            return builder.expand_dims(every, whole(0))

    def position_scores(self, name: str, x: Tensor, table: Weight, distances: Distances) -> Tensor:
        """See Ops; a constant, [1, A, S, S]."""
        scores = table.values[distances.square(x.shape[1])].transpose(2, 0, 1)[None]
        return self._stored(f"{name}.{x.shape[1]}", np.ascontiguousarray(scores))

    def attention(
        self,
        name: str,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        bias: Mask,
        heads: int,
        scores: tuple[Tensor, ...] = (),
    ) -> Tensor:
        """See Ops."""
        builder = self.builder
        with builder.named(f"{name}.key.seen"):
            key = builder.broadcasting_mul(key, builder.expand_dims(bias.seen, whole(2)))
        with builder.named(f"{name}.split"):
            q, k, v = (self._split_heads(x, heads) for x in (query, key, value))  # [B, A, S, D]
        with builder.named(f"{name}.products"):
            products = builder.batch_matmul(q, builder.transpose(k, unsigned(0, 1, 3, 2)))
        every = self._biased(f"{name}.scores", products, scores, bias)  # [B, A, S, S]
        with builder.named(f"{name}.probabilities"):
            weights = builder.softmax(every, np.array(3, np.int32))
        with builder.named(f"{name}.heads"):
            context = builder.batch_matmul(weights, v)
        with builder.named(f"{name}.merged"):
            merged = builder.transpose(context, unsigned(0, 2, 1, 3))
        with builder.named(f"{name}.context"):
            return builder.reshape(merged, whole(*query.shape))

    def first_token(self, name: str, x: Tensor) -> Tensor:
        """See Ops; [B, 1, H]."""
        with self.builder.named(name):
            return self.builder.slice_(x, whole(0, 0, 0), whole(1, 1, x.shape[2]), whole(1, 1, 1))

    def _split_heads(self, x: Tensor, heads: int) -> Tensor:
        """[B, S, H] → [B, A, S, D]."""
        _, length, hidden = x.shape
        split = self.builder.reshape(x, whole(1, length, heads, hidden // heads))
        return self.builder.transpose(split, unsigned(0, 2, 1, 3))

    def _tokens(self, name: str, x: Tensor) -> Tensor:  # noqa: ARG002 - no tensor is made here
        return x

    def _over_scores(self, low: Tensor) -> Tensor:
        return self.builder.expand_dims(low, whole(1, 2))

    def _with_heads(self, shape: Sequence[int], heads: int) -> tuple[tuple[int, ...], int]:
        return (*shape[:2], heads, shape[2] // heads), 3

    def _positioned(self, name: str, table: Array) -> Tensor:
        return self._stored(name, table[None, :, None])

    def _of_head(self, x: Tensor, first: int, end: int) -> Tensor:
        return self._features(x, first, end)

    def _as_vector(self, x: Tensor) -> Tensor:
        return self.builder.reshape(x, whole(1, 1, x.shape[-1] * x.shape[-2]))
