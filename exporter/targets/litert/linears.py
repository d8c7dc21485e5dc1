"""Linear layers: in floats, or in integers with activations rounded by token at run time."""

from exporter.compression.integer_rounding import int8
from exporter.compression.outlier_channels import AS_IT_IS, Treatments
from exporter.model.ops import Array, Weight
from exporter.targets.encoding.encoded_weights import treated_values
from exporter.targets.encoding.storage import IN_INTEGERS, Storage
from exporter.targets.litert.graph import Scaled
from exporter.targets.litert.tables import Tables
from exporter.targets.litert.weights import WeightStore
from runtimes.errors import LoweringError

_FLOATS, _WITHOUT_BIAS, _INTEGERS = 5, 6, 12
"""Versions of FULLY_CONNECTED that keeps its dimensions: with a bias, without one, with int8 or int4 by channel."""
LEAST_INT4 = 32
"""Numbers of a row in blocks of int4 that a product is made with."""


class Linears(Tables):
    """`outliers` says how products in integers treat outlier channels."""

    def __init__(self, key: str, length: int, weights: WeightStore, outliers: Treatments) -> None:
        super().__init__(key, length, weights)
        self._outliers = outliers

    def linear(self, name: str, x: str, weight: Weight, bias: Weight | None) -> str:
        """See Ops."""
        vector = None if bias is None else self.vector(bias)
        if self.weights.storage(weight) in IN_INTEGERS:
            return self._dynamic_linear(name, x, weight, vector)
        return self._product(name, x, self._matrix(weight), vector)

    def row_products(self, name: str, x: str, table: Weight, bias: Weight, rest: Weight | None = None) -> str:
        """See Ops. The table lies there once, for lookups and for this."""
        if rest is None:
            return self._product(name, x, self._table_matrix(table), self.vector(bias))
        width = table.values.shape[1]
        within = self._product(
            f"{name}.within",
            self.part(x, f"{x}.within", 2, (0, width), width),
            self._table_matrix(table),
            self.vector(bias),
        )
        beyond = rest.values.shape[1]
        last = self.part(x, f"{x}.beyond", 2, (width, width + beyond), beyond)
        return self.arithmetic("ADD", within, self.linear(f"{name}.beyond", last, rest, None), name)

    def vector(self, weight: Weight) -> str:
        """A bias or a gain, float32."""
        return self.stored(self.weights.floats(weight.name, weight.values), "float32", weight.values.shape)

    def _dynamic_linear(self, name: str, x: str, weight: Weight, bias: str | None) -> str:
        """y = x · ŵ + b; LiteRT rounds each token's numbers to 8 bits by their own range, and ŵ is int8 or int4."""
        treated = self._outliers.get(weight.name, AS_IT_IS)
        if treated.factors is not None:
            x = self.arithmetic("MUL", x, self.constant(f"{x}.smoothing", 1 / treated.factors), f"{x}.smooth")
        return self._product(name, x, self._integer_matrix(weight, *treated_values(weight, treated)), bias)

    def _integer_matrix(self, weight: Weight, name: str, values: Array) -> str:
        """A constant [out, in] of int8 or int4."""
        if self.weights.storage(weight) is Storage.INT4_DYNAMIC:
            stored, scales = self.weights.pairs(name, values)
            return self.scaled(stored, stored, "int4", values.shape, Scaled(scales))
        stored, scales = self.weights.integers(name, values, int8)
        return self.scaled(stored, stored, "int8", values.shape, Scaled(scales))

    def _matrix(self, weight: Weight) -> str:
        """The float32 values of a weight [out, in]: as they are, or made when the model is loaded."""
        values = weight.values
        match self.weights.storage(weight):
            case Storage.FLOAT32:
                return self.stored(self.weights.floats(weight.name, values), "float32", values.shape)
            case Storage.FLOAT16:
                half = self.stored(self.weights.halves(weight.name, values), "float16", values.shape)
                return self._dequantized(half, weight.name)
            case _:
                stored, scales = self.weights.integers(weight.name, values, int8)
                constant = self.scaled(stored, stored, "int8", values.shape, Scaled(scales))
                return self.node("DEQUANTIZE", [constant], weight.name, values.shape, version=5)

    def _table_matrix(self, table: Weight) -> str:
        """A table [rows, H] as a product reads it."""
        match self.weights.storage(table):
            case Storage.FLOAT32 | Storage.FLOAT16:
                return self._matrix(table)
            case Storage.INT4_BLOCK:
                return self._int4_matrix(table)
            case _:
                self.int8_table(table)
                stored, how, shape = f"{table.name}.int8", Scaled(f"{table.name}.scale"), table.values.shape
                matrix = self.scaled(f"{table.name}.matrix", stored, "int8", shape, how)
                if self.weights.integer_products(table):
                    return matrix
                return self.node("DEQUANTIZE", [matrix], f"{table.name}.floats", shape, version=5)

    def _int4_matrix(self, table: Weight) -> str:
        """A table as int4 by blocks. Seen with LiteRT 2.3.0: products of fewer numbers are wrong, without a word."""
        width = table.values.shape[1]
        if width < LEAST_INT4:
            found = (
                f"litert: {table.name} has rows of {width} numbers, and LiteRT multiplies int4 by {LEAST_INT4} or more"
            )
            raise LoweringError(f"{found}; use --quantize int8")
        return self.int4_table(table)

    def _product(self, name: str, x: str, matrix: str, bias: str | None) -> str:
        version = _INTEGERS if self.values[matrix].scaled else _WITHOUT_BIAS if bias is None else _FLOATS
        shape = (*self.shape(x)[:-1], self.shape(matrix)[0])
        inputs = [x, matrix] if bias is None else [x, matrix, bias]
        return self.node(
            "FULLY_CONNECTED", inputs, name, shape, version=version, activation=0, keep_dims=True, asymmetric=True
        )
