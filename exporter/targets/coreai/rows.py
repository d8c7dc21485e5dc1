"""The rows layout, [B, S, C]: matrix products of all tokens and heads, for the GPU and the CPU."""

import numpy as np

from exporter.model.ops import Weight
from exporter.targets.coreai.ops import CoreAIOps, Mask, normalised, unsigned, whole
from exporter.targets.coreai.program.graph import Builder, Graph
from exporter.targets.coreai.program.shapes import Tensor
from exporter.targets.coreai.weights import Lay


class RowsOps(CoreAIOps):
    """Ops on [B, S, C] and [B, C]."""

    def scale(self, name: str, x: Tensor, gain: Weight) -> Tensor:
        """See Ops."""
        with self.builder.named(name):
            return self.builder.broadcasting_mul(x, self._vector(gain))

    def layer_norm(self, name: str, x: Tensor, gain: Weight, bias: Weight, epsilon: float) -> Tensor:
        """See Ops; over the last axis, as a composite: what Apple's own converter makes of torch's LayerNorm."""
        axis, inner = len(x.shape) - 1, Graph("layer_norm")
        with self.builder.named(name):
            given = {"input": x, "gamma": self._vector(gain), "beta": self._vector(bias)}
            body = Builder(inner)
            with body.named(name):
                tensors = (body.input(one, tensor.element, tensor.shape) for one, tensor in given.items())
                inner.outputs["output"] = normalised(body, *tensors, axis=axis, epsilon=epsilon)
            attributes = f"axes = [{axis} : si64], eps = {epsilon:.9e} : f32, version = 1 : si64"
            return self.builder.composite("layer_norm", attributes, given, inner, x)

    def linear(self, name: str, x: Tensor, weight: Weight, bias: Weight | None) -> Tensor:
        """See Ops."""
        *lead, inner = x.shape
        out, builder = len(weight.values), self.builder
        with builder.named(name):
            flat = x if len(lead) == 1 else builder.reshape(x, whole(lead[-1], inner))
            y = builder.batch_matmul(flat, self.weights.matrix(builder, weight, Lay(transposed=True)))
            if bias is not None:
                y = builder.broadcasting_add(y, self._vector(bias))
            return y if len(lead) == 1 else builder.reshape(y, whole(*lead, out))

    def grouped_linear(self, name: str, x: Tensor, weight: Weight) -> Tensor:
        """See Ops; B is 1, so that the groups are a batch."""
        groups, out, inner = weight.values.shape
        with self.builder.named(name):
            columns = self.builder.reshape(x, whole(groups, inner, 1))
            y = self.builder.batch_matmul(self.weights.matrix(self.builder, weight), columns)
            return self.builder.reshape(y, whole(1, groups * out))

    def attention(self, name: str, query: Tensor, key: Tensor, value: Tensor, bias: Mask, heads: int) -> Tensor:
        """See Ops."""
        builder = self.builder
        with builder.named(f"{name}.key.seen"):
            key = builder.broadcasting_mul(key, builder.expand_dims(bias.seen, whole(2)))
        with builder.named(f"{name}.split"):
            q, k, v = (self._split_heads(x, heads) for x in (query, key, value))  # [B, A, S, D]
            every = builder.expand_dims(bias.low, whole(1, 2))  # [B, 1, 1, S]
        with builder.named(f"{name}.products"):
            products = builder.batch_matmul(q, builder.transpose(k, unsigned(0, 1, 3, 2)))
        with builder.named(f"{name}.scores"):
            scores = builder.broadcasting_add(products, every)  # [B, A, S, S]
        with builder.named(f"{name}.probabilities"):
            weights = builder.softmax(scores, np.array(3, np.int32))
        with builder.named(f"{name}.heads"):
            context = builder.batch_matmul(weights, v)
        with builder.named(f"{name}.context"):
            return builder.reshape(builder.transpose(context, unsigned(0, 2, 1, 3)), whole(*query.shape))

    def first_token(self, name: str, x: Tensor) -> Tensor:
        """See Ops; [B, H]."""
        _, _, width = x.shape
        with self.builder.named(name):
            first = self.builder.slice_(x, whole(0, 0, 0), whole(1, 1, width), whole(1, 1, 1))
            return self.builder.reshape(first, whole(1, width))

    def _split_heads(self, x: Tensor, heads: int) -> Tensor:
        """[B, S, H] → [B, A, S, D]."""
        _, length, hidden = x.shape
        split = self.builder.reshape(x, whole(1, length, heads, hidden // heads))
        return self.builder.transpose(split, unsigned(0, 2, 1, 3))

    def _tokens(self, name: str, x: Tensor) -> Tensor:  # noqa: ARG002 - no tensor is made here
        return x

    def _as_vector(self, x: Tensor) -> Tensor:
        return self.builder.reshape(x, whole(1, x.shape[-1] * x.shape[-2]))
