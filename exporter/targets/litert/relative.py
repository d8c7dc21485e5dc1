"""Relative positions in LiteRT, and heads as parts of a tensor: XNNPACK splits an axis of any tensor."""

from collections.abc import Sequence

import numpy as np

from exporter.compression.outlier_channels import Treatments
from exporter.model.distances import Distances
from exporter.model.ops import Weight
from exporter.model.rotary import Rotation
from exporter.targets.litert.linears import Linears
from exporter.targets.litert.weights import WeightStore
from runtimes.tflite.model import FREE

_MOST_PARTS = 4
"""That XNNPACK joins at once, and splits into."""


class Relative(Linears):
    """`scores_of` a handle that `relative_scores` or `position_scores` gave are those of each head, [B, S, S]."""

    def __init__(self, key: str, length: int, weights: WeightStore, outliers: Treatments) -> None:
        super().__init__(key, length, weights, outliers)
        self.scores_of: dict[str, Sequence[str]] = {}

    def rotary(self, name: str, x: str, heads: int, rotation: Rotation) -> str:
        """See Ops; x · cosine, and x with the halves of each head exchanged · signed sine."""
        halves = self._heads(f"{name}.in", x, 2 * heads)
        exchanged = [halves[number ^ 1] for number in range(len(halves))]
        cosine, sine = self._tables(rotation, heads)
        straight = self.arithmetic("MUL", x, cosine, f"{name}.straight")
        across = self.arithmetic("MUL", self.joined(exchanged, f"{name}.exchanged"), sine, f"{name}.across")
        return self.arithmetic("ADD", straight, across, name)

    def relative_scores(
        self, name: str, x: str, table: Weight, distances: Distances, heads: int, of_keys: bool = False
    ) -> str:
        """See Ops; by head. Products with each row that some distance has, and the square that they hold."""
        rows = self._rows_by_distance(f"{name}.rows", table, distances, of_keys)  # [2·S, H]
        pairs = zip(self._heads(f"{name}.tokens", x, heads), self._heads(f"{name}.row", rows, heads), strict=True)
        self.scores_of[name] = [self._by_key(f"{name}.{n}", *pair, of_keys) for n, pair in enumerate(pairs)]
        return name

    def position_scores(self, name: str, x: str, table: Weight, distances: Distances) -> str:  # noqa: ARG002 - ids say S
        """See Ops; by head, [1, S, S]. Every query is the number 1."""
        rows = self._rows_by_distance(f"{name}.rows", table, distances, False)  # [2·S, A]
        nothing = self.arithmetic("MUL", self._places((self.length, 1)), self.constant("zero", np.float32(0)), "zeros")
        ones = self.arithmetic("ADD", nothing, self.constant("one", np.float32(1)), "ones")  # [1, S, 1]
        heads = self._heads(f"{name}.row", rows, table.values.shape[1])
        self.scores_of[name] = [self._by_key(f"{name}.{n}", ones, one, False) for n, one in enumerate(heads)]
        return name

    def _by_key(self, name: str, tokens: str, rows: str, of_keys: bool) -> str:
        """[B, S, D] and the rows of one head, [2·S, D] → [B, S, S]."""
        (texts, length, width), twice = self.shape(tokens), self._twice
        wide = self.reshaped(rows, f"{name}.rows", (1, twice, width), self.integers(f"rows.{width}", [1, -1, width]))
        products = self.node("BATCH_MATMUL", [tokens, wide], f"{name}.products", (texts, length, twice), adj_y=True)
        if not of_keys:
            return self._sheared(name, products)
        found, order = self._sheared(f"{name}.by_key", products), self.integers("turned", [0, 2, 1])
        return self.node("TRANSPOSE", [found, order], name, (texts, length, length))

    def _sheared(self, name: str, products: str) -> str:
        """[B, S, 2·S] by distance → [B, S, S] by key: see `Distances.falling`."""
        (texts, length, _), free = self.shape(products), self.length == FREE
        rows = self._number_of_texts() if texts == FREE else texts
        flat_shape = (texts, FREE if free else 2 * length * length)
        flat = self.reshaped(products, f"{name}.flat", flat_shape, self.sizes(f"shape.flat.{texts}", rows, -1))
        start, end = self.sizes("shear.start", 0, self._less_one()), self.integers("shear.end", [0, -1])
        read_shape = (texts, FREE if free else length * (2 * length - 1))
        read = self._strided(f"{name}.read", flat, (start, end), 0b01, read_shape)
        wide_shape = (texts, length, FREE if free else 2 * length - 1)
        tokens = self._number_of_tokens() if free else length
        wide = self.reshaped(read, f"{name}.wide", wide_shape, self.sizes(f"shape.wide.{texts}", rows, tokens, -1))
        bounds = self.integers("square.start", [0, 0, 0]), self.sizes("square.end", 0, 0, tokens)
        return self._strided(name, wide, bounds, 0b011, (texts, length, length))

    def _strided(self, name: str, x: str, bounds: tuple[str, str], whole: int, shape: tuple[int, ...]) -> str:
        """STRIDED_SLICE between two vectors of bounds; the axes of the mask `whole` are taken as they are."""
        step = self.integers(f"step.{len(shape)}", [1] * len(shape))
        return self.node("STRIDED_SLICE", [x, *bounds, step], name, shape, begin_mask=whole, end_mask=whole)

    def _rows_by_distance(self, name: str, table: Weight, distances: Distances, of_keys: bool) -> str:
        """Float32 rows of a table for the distances of a text's tokens, [2·S, …]."""
        kind, most = ("rising", distances.rising) if of_keys else ("falling", distances.falling)
        if self.length != FREE:
            ids = self.constant(f"{distances.name}.{kind}.{self.length}", most(self.length))
        else:
            every = self.constant(f"{distances.name}.{kind}", most(distances.positions))
            middle, tokens = self.integers(f"{distances.name}.middle", [distances.positions]), self._number_of_tokens()
            first = self.arithmetic("SUB", middle, tokens, f"{distances.name}.first")
            number = self.arithmetic("ADD", tokens, tokens, "twice_the_tokens")
            ids = self.node("SLICE", [every, first, number], f"{distances.name}.{kind}.ids", (FREE,), "int32")
        return self._rows(name, table, lambda stored, rows: self._gather(stored, ids, rows))

    def _less_one(self) -> str | int:
        """S − 1, [1]."""
        if self.length != FREE:
            return self.length - 1
        return self.arithmetic("SUB", self._number_of_tokens(), self.integers("size.1", [1]), "tokens_less_one")

    def _number_of_texts(self) -> str:
        """B, [1], known when the caller has resized the inputs."""
        return self.part(self.sizes_of_ids(), "number_of_texts", 0, (0, 1), 1)

    @property
    def _twice(self) -> int:
        return FREE if self.length == FREE else 2 * self.length

    def _places(self, shape: tuple[int, int]) -> str:
        """Each token's position as float32, [1, S, 1] or [1, 1, S]."""
        name = f"places.{'row' if shape[0] == 1 else 'column'}"
        if self.length != FREE:
            return self.constant(f"{name}.{self.length}", np.arange(self.length, dtype=np.float32).reshape(1, *shape))
        number = self.node("SQUEEZE", [self._number_of_tokens()], "number_of_places", (), "int32", axes=(0,))
        bounds = self.constant("place_0", np.int32(0)), number, self.constant("place_1", np.int32(1))
        every = self.node("RANGE", bounds, "places.integers", (FREE,), "int32")
        floats = self.cast(every, "places", "float32")
        sizes = self.integers(f"shape.{name}", [1, -1, 1] if shape[1] == 1 else [1, 1, -1])
        return self.reshaped(floats, name, (1, *shape), sizes)

    def _tables(self, rotation: Rotation, heads: int) -> tuple[str, str]:
        """Cosine and signed sine for every number of a token, [1, S, H]; of a known length one head's are constants."""
        name, whole = rotation.name, (f"{rotation.name}.cosines", f"{rotation.name}.sines")
        if self.length != FREE:
            both = zip(whole, rotation.signed_tables(self.length), strict=True)
            cosine, sine = ([self.constant(f"{part}.{self.length}", one[None])] for part, one in both)
        else:
            shape = (1, self.length, len(rotation.frequencies))
            frequencies = self.constant(f"{name}.frequencies", rotation.frequencies)
            angles = self.arithmetic("MUL", self._places((self.length, 1)), frequencies, f"{name}.angles", shape)
            cosine = [self.node("COS", [angles], f"{name}.cosine", shape)] * 2
            right = self.node("SIN", [angles], f"{name}.sine", shape)
            sine = [self.node("NEG", [right], f"{name}.minus", shape), right]
        return self.joined(cosine * heads, whole[0]), self.joined(sine * heads, whole[1])

    def joined(self, parts: list[str], name: str) -> str:
        """Side by side along the last axis."""
        level = 0
        while len(parts) > 1:
            groups = [parts[at : at + _MOST_PARTS] for at in range(0, len(parts), _MOST_PARTS)]
            names = [name if len(groups) == 1 else f"{name}.{level}.{number}" for number in range(len(groups))]
            parts = [self._join(*pair) for pair in zip(groups, names, strict=True)]
            level += 1
        return parts[0]

    def _heads(self, name: str, x: str, heads: int) -> list[str]:
        """[B, S, H] → [B, S, D] for each head; in several steps where there are many."""
        for parts in (4, 3, 2):
            if heads > _MOST_PARTS and heads % parts == 0:
                outer = self.split(f"{name}.{heads}", x, parts)
                return [head for n, one in enumerate(outer) for head in self._heads(f"{name}.{n}", one, heads // parts)]
        if heads <= _MOST_PARTS:
            return self.split(name, x, heads)
        last, width = len(self.shape(x)) - 1, self.shape(x)[-1] // heads
        starts = range(0, width * heads, width)
        return [self.part(x, f"{name}.{at}", last, (at, at + width), width) for at in starts]

    def _join(self, parts: list[str], name: str) -> str:
        if len(parts) == 1:
            return parts[0]
        *first, _ = self.shape(parts[0])
        width = sum(self.shape(part)[-1] for part in parts)
        return self.node("CONCATENATION", parts, name, (*first, width), axis=len(first))
