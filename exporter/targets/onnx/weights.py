"""Weights of an ONNX file: how each form is stored, and the nodes that dequantize it.

Linear weights become floats by nodes over constants alone (Cast, Mul), which ONNX Runtime folds when it loads the
model: small on disk, as fast as float32. DequantizeLinear would say the same, but it is not folded. Embedding rows
are gathered first and made floats after, so that a table stays small in memory too.
"""

from collections.abc import Callable, Mapping

import numpy as np
from onnx import TensorProto

from exporter.compression import integer_rounding
from exporter.compression.outlier_channels import AS_IT_IS, Treatment
from exporter.compression.weight_exceptions import Keep
from exporter.model.ops import Array, Role, Weight
from exporter.targets.encoding.encoded_weights import Encode, Layout, treated_values
from exporter.targets.encoding.storage import Storage
from exporter.targets.onnx.coded_tables import CodedTables
from exporter.targets.onnx.initialisers import Node


class WeightStore(CodedTables):
    """Initialisers of a graph, each weight in the form of its role; see Initialisers.

    `tied`: the word embeddings are multiplied with too, where they are to be int8 in integers if the linears are.
    `encode` gives the codes of the word table, for the scheme that stores those.
    """

    def __init__(self, node: Node, storage: Mapping[Role, Storage], keep: Keep, tied: bool, encode: Encode) -> None:
        super().__init__(node, storage, keep, encode)
        self._tied = tied

    def float32(self, weight: Weight, layout: Array | None = None) -> str:
        """Store a weight; return the name of its float32 values, in `layout` (a view of them) if given.

        `layout` has the axis that scales run along last but one; without it, it is the last.
        """
        values = weight.values if layout is None else layout
        match self.storage(weight):
            case Storage.FLOAT32:
                return self.floats(weight.name, values)
            case Storage.FLOAT16:
                return self.float16(weight.name, values)
            case _:  # a dynamic role and int4 tables keep what is no matrix or word table in plain int8
                return self._float32_of_int8(weight, layout is not None)

    def float16(self, name: str, values: Array) -> str:
        """Store values as float16; return the name of them in float32."""
        return self._cast(self.halves(name, values), name)

    def rows(self, name: str, table: Weight, ids: str) -> str:
        """Store an embedding table [rows, H]; return its float32 rows at `ids`, [B, S, H]."""
        match self.storage(table):
            case Storage.FLOAT32:
                return self._node("Gather", [self.floats(table.name, table.values), ids], name)
            case Storage.FLOAT16:
                half = self.halves(table.name, table.values)
                return self._cast(self._node("Gather", [half, ids], f"{name}.float16"), name)
            case Storage.INT4_BLOCK:
                return self._int4_rows(name, table, ids)
            case Storage.CODES:
                return self._coded_rows(name, table, ids)
            case Storage.CODES_INT8:
                return self._narrow_rows(name, table, ids)
            case Storage.SHARED_CODES:
                return self._shared_rows(name, table, ids)
            case _:
                return self._int8_rows(name, table, ids)

    def first_rows(self, name: str, table: Weight, bounds: list[str]) -> str:
        """Store a table [rows, H]; return its first float32 rows, [S, H]. `bounds`: Slice's start, end and axis.

        Cut out before they become floats: a table that is folded when loaded is float32 in memory, and twice meanwhile.
        """
        return self.picked_rows(name, table, lambda stored, rows: self._node("Slice", [stored, *bounds], rows))

    def picked_rows(self, name: str, table: Weight, pick: Callable[[str, str], str]) -> str:
        """Store a table [rows, H]; return float32 rows of it. `pick` gives those of a stored tensor, under a name."""
        match self.storage(table):
            case Storage.FLOAT32:
                return pick(self.floats(table.name, table.values), name)
            case Storage.FLOAT16:
                return self._cast(pick(self.halves(table.name, table.values), f"{name}.float16"), name)
            case Storage.SHARED_CODES:
                return self._first_shared_rows(name, table, pick)
            case _:
                stored, scale = self.int8_table(table)
                return self._scaled(name, pick(stored, f"{name}.int8"), pick(scale, f"{name}.scale"))

    def int8_table(self, table: Weight) -> tuple[str, str]:
        """Store a table [rows, H] as int8: names of it and of its scales [rows, 1]."""
        multiplied = self._tied and table.role is Role.WORD_EMBEDDING and self.integer_products(table)
        return self.integers(
            table.name, table.values, integer_rounding.int8_without_saturation if multiplied else integer_rounding.int8
        )

    def whole_table(self, table: Weight) -> str:
        """The float32 values [rows, H] of a table that `rows` stores: nodes over constants, folded when loaded."""
        match self.storage(table):
            case Storage.FLOAT32 | Storage.FLOAT16:
                return self.float32(table)
            case Storage.INT4_BLOCK:
                packed, scale = self.nibbles(table.name, table.values)
                return self._int4_floats(table.name, packed, scale, _blocks(table), [0])
            case _:
                return self._scaled(table.name, *self.int8_table(table))

    def int8_matrix(self, weight: Weight, treated: Treatment = AS_IT_IS) -> tuple[str, str]:
        """Store a linear weight for integer arithmetic: names of int8 [in, out] and of its scales [out].

        See `treated_values` for what is stored of a layer that treats outlier channels.
        """
        name, values = treated_values(weight, treated)
        if self.storage(weight) is Storage.INT4_DYNAMIC:
            return self._int8_of_pairs(name, values)
        return self.integers(name, values, integer_rounding.int8_without_saturation, Layout.FOR_PRODUCTS)

    def _float32_of_int8(self, weight: Weight, transposed: bool) -> str:
        layout = Layout.TRANSPOSED if transposed else Layout.AS_IS
        return self._scaled(weight.name, *self.integers(weight.name, weight.values, integer_rounding.int8, layout))

    def _int8_rows(self, name: str, table: Weight, ids: str) -> str:
        stored, scale = self.int8_table(table)
        rows = self._node("Gather", [stored, ids], f"{name}.int8")
        return self._scaled(name, rows, self._node("Gather", [scale, ids], f"{name}.scale"))

    def _int4_rows(self, name: str, table: Weight, ids: str) -> str:
        packed, scale = self.nibbles(table.name, table.values)
        rows = self._node("Gather", [packed, ids], f"{name}.int4")  # [B, S, H / 2]
        scales = self._node("Gather", [scale, ids], f"{name}.scale.float16")  # [B, S, blocks]
        return self._int4_floats(name, rows, scales, _blocks(table), [0, 0])

    def _int4_floats(self, name: str, packed: str, scales: str, blocks: int, kept: list[int]) -> str:
        """[…, H / 2] nibbles and […, blocks] scales → […, H]; `kept` is a 0 for each of the first axes."""
        low = self._node("BitwiseAnd", [packed, self.add("nibble", np.uint8(15))], f"{name}.low")
        high = self._node("BitShift", [packed, self.add("four", np.uint8(4))], f"{name}.high", direction="RIGHT")
        codes = self._cast(self._node("Concat", [low, high], f"{name}.codes", axis=-1), f"{name}.numbers")
        centred = self._node("Sub", [codes, self.add("eight", np.float32(8))], f"{name}.centred")
        column = self._node(
            "Unsqueeze",
            [self._cast(scales, f"{name}.scale32"), self.add("axis_last", np.array([-1]))],
            f"{name}.scale.column",
        )
        by_block = self.add(f"{name}.by_block", np.array([*kept, blocks, -1]))
        split = self._node("Reshape", [centred, by_block], f"{name}.blocks")
        product = self._node("Mul", [split, column], f"{name}.products")  # […, blocks, block]
        return self._node("Reshape", [product, self.add(f"{name}.by_row", np.array([*kept, -1]))], name)

    def _int8_of_pairs(self, weight: str, values: Array) -> tuple[str, str]:
        """Nodes over constants, folded when loaded, that give int8 [in, out] and scales [out] in float32.

        A byte is looked up in a table of all pairs: the fewest nodes that unpack it, which are bytes of the file too.
        """
        packed, scale = self.pairs(weight, values)
        rows = self._node("Cast", [packed], f"{weight}.pairs", to=TensorProto.INT32)
        table = self.add("pairs", integer_rounding.PAIRS)
        numbers = self._node("Gather", [table, rows], f"{weight}.numbers")  # [in · out / 2, 2]
        outputs, inputs = values.shape
        shape = self.add(f"shape.{inputs}.{outputs}", np.array([inputs, outputs]))
        return self._node("Reshape", [numbers, shape], f"{weight}.int8"), self._cast(scale, f"{weight}.scale")


def _blocks(table: Weight) -> int:
    """Scales of a row."""
    return integer_rounding.int4_scales(int(table.values.shape[1]))
