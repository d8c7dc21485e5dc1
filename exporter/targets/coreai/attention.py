"""The mask, rotary positions and the first token's attention as a Core AI program, for all layouts.

Shapes: B = 1, S the fixed sequence length, H hidden, A heads, D = H / A.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from exporter.model.distances import Distances
from exporter.model.ops import Array, Role, Weight
from exporter.model.rotary import Rotation
from exporter.targets.coreai.names import GROUPED
from exporter.targets.coreai.program.graph import Builder, Graph
from exporter.targets.coreai.program.shapes import Tensor
from exporter.targets.coreai.weights import Lay, WeightStore

LOWEST = 4e4


@dataclass(frozen=True)
class Mask:
    """The mask in the type that is computed in: `seen` is 1 for a token, `low` 0 for a token, [B, S] each.

    Where not every query sees the same keys, `pairs` is a factor of scores, and `square` added to them after.
    """

    seen: Tensor
    low: Tensor
    square: Tensor | None = None
    pairs: Tensor | None = None


def whole(*numbers: int) -> Array:
    """Axes, sizes and bounds."""
    return np.array(numbers, np.int32)


def unsigned(*numbers: int) -> Array:
    """The same where an operation takes them without a sign."""
    return np.array(numbers, np.uint32)


class CoreAIAttention(ABC):
    """What attends, of `Ops`, for one function; a layout emits the rest.

    `longest`: the most tokens of any function that shares these weights. The numbers of a vector lie along
    `feature_axis`, tokens along `token_axis`. What names of masks of pairs and of turned heads end in, `pairs_form` and
    `turned_form`, is undone in `names` where the compiler leaves no tensor of the common shape.
    """

    feature_axis: int
    token_axis: int
    pairs_form: str
    turned_form: str

    def __init__(self, graph: Graph, weights: WeightStore, longest: int) -> None:
        self.graph, self.builder, self.weights = graph, Builder(graph), weights
        self._longest = longest
        self._rotations: dict[str, tuple[Tensor, Tensor]] = {}

    def mask_bias(self, name: str, mask: Tensor) -> Mask:
        """See Ops; what `name` bears is [B, S], 0 or −4e4.

        That is finite in float16 with any score added; but neighbours are 32 apart there, so that padded keys are made
        zero too: a row of padding alone comes out uniform, as in PyTorch.
        """
        builder = self.builder
        with builder.named(f"{name}.seen"):
            seen = builder.cast(mask, dtype=self.weights.element)
        with builder.named(name):
            return Mask(seen, self._lowered(seen))

    def local_bias(self, name: str, bias: Mask, reach: int) -> Mask:
        """See Ops; what `name` bears is added to scores. Positions are counted in whole numbers and float32."""
        builder, (_, length) = self.builder, bias.low.shape
        with builder.named(f"{name}.far"):
            # of the mask, which is known when the model runs: the compiler would fold it into a square of constants
            ones = builder.cast(builder.broadcasting_maximum(bias.seen, self.weights.number(1.0)), dtype="float32")
            place = builder.scan(ones, np.array(1, np.uint32), np.array(False), combiner="sum")
            column, row = builder.expand_dims(place, whole(2)), builder.expand_dims(place, whole(1))
            apart = builder.abs_(builder.broadcasting_sub(column, row))  # [1, S, S]
            beyond = builder.broadcasting_sub(apart, np.array(reach, np.float32))
            far = builder.broadcasting_minimum(
                builder.broadcasting_maximum(beyond, np.array(0, np.float32)), np.array(1, np.float32)
            )
            near = builder.broadcasting_add(
                builder.broadcasting_mul(far, np.array(-1, np.float32)), np.array(1, np.float32)
            )
        with builder.named(f"{name}.both"):
            keys = self._over_scores(bias.seen)
            shaped = builder.reshape(
                builder.cast(near, dtype=self.weights.element), whole(*[1] * (len(keys.shape) - 2), length, length)
            )
            return self._of_pairs(name, bias, builder.broadcasting_mul(shaped, keys))

    def pair_bias(self, name: str, bias: Mask) -> Mask:
        """See Ops; what `name` bears is added to scores."""
        builder = self.builder
        with builder.named(f"{name}.both"):
            keys = self._over_scores(bias.seen)
            *outer, first, second = keys.shape
            queries = builder.reshape(bias.seen, whole(*outer, second, first))
            return self._of_pairs(name, bias, builder.broadcasting_mul(keys, queries))

    def _of_pairs(self, name: str, bias: Mask, pairs: Tensor) -> Mask:
        """From 1 where a query sees a key; else scores are made 0 before −4e4: float16 holds no score beside that."""
        with self.builder.named(name + self.pairs_form):
            return replace(bias, square=self._lowered(pairs), pairs=pairs)

    def _biased(self, name: str, products: Tensor, scores: Sequence[Tensor], bias: Mask) -> Tensor:
        """Products of queries and keys with what is added to them."""
        builder = self.builder
        with builder.named(name):
            for one in scores:
                products = builder.broadcasting_add(products, one)
            if bias.pairs is not None:
                products = builder.broadcasting_mul(products, bias.pairs)
            return builder.broadcasting_add(products, self._score_bias(bias))

    def first_token_attention(self, name: str, query: Tensor, x: Tensor, bias: Mask, heads: int) -> Tensor:
        """See Ops; `query` and the result hold A·H numbers for the one token."""
        builder, tokens = self.builder, self._tokens(f"{name}.tokens", x)
        with builder.named(f"{name}.seen"):
            keys = builder.broadcasting_mul(tokens, builder.expand_dims(bias.seen, whole(2)))
        with builder.named(f"{name}.products"):
            split = builder.reshape(query, whole(1, heads, tokens.shape[2]))  # [B, A, H]
            products = self._product(split, builder.transpose(keys, unsigned(0, 2, 1)))
        with builder.named(f"{name}.scores"):
            scores = builder.broadcasting_add(products, builder.expand_dims(bias.low, whole(1)))  # [B, A, S]
        with builder.named(f"{name}.probabilities"):
            weights = builder.softmax(scores, np.array(2, np.int32))
        with builder.named(f"{name}.context{GROUPED}"):
            context = self._product(weights, tokens)
        with builder.named(f"{name}.context"):
            return self._as_vector(context)

    def rotary(self, name: str, x: Tensor, heads: int, rotation: Rotation) -> Tensor:
        """See Ops; heads as an axis of their own."""
        builder, half = self.builder, len(rotation.frequencies)
        split, axis = self._with_heads(x.shape, heads)
        cosine, sine = self._rotation(rotation, x.shape[self.token_axis])
        with builder.named(f"{name}.split"):
            by_head = builder.reshape(x, whole(*split))
            first, second = (self._part(by_head, axis, (start, start + half)) for start in (0, half))
        with builder.named(f"{name}.turned"):
            one = builder.broadcasting_sub(
                builder.broadcasting_mul(first, cosine), builder.broadcasting_mul(second, sine)
            )
            other = builder.add(builder.broadcasting_mul(second, cosine), builder.broadcasting_mul(first, sine))
        with builder.named(name + self.turned_form):
            turned = builder.concat(np.array(axis, np.int32), [one, other])
        with builder.named(name):
            return builder.reshape(turned, whole(*x.shape))

    def hide_padding(self, name: str, x: Tensor, mask: Tensor) -> Tensor:
        """See Ops."""
        builder, shape = self.builder, [1] * len(x.shape)
        shape[self.token_axis] = x.shape[self.token_axis]
        with builder.named(f"{name}.mask"):
            seen = builder.reshape(builder.cast(mask, dtype=self.weights.element), whole(*shape))
        with builder.named(name):
            return builder.broadcasting_mul(x, seen)

    def _every_head(
        self, name: str, x: Tensor, table: Weight, distances: Distances, heads: int, of_keys: bool
    ) -> list[Tensor]:
        """`_by_distance` of each head; the names are of those by key and query, as names of scores in channels are."""
        size, part = x.shape[self.feature_axis] // heads, name if of_keys else f"{name}.by_query"
        bounds = [(n * size, (n + 1) * size) for n in range(heads)]
        return [self._by_distance(f"{part}.head{n}", x, table, distances, one, of_keys) for n, one in enumerate(bounds)]

    def _by_distance(
        self, name: str, x: Tensor, table: Weight, distances: Distances, head: tuple[int, int], of_keys: bool
    ) -> Tensor:
        """What one head's tokens find in its columns of a table: [B, S, S], rows those of the tokens."""
        builder, length, (first, end) = self.builder, x.shape[self.token_axis], head
        places = distances.rising(length) if of_keys else distances.falling(length)
        values = np.ascontiguousarray(table.values[places, first:end])
        rows = Weight(f"{table.name}.{length}.{first}", values, table.role)
        columns = self.weights.matrix(builder, rows, Lay(transposed=True, lead=1))  # [1, D, 2·S]
        with builder.named(f"{name}.products"):
            products = self._product(self._of_head(x, first, end), columns)
        with builder.named(name):
            return self._sheared(products)

    def _sheared(self, products: Tensor) -> Tensor:
        """[A, S, 2·S] by distance → [A, S, S] by key: see `Distances.falling`."""
        builder, (heads, length, wide) = self.builder, products.shape
        flat = builder.reshape(products, whole(heads, length * wide))
        read = builder.slice_(flat, whole(0, length - 1), whole(heads, length * wide - 1), whole(1, 1))
        square = builder.reshape(read, whole(heads, length, wide - 1))
        return builder.slice_(square, whole(0, 0, 0), whole(heads, length, length), whole(1, 1, 1))

    @abstractmethod
    def _tokens(self, name: str, x: Tensor) -> Tensor:
        """Tokens of the layout as [B, S, C]."""

    @abstractmethod
    def _over_scores(self, low: Tensor) -> Tensor:
        """What is added for each key, [B, S], in the shape of scores."""

    @abstractmethod
    def _with_heads(self, shape: Sequence[int], heads: int) -> tuple[tuple[int, ...], int]:
        """A token tensor's shape with an axis for heads, and the axis that then holds a head's numbers."""

    @abstractmethod
    def _positioned(self, name: str, table: Array) -> Tensor:
        """A table [S, D / 2] in the layout, beside `_with_heads`: a constant."""

    @abstractmethod
    def _of_head(self, x: Tensor, first: int, end: int) -> Tensor:
        """Some of each token's numbers, as [B, S, D]."""

    @abstractmethod
    def _as_vector(self, x: Tensor) -> Tensor:
        """The numbers of one token in the layout's shape."""

    def _product(self, left: Tensor, right: Tensor) -> Tensor:
        """[B, m, k] · [B, k, n]."""
        return self.builder.batch_matmul(left, right)

    def _score_bias(self, bias: Mask) -> Tensor:
        return self._over_scores(bias.low) if bias.square is None else bias.square

    def _rotation(self, rotation: Rotation, length: int) -> tuple[Tensor, Tensor]:
        """Cosine and sine of one head's pairs, made once in a function."""
        if rotation.name not in self._rotations:
            pairs = zip(("cosine", "sine"), rotation.tables(length), strict=True)
            cosine, sine = (self._positioned(f"{rotation.name}.{part}.{length}", one) for part, one in pairs)
            self._rotations[rotation.name] = cosine, sine
        return self._rotations[rotation.name]

    def _stored(self, name: str, values: Array) -> Tensor:
        """A constant as it lies."""
        with self.builder.named(name):
            return self.weights.vector(self.builder, Weight(name, values.reshape(-1), Role.VECTOR), values.shape)

    def _features(self, x: Tensor, first: int, end: int) -> Tensor:
        """Some of each token's numbers."""
        return self._part(x, self.feature_axis, (first, end))

    def _part(self, x: Tensor, axis: int, bounds: tuple[int, int]) -> Tensor:
        """Of one axis what lies between two bounds."""
        starts = [bounds[0] if at == axis else 0 for at in range(len(x.shape))]
        ends = [bounds[1] if at == axis else size for at, size in enumerate(x.shape)]
        return self.builder.slice_(x, whole(*starts), whole(*ends), whole(*[1] * len(x.shape)))

    def _lowered(self, seen: Tensor) -> Tensor:
        """1 for a token → 0, 0 → −4e4."""
        padding = self.builder.broadcasting_sub(seen, self.weights.number(1.0))
        return self.builder.broadcasting_mul(padding, self.weights.number(LOWEST))
