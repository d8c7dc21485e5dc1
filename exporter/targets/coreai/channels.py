"""The channels layout, [B, C, 1, S], for the Neural Engine: 1×1 convolutions, attention one head at a time.

After Apple's "Deploying Transformers on the Apple Neural Engine" (2022).
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from exporter.model.distances import Distances
from exporter.model.ops import Array, Weight
from exporter.targets.coreai.attention import Mask, unsigned, whole
from exporter.targets.coreai.names import BY_KEY
from exporter.targets.coreai.ops import CoreAIOps, normalised
from exporter.targets.coreai.program.shapes import Tensor
from exporter.targets.coreai.weights import Lay

KERNEL = Lay(trail=2)
"""A linear weight as a kernel of 1×1."""


class ChannelsOps(CoreAIOps):
    """Ops on [B, C, 1, S], and [B, C, 1, 1] for the first token."""

    feature_axis, token_axis = 1, 3
    pairs_form, turned_form = BY_KEY, ".turned"

    def positions(self, name: str, table: Weight, tokens: Tensor) -> Tensor:
        """See Ops; [B, S, H] → [B, H, 1, S]: the embeddings were gathered as rows, and here they are turned."""
        return self._turned(name, super().positions(f"{name}.rows", table, tokens))

    def as_tokens(self, name: str, rows: Tensor) -> Tensor:
        """See Ops; [B, S, H] → [B, H, 1, S]."""
        return self._turned(name, rows)

    def counted_positions(self, name: str, table: Weight, tokens: Tensor, ids: Tensor, pad: int) -> Tensor:
        """See Ops; [B, S, H] → [B, H, 1, S]."""
        return self._turned(name, super().counted_positions(f"{name}.rows", table, tokens, ids, pad))

    def trigram(self, name: str, x: Tensor) -> Tensor:
        """See Ops; [B, S, E] → [B, 3·E, 1, S]."""
        return self._turned(name, super().trigram(f"{name}.rows", x))

    def scale(self, name: str, x: Tensor, gain: Weight) -> Tensor:
        """See Ops."""
        with self.builder.named(name):
            return self.builder.broadcasting_mul(x, self._column(gain))

    def layer_norm(self, name: str, x: Tensor, gain: Weight, bias: Weight, epsilon: float) -> Tensor:
        """See Ops; over the channels."""
        with self.builder.named(name):
            columns = (self._column(one, "float32") for one in (gain, bias))
            return normalised(self.builder, x, *columns, axis=1, epsilon=epsilon)

    def linear(self, name: str, x: Tensor, weight: Weight, bias: Weight | None) -> Tensor:
        """See Ops."""
        with self.builder.named(name):
            y = self._convolved(x, self.weights.matrix(self.builder, weight, KERNEL))
            return y if bias is None else self.builder.broadcasting_add(y, self._column(bias))

    def grouped_linear(self, name: str, x: Tensor, weight: Weight) -> Tensor:
        """See Ops; [B, groups·in, 1, 1] → [B, groups·out, 1, 1]."""
        kernel = replace(KERNEL, joined=True)
        with self.builder.named(name):
            return self._convolved(x, self.weights.matrix(self.builder, weight, kernel), len(weight.values))

    def relative_scores(
        self, name: str, x: Tensor, table: Weight, distances: Distances, heads: int, of_keys: bool = False
    ) -> list[Tensor]:
        """See Ops; of each head by key and query, [B, k, q]."""
        found = self._every_head(name, x, table, distances, heads, of_keys)
        return found if of_keys else [self._by_key(f"{name}.head{n}", one) for n, one in enumerate(found)]

    def position_scores(self, name: str, x: Tensor, table: Weight, distances: Distances) -> list[Tensor]:
        """See Ops; a constant of each head by key and query, [1, k, q]."""
        length = x.shape[3]
        by_key = table.values[distances.square(length).T].transpose(2, 0, 1)
        heads = (np.ascontiguousarray(one[None]) for one in by_key)
        return [self._stored(f"{name}.{length}.head{n}", one) for n, one in enumerate(heads)]

    def attention(
        self,
        name: str,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        bias: Mask,
        heads: int,
        scores: tuple[list[Tensor], ...] = (),
    ) -> Tensor:
        """See Ops."""
        builder = self.builder
        with builder.named(f"{name}.key.seen"):
            key = builder.broadcasting_mul(key, builder.expand_dims(bias.seen, whole(1, 2)))
        inputs = (query, key, value)
        contexts = [self._head(name, head, inputs, [one[head] for one in scores], bias, heads) for head in range(heads)]
        with builder.named(f"{name}.context"):
            return contexts[0] if heads == 1 else builder.concat(np.array(1, np.int32), contexts)

    def first_token(self, name: str, x: Tensor) -> Tensor:
        """See Ops; [B, H, 1, 1]."""
        with self.builder.named(name):
            return self.builder.slice_(x, whole(0, 0, 0, 0), whole(1, x.shape[1], 1, 1), whole(1, 1, 1, 1))

    def _head(
        self,
        name: str,
        head: int,
        inputs: tuple[Tensor, Tensor, Tensor],
        scores: Sequence[Tensor],
        bias: Mask,
        heads: int,
    ) -> Tensor:
        """softmax over the keys k of [B, k, q], then the mean of the values: [B, D, 1, S]."""
        builder, (_, hidden, _, length) = self.builder, inputs[0].shape
        size = hidden // heads
        bounds = whole(0, head * size, 0, 0), whole(1, (head + 1) * size, 1, length), whole(1, 1, 1, 1)
        with builder.named(f"{name}.products.head{head}"):
            q, k, v = (builder.reshape(builder.slice_(x, *bounds), whole(1, size, length)) for x in inputs)
            products = self._product(builder.transpose(k, unsigned(0, 2, 1)), q)  # [B, k, q]
        every = self._biased(f"{name}.scores.head{head}", products, scores, bias)
        with builder.named(f"{name}.probabilities.head{head}"):
            weights = builder.softmax(every, np.array(1, np.int32))
        with builder.named(f"{name}.heads.head{head}"):
            return builder.reshape(self._product(v, weights), whole(1, size, 1, length))

    def _by_key(self, name: str, scores: Tensor) -> Tensor:
        """[B, q, k] → [B, k, q]."""
        with self.builder.named(name):
            return self.builder.transpose(scores, unsigned(0, 2, 1))

    def _convolved(self, x: Tensor, kernel: Tensor, groups: int = 1) -> Tensor:
        return self.builder.conv2d(x, kernel, unsigned(1, 1), unsigned(1, 1), np.array(groups, np.uint32))

    def _column(self, weight: Weight, element: str = "") -> Tensor:
        """A bias or a gain, [1, n, 1, 1]."""
        return self.weights.vector(self.builder, weight, (1, len(weight.values), 1, 1), element)

    def _turned(self, name: str, rows: Tensor) -> Tensor:
        """[B, S, C] → [B, C, 1, S]."""
        with self.builder.named(name):
            return self.builder.expand_dims(self.builder.transpose(rows, unsigned(0, 2, 1)), whole(2))

    def _tokens(self, name: str, x: Tensor) -> Tensor:
        if len(x.shape) == 3:  # `row_products` gives rows in this layout too
            return x
        with self.builder.named(name):
            return self.builder.transpose(self.builder.shrink_dims(x, whole(2)), unsigned(0, 2, 1))

    def _over_scores(self, low: Tensor) -> Tensor:
        return self.builder.expand_dims(low, whole(2))

    def _with_heads(self, shape: Sequence[int], heads: int) -> tuple[tuple[int, ...], int]:
        return (heads, shape[1] // heads, 1, shape[3]), 1

    def _positioned(self, name: str, table: Array) -> Tensor:
        return self._stored(name, np.ascontiguousarray(table.T[None, :, None]))

    def _of_head(self, x: Tensor, first: int, end: int) -> Tensor:
        own = self.builder.reshape(self._features(x, first, end), whole(1, end - first, x.shape[3]))
        return self.builder.transpose(own, unsigned(0, 2, 1))

    def _as_vector(self, x: Tensor) -> Tensor:
        return self.builder.reshape(x, whole(1, x.shape[-1] * x.shape[-2], 1, 1))
