"""Relative positions in ONNX: scores for the distances between tokens, and rotary positions."""

from functools import cached_property

import numpy as np
from onnx import TensorProto, helper

from exporter.model.distances import Distances
from exporter.model.ops import Weight
from exporter.model.rotary import Rotation
from exporter.targets.onnx.integers import IntegerGraph

BY_TOKEN = (0, 2, 3, 1)
"""[B, S, A, D] → [B, A, D, S]."""


class Relative(IntegerGraph):
    """What knows how far apart tokens are, of `Ops`."""

    @cached_property
    def _in_heads(self) -> set[str]:
        """Tensors that are [B, A, D, S]."""
        return set()

    def rotary(self, name: str, x: str, heads: int, rotation: Rotation) -> str:
        """See Ops; cosine and sine are computed when the model runs, of as many positions as there are.

        Heads are split before, [B, A, D, S], as `attention` reads them: the tables are then one piece for each head.
        """
        split = self._split_heads(f"{name}.whole", x, heads, BY_TOKEN)
        first, second = (f"{name}.whole.{part}" for part in ("first", "second"))  # [B, A, D / 2, S]
        self.nodes.append(helper.make_node("Split", [split], [first, second], name=first, axis=2, num_outputs=2))
        cosine, sine = self._tables(rotation)
        one = self._turned(f"{name}.whole.one", "Sub", (first, cosine), (second, sine))
        other = self._turned(f"{name}.whole.other", "Add", (second, cosine), (first, sine))
        self._in_heads.add(f"{name}.rotated")  # of another shape than what `name` is elsewhere
        return self._node("Concat", [one, other], f"{name}.rotated", axis=2)

    def relative_scores(
        self, name: str, x: str, table: Weight, distances: Distances, heads: int, of_keys: bool = False
    ) -> str:
        """See Ops; [B, A, S, S]. Products with each row that some distance has, and the square that they hold."""
        rows = self._rows_by_distance(f"{name}.rows", table, distances, of_keys)  # [2·S, H]
        split = self._node("Reshape", [rows, self._integers("shape.row_heads", [0, heads, -1])], f"{name}.rows.split")
        turned = self._node("Transpose", [split], f"{name}.rows.heads", perm=(1, 2, 0))  # [A, D, 2·S]
        tokens = self._split_heads(f"{name}.tokens", x, heads, (0, 2, 1, 3))  # [B, A, S, D]
        products = self._node("MatMul", [tokens, turned], f"{name}.products")  # [B, A, S, 2·S]
        if not of_keys:
            return self._sheared(name, products)
        return self._node("Transpose", [self._sheared(f"{name}.by_key", products)], name, perm=(0, 1, 3, 2))

    def position_scores(self, name: str, x: str, table: Weight, distances: Distances) -> str:  # noqa: ARG002 - ids say S
        """See Ops; [1, A, S, S]."""
        rows = self._rows_by_distance(f"{name}.rows", table, distances, False)  # [2·S, A]
        by_head = self._node("Transpose", [rows], f"{name}.heads", perm=(1, 0))
        wide = self._node("Unsqueeze", [by_head, self._integers("axes_0_2", [0, 2])], f"{name}.wide")  # [1, A, 1, 2·S]
        column = self._once("places.column", "Unsqueeze", [self._places(), self._integers("axis_1", [1])])  # [S, 1]
        nothing = self._once("places.nothing", "Sub", [column, column])
        return self._sheared(name, self._node("Add", [wide, nothing], f"{name}.every"))

    def _sheared(self, name: str, products: str) -> str:
        """[B, A, S, 2·S] by distance → [B, A, S, S] by key: see `Distances.falling`."""
        flat = self._node("Reshape", [products, self._integers("shape.flat", [0, 0, -1])], f"{name}.flat")
        start, axis = (
            self._once("length_less_1", "Sub", [self._length(), self._integers("one_one", [1])]),
            self._integers("axis_2", [2]),
        )
        read = self._node("Slice", [flat, start, self._integers("last_one", [-1]), axis], f"{name}.read")
        both, last = self._integers("both_as_they_are", [0, 0]), self._integers("the_rest", [-1])
        shape = self._once("shape.sheared", "Concat", [both, self._length(), last], axis=0)
        wide = self._node("Reshape", [read, shape], f"{name}.wide_square")  # [B, A, S, 2·S − 1]
        zero, last_axis = self._integers("zero", [0]), self._integers("axis_3", [3])
        return self._node("Slice", [wide, zero, self._length(), last_axis], name)

    def _rows_by_distance(self, name: str, table: Weight, distances: Distances, of_keys: bool) -> str:
        """Float32 rows of a table for the distances of a text's tokens, [2·S, …]."""
        kind, most = ("rising", distances.rising) if of_keys else ("falling", distances.falling)
        every = self._constant(f"{distances.name}.{kind}", most(distances.positions).astype(np.int64))
        middle = self._integers(f"{distances.name}.middle", [distances.positions])
        first, end = (self._once(f"{distances.name}.{part}", part, [middle, self._length()]) for part in ("Sub", "Add"))
        ids = self._once(f"{distances.name}.{kind}.ids", "Slice", [every, first, end])
        return self.weights.picked_rows(name, table, lambda stored, rows: self._node("Gather", [stored, ids], rows))

    def _split_heads(self, name: str, x: str, heads: int, order: tuple[int, ...]) -> str:
        """[B·S, H] → [B, S, A, D], transposed by `order`; what `rotary` gave is so already."""
        if x in self._in_heads and order == BY_TOKEN:
            return x
        shape = self._shape("shape.heads", [heads, -1])
        return self._node(
            "Transpose", [self._node("Reshape", [x, shape], f"{name}.split")], f"{name}.heads", perm=order
        )

    def _length(self) -> str:
        """S, [1]."""
        return self._once("sequence_length", "Shape", [self._ids], start=1, end=2)

    def _places(self) -> str:
        """Each token's position as float32, [S]."""
        number = self._once("sequence_length.number", "Squeeze", [self._length()])
        first, step = self._constant("place_0", np.int64(0)), self._constant("place_1", np.int64(1))
        places = self._once("places.integers", "Range", [first, number, step])
        return self._once("places", "Cast", [places], to=TensorProto.FLOAT)

    def _tables(self, rotation: Rotation) -> tuple[str, str]:
        """Cosine and sine, [D / 2, S]."""
        frequencies = self._constant(f"{rotation.name}.frequencies", rotation.frequencies[:, None])
        angles = self._once(f"{rotation.name}.angles", "Mul", [frequencies, self._places()])
        cosine = self._once(f"{rotation.name}.cosine", "Cos", [angles])
        return cosine, self._once(f"{rotation.name}.sine", "Sin", [angles])

    def _turned(self, name: str, operator: str, left: tuple[str, str], right: tuple[str, str]) -> str:
        """The sum or the difference of two products."""
        products = [self._node("Mul", [*pair], f"{name}.{side}") for side, pair in (("left", left), ("right", right))]
        return self._node(operator, products, name)
