"""The operations of `Ops` as a Core AI program: what all layouts share.

The batch is 1. Shapes: B = 1, S the fixed sequence length, H hidden, A heads, D = H / A. Every tensor bears its name in
the program as that of the file of its location, which Core AI keeps as debug information.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from exporter.model.distances import Distances
from exporter.model.ops import Extent, Inputs, Weight
from exporter.targets.coreai.attention import CoreAIAttention, Mask, unsigned, whole
from exporter.targets.coreai.program.graph import Builder
from exporter.targets.coreai.program.shapes import Tensor
from exporter.targets.coreai.weights import Lay

TINY = 1e-4
"""What a vector is at least divided by; smaller ones, and zeros, come out smaller than 1."""
_ACTIVATIONS = {
    "gelu": ("gelu", {"approximate": "none"}),
    "gelu_tanh": ("gelu", {"approximate": "tanh"}),
    "relu": ("relu", {}),
    "silu": ("silu", {}),
    "tanh": ("tanh", {}),
}


class CoreAIOps(CoreAIAttention):
    """Every operation of `Ops` for one function; a layout emits the rest."""

    def read(self, names: Sequence[str], length: int) -> Inputs[Any]:
        """Declare the inputs of a function of so many tokens."""
        return Inputs(*(self.builder.input(name, "int32", (1, length)) for name in names))

    def embedding(self, name: str, table: Weight, ids: Tensor) -> Tensor:
        """See Ops; [B, S, H] in every layout."""
        with self.builder.named(name):
            return self.weights.gathered(self.builder, table, ids)

    def positions(self, name: str, table: Weight, tokens: Tensor) -> Tensor:
        """See Ops; [B, S, H]. Only rows that are read are kept; those of a shorter length are stored again."""
        rows = Weight(table.name, np.ascontiguousarray(table.values[: self._longest]), table.role)
        length = tokens.shape[1]
        with self.builder.named(name):
            lay = Lay(lead=1, head=length if length < self._longest else None)
            return self.builder.broadcasting_add(tokens, self.weights.matrix(self.builder, rows, lay))

    def as_tokens(self, name: str, rows: Tensor) -> Tensor:  # noqa: ARG002 - no tensor is made here
        """See Ops; [B, S, H]."""
        return rows

    def counted_positions(self, name: str, table: Weight, tokens: Tensor, ids: Tensor, pad: int) -> Tensor:
        """See Ops; [B, S, H]. Only rows that the longest function reads are kept."""
        builder, kept = self.builder, pad + 1 + self._longest
        rows = Weight(table.name, np.ascontiguousarray(table.values[:kept]), table.role)
        with builder.named(f"{name}.row"):
            ones = self._other_than(ids, pad)
            count = builder.scan(ones, np.array(1, np.uint32), np.array(False), combiner="sum")
            row = builder.broadcasting_add(builder.broadcasting_mul(count, ones), np.array(pad, np.int32))
        found = self.embedding(f"{name}.positions", rows, row)
        with builder.named(name):
            return builder.broadcasting_add(tokens, found)

    def hide_token(self, name: str, mask: Tensor, ids: Tensor, token: int) -> Tensor:
        """See Ops."""
        with self.builder.named(name):
            return self.builder.broadcasting_mul(mask, self._other_than(ids, token))

    def _other_than(self, ids: Tensor, token: int) -> Tensor:
        """Int32 [B, S], 1 where the id is another than `token`."""
        return self.builder.cast(self.builder.broadcasting_not_equal(ids, np.array(token, np.int32)), dtype="int32")

    def trigram(self, name: str, x: Tensor) -> Tensor:
        """See Ops; [B, S, 3·E]."""
        _, length, width = x.shape
        builder, ones = self.builder, whole(1, 1, 1)
        with builder.named(name):
            wide = builder.pad(x, unsigned(0, 0, 1, 1, 0, 0), self.weights.number(0.0), padding_mode="constant")
            after = builder.slice_(wide, whole(0, 2, 0), whole(1, length + 2, width), ones)
            before = builder.slice_(wide, whole(0, 0, 0), whole(1, length, width), ones)
            return builder.concat(np.array(2, np.int32), [after, x, before])

    def add(self, name: str, left: Tensor, right: Tensor) -> Tensor:
        """See Ops."""
        with self.builder.named(name):
            return self.builder.add(left, right)

    def multiply(self, name: str, left: Tensor, right: Tensor) -> Tensor:
        """See Ops."""
        with self.builder.named(name):
            return self.builder.broadcasting_mul(left, right)

    def activation(self, name: str, x: Tensor, kind: str) -> Tensor:
        """See Ops."""
        operation, options = _ACTIVATIONS[kind]
        with self.builder.named(name):
            made: Tensor = getattr(self.builder, operation)(x, **options)
            return made

    def row_products(self, name: str, x: Tensor, table: Weight, bias: Weight, rest: Weight | None = None) -> Tensor:
        """See Ops; [B, S, rows] in every layout. The table that `embedding` reads is transposed when it runs."""
        builder, tokens = self.builder, self._tokens(f"{name}.tokens", x)
        _, length, width = tokens.shape
        rows, inner = table.values.shape
        with builder.named(name):
            flat = builder.reshape(tokens, whole(length, width))
            within = flat if rest is None else self._columns(flat, 0, inner)
            turned = builder.transpose(self.weights.matrix(builder, table), unsigned(1, 0))
            y = builder.broadcasting_add(builder.batch_matmul(within, turned), self._vector(bias))
            if rest is not None:
                matrix = self.weights.matrix(builder, rest, Lay(transposed=True))
                y = builder.add(y, builder.batch_matmul(self._columns(flat, inner, width), matrix))
            return builder.reshape(y, whole(1, length, rows))

    def pool(self, name: str, x: Tensor, mask: Tensor, kind: str) -> Tensor:
        """See Ops. A mean is a product with the mask over the number of tokens, whose sum no float16 overflows."""
        builder, tokens = self.builder, self._tokens(f"{name}.tokens", x)
        with builder.named(f"{name}.weights"):
            seen = builder.cast(mask, dtype=self.weights.element)  # [B, S]
            if kind == "max":
                low = builder.expand_dims(self._lowered(seen), whole(2))
            elif kind == "first":
                weights = self._first_shown(seen)
            else:
                number = builder.broadcasting_maximum(builder.reduce_sum(seen, whole(1)), self.weights.number(1.0))
                weights = builder.broadcasting_divide(seen, number if kind == "mean" else builder.sqrt(number))
        with builder.named(name):
            if kind == "max":
                return self._as_vector(builder.reduce_max(builder.broadcasting_add(tokens, low), whole(1)))
            return self._as_vector(self._product(builder.expand_dims(weights, whole(1)), tokens))

    def _first_shown(self, seen: Tensor) -> Tensor:
        """Of 1 for a token, [B, S], 1 for the first token, or where there is none for the first place."""
        builder, one = self.builder, self.weights.number(1.0)
        shown, start = (self._up_to_second(tokens) for tokens in (seen, builder.broadcasting_maximum(seen, one)))
        some = builder.reduce_max(seen, whole(1))
        none = builder.broadcasting_sub(builder.broadcasting_maximum(some, one), some)
        return builder.add(builder.broadcasting_mul(shown, seen), builder.broadcasting_mul(start, none))

    def _up_to_second(self, tokens: Tensor) -> Tensor:
        """1 before the second of some tokens, [B, S] of ones and zeros; 0 from there on."""
        builder = self.builder
        count = builder.scan(tokens, np.array(1, np.uint32), np.array(False), combiner="sum")
        left = builder.broadcasting_add(
            builder.broadcasting_mul(count, self.weights.number(-1.0)), self.weights.number(2.0)
        )
        return builder.broadcasting_maximum(left, self.weights.number(0.0))

    def normalise(self, name: str, x: Tensor) -> Tensor:
        """See Ops; divided by the largest magnitude first, for squares that float16 can hold."""
        builder, tiny = self.builder, self.weights.number(TINY)
        with builder.named(name):
            largest = builder.reduce_max(builder.abs_(x), whole(self.feature_axis))
            scaled = builder.broadcasting_divide(x, builder.broadcasting_maximum(largest, tiny))
            norm = builder.sqrt(builder.reduce_sum(builder.broadcasting_mul(scaled, scaled), whole(self.feature_axis)))
            return builder.broadcasting_divide(scaled, builder.broadcasting_maximum(norm, tiny))

    def output(self, name: str, x: Tensor, extent: Extent) -> None:
        """See Ops; float32 in every program."""
        rows = self._tokens(f"{name}.rows", x) if extent in (Extent.TOKEN, Extent.POSITION) else x
        vector = (1, x.shape[self.feature_axis])
        shape = {Extent.TOKEN: rows.shape, Extent.POSITION: rows.shape[:2]}.get(extent, vector)
        with self.builder.named(name):
            flat = self.builder.reshape(rows, whole(*shape))
            self.graph.outputs[name] = self.builder.cast(flat, dtype="float32") if self.weights.scheme.half else flat

    @abstractmethod
    def scale(self, name: str, x: Tensor, gain: Weight) -> Tensor:
        """See Ops."""

    @abstractmethod
    def layer_norm(self, name: str, x: Tensor, gain: Weight, bias: Weight, epsilon: float) -> Tensor:
        """See Ops."""

    @abstractmethod
    def linear(self, name: str, x: Tensor, weight: Weight, bias: Weight | None) -> Tensor:
        """See Ops."""

    @abstractmethod
    def grouped_linear(self, name: str, x: Tensor, weight: Weight) -> Tensor:
        """See Ops."""

    @abstractmethod
    def attention(
        self,
        name: str,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        bias: Mask,
        heads: int,
        scores: tuple[Any, ...] = (),
    ) -> Tensor:
        """See Ops."""

    @abstractmethod
    def relative_scores(
        self, name: str, x: Tensor, table: Weight, distances: Distances, heads: int, of_keys: bool = False
    ) -> Any:
        """See Ops."""

    @abstractmethod
    def position_scores(self, name: str, x: Tensor, table: Weight, distances: Distances) -> Any:
        """See Ops."""

    @abstractmethod
    def first_token(self, name: str, x: Tensor) -> Tensor:
        """See Ops."""

    def _columns(self, x: Tensor, first: int, end: int) -> Tensor:
        """Some columns of [S, C]."""
        return self.builder.slice_(x, whole(0, first), whole(x.shape[0], end), whole(1, 1))

    def _vector(self, weight: Weight) -> Tensor:
        """A bias or a gain, [n]."""
        return self.weights.vector(self.builder, weight)


def normalised(builder: Builder, x: Tensor, gain: Tensor, bias: Tensor, *, axis: int, epsilon: float) -> Tensor:
    """LayerNorm over an axis, with statistics in float32: squares overflow float16 from 256 on."""
    half = x.element == "float16"
    x, gain, bias = (builder.cast(one, dtype="float32") if one.element == "float16" else one for one in (x, gain, bias))
    centred = builder.broadcasting_sub(x, builder.reduce_mean(x, whole(axis)))
    variance = builder.reduce_mean(builder.broadcasting_mul(centred, centred), whole(axis))
    scale = builder.rsqrt(builder.broadcasting_add(variance, np.array(epsilon, np.float32)))
    scaled = builder.broadcasting_mul(builder.broadcasting_mul(centred, scale), gain)
    y = builder.broadcasting_add(scaled, bias)
    return builder.cast(y, dtype="float16") if half else y
