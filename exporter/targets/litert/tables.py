"""Rows of embedding tables, in every form that a table is stored in.

Rows are looked up first and made floats after, so that a table stays small in memory too. GATHER takes ids of any
rank; EMBEDDING_LOOKUP makes floats of int4 blocks by itself, and takes a vector of ids alone.
"""

from collections.abc import Callable

from exporter.compression import integer_rounding, product_quantization
from exporter.model.ops import Weight
from exporter.targets.encoding.storage import Storage
from exporter.targets.litert.graph import Graph, Scaled
from exporter.targets.litert.weights import WeightStore, codebook_shape, int8_row
from runtimes.errors import LoweringError
from runtimes.tflite.model import FREE

Take = Callable[[str, str], str]
"""`take(stored, name)`: some rows of a stored tensor, as they are stored."""


class Tables(Graph):
    """`ids` is the tensor that says how many rows and tokens there are."""

    def __init__(self, key: str, length: int, weights: WeightStore) -> None:
        super().__init__(key, length, weights.add)
        self.weights = weights
        self._ids = ""

    def table_rows(self, name: str, table: Weight, ids: str) -> str:
        """Float32 rows of a table [rows, H] at `ids` [B, S]: [B, S, H]."""
        if self.weights.storage(table) is Storage.INT4_BLOCK:
            return self._int4_rows(name, table, ids)
        return self._rows(name, table, lambda stored, rows: self._gather(stored, ids, rows))

    def first_rows(self, name: str, table: Weight) -> str:
        """The first float32 rows of a table [rows, H], one for each token: [S, H]."""
        return self._rows(name, table, self._first)

    def _rows(self, name: str, table: Weight, take: Take) -> str:
        match self.weights.storage(table):
            case Storage.FLOAT32:
                stored = self.stored(self.weights.floats(table.name, table.values), "float32", table.values.shape)
                return take(stored, name)
            case Storage.FLOAT16:
                half = self.stored(self.weights.halves(table.name, table.values), "float16", table.values.shape)
                return self._dequantized(take(half, f"{name}.float16"), name)
            case Storage.CODES:
                return self._coded_rows(name, table, take)
            case Storage.CODES_INT8:
                return self._narrow_rows(name, table, take)
            case Storage.SHARED_CODES:
                return self._shared_rows(name, table, take)
            case _:
                stored, scale = self.int8_table(table)
                unscaled = self.cast(take(stored, f"{name}.int8"), f"{name}.unscaled", "float32")
                scales = self._dequantized(take(scale, f"{name}.scale.float16"), f"{name}.scale")
                return self.arithmetic("MUL", unscaled, scales, name)

    def int8_table(self, table: Weight) -> tuple[str, str]:
        """A table [rows, H] as int8, and its float16 scales [rows, 1]: constants."""
        stored, scale = self.weights.integers(table.name, table.values, int8_row)
        rows, width = table.values.shape
        return self.stored(stored, "int8", (rows, width)), self.stored(scale, "float16", (rows, 1))

    def int4_table(self, table: Weight) -> str:
        """A table [rows, H] as int4 by blocks: a constant that its reader makes floats of."""
        rows, width = table.values.shape
        if width % 2:
            odd = f"litert: {table.name} has rows of {width} numbers, and int4 packs two in a byte"
            raise LoweringError(f"{odd}; use --quantize int8")
        stored, scale = self.weights.nibbles(table.name, table.values)
        blocks = integer_rounding.int4_scales(width)
        scales = self.stored(scale, "float16", (rows, blocks))
        return self.scaled(stored, stored, "int4", (rows, width), Scaled(scales, width // blocks))

    def token_shape(self, width: int) -> tuple[int, ...]:
        """[B, S, width]."""
        return (self.rows, self.length, width)

    def _int4_rows(self, name: str, table: Weight, ids: str) -> str:
        width = table.values.shape[1]
        flat = self.reshaped(ids, f"{ids}.flat", (self._tokens,))
        rows = self.node(
            "EMBEDDING_LOOKUP", [flat, self.int4_table(table)], f"{name}.flat", (self._tokens, width), version=4
        )
        return self._by_token(rows, name, width)

    def _coded_rows(self, name: str, table: Weight, take: Take) -> str:
        stored, codebook = self.weights.codes(table.name, table.values, f"{name}.starts")
        return self._dequantized(
            self._rows_of(f"{name}.float16", name, table, (stored, codebook, "float16"), take), name
        )

    def _narrow_rows(self, name: str, table: Weight, take: Take) -> str:
        stored, codebook, scale = self.weights.narrow_codes(table.name, table.values, f"{name}.starts")
        rows = self._rows_of(f"{name}.int8", name, table, (stored, codebook, "int8"), take)
        unscaled = self.cast(rows, f"{name}.unscaled", "float32")
        return self.arithmetic("MUL", unscaled, self.stored(scale, "float32", (1, 1)), name)

    def _rows_of(self, result: str, name: str, table: Weight, coded: tuple[str, str, str], take: Take) -> str:
        """Sub-vectors side by side, as they are stored, by the codes of each token and where its codebooks start."""
        (stored, codebook, dtype), (rows, width) = coded, table.values.shape
        places = self.weights.places(stored)
        codes = take(self.stored(stored, "uint8", (rows, places)), f"{name}.codes")
        starts = self.stored(f"{name}.starts", "int32", (places,))
        entries = self.arithmetic("ADD", self.cast(codes, f"{name}.wide", "int32"), starts, f"{name}.entries")
        book = self.stored(codebook, dtype, codebook_shape(places, width))
        vectors = self._gather(book, entries, f"{name}.sub_vectors")  # [B, S, places, d]
        return self._by_token(vectors, result, width)

    def _shared_rows(self, name: str, table: Weight, take: Take) -> str:
        stored, codebook = self.weights.shared_codes(table.name, table.values)
        rows, width = table.values.shape
        dimensions = product_quantization.shared_width(width)
        codes = take(self.stored(stored, "uint8", (rows, width // dimensions)), f"{name}.codes")
        book = self.stored(codebook, "float16", (product_quantization.ENTRIES, dimensions))
        vectors = self._gather(book, self.cast(codes, f"{name}.wide", "int32"), f"{name}.sub_vectors")
        if len(self.shape(codes)) == 2:
            flat = self.reshaped(vectors, f"{name}.float16", (self.shape(codes)[0], width))
        else:
            flat = self._by_token(vectors, f"{name}.float16", width)
        return self._dequantized(flat, name)

    def _gather(self, table: str, ids: str, name: str) -> str:
        one = self.values[table]
        shape = (*self.shape(ids), *one.shape[1:])
        return self.node("GATHER", [table, ids], name, shape, one.dtype, 2 if one.dtype == "int8" else 1, axis=0)

    def _first(self, table: str, name: str) -> str:
        one = self.values[table]
        width = one.shape[1]
        begin = self.integers("zero.zero", [0, 0])
        if self.length == FREE:
            size = self.sizes(f"size.tokens.{width}", self._number_of_tokens(), width)
        else:
            size = self.integers(f"size.{self.length}.{width}", [self.length, width])
        version = 2 if one.dtype in ("int8", "uint8") else 1
        return self.node("SLICE", [table, begin, size], name, (self.length, width), one.dtype, version)

    def _number_of_tokens(self) -> str:
        """[1], known when the caller has resized the inputs."""
        return self.part(self.sizes_of_ids(), "number_of_tokens", 0, (1, 2), 1)

    def sizes_of_ids(self) -> str:
        """The sizes [2] of what the model reads, rows and tokens."""
        return self.node("SHAPE", [self._ids], "rows_and_tokens", (2,), "int32", out_type=2)

    def _by_token(self, x: str, name: str, width: int) -> str:
        """[B, S, …] or [B · S, …] with `width` numbers for each token, as [B, S, width]."""
        if self.length != FREE:
            return self.reshaped(x, name, self.token_shape(width))
        sizes = self.sizes(f"sizes.{width}", self.sizes_of_ids(), width)
        return self.reshaped(x, name, self.token_shape(width), sizes)

    def _dequantized(self, half: str, name: str) -> str:
        """float16 as float32."""
        return self.node("DEQUANTIZE", [half], name, self.shape(half), version=3)

    @property
    def _tokens(self) -> int:
        """All tokens of all rows."""
        return self.length if self.length == FREE else self.rows * self.length
