"""Embedding tables of an ONNX graph as codes into codebooks, and the nodes that make rows of them.

The codes of a token are gathered first, and by them the sub-vectors that make its row. Codebooks in int8 become floats
by nodes over constants alone, which ONNX Runtime folds when it loads the model: 256 rows of the table.
"""

from collections.abc import Callable

import numpy as np
from onnx import TensorProto

from exporter.compression.product_quantization import ProductCodes, int8_codebooks, shared_quantise
from exporter.model.ops import Array, Weight
from exporter.targets.onnx.initialisers import Initialisers, Node

Encode = Callable[[Array], ProductCodes]
"""A table [rows, H] → its codes."""


class CodedTables(Initialisers):
    """`encode` gives the codes of the word table."""

    def __init__(self, node: Node, encode: Encode) -> None:
        super().__init__(node)
        self._encode = encode

    def codes(self, name: str, values: Array, starts: str) -> tuple[str, str]:
        """Store a table as codes [rows, places] into codebooks [places · entries, d]: names of both.

        Where the codebook of each place starts is stored too, under the name `starts`.
        """
        coded = self._encode(values)
        places, entries, _ = coded.codebook.shape
        self.add_starts(starts, places, entries)
        codebook = self.add(f"{name}.book.float16", coded.codebook.reshape(places * entries, -1).astype(np.float16))
        return self.add(f"{name}.codes", coded.codes), codebook

    def narrow_codes(self, name: str, values: Array, starts: str) -> tuple[str, str, str]:
        """As `codes`, with the codebooks in int8: names of codes, codebooks and their scale [1, 1]."""
        coded = self._encode(values)
        places, entries, width = coded.codebook.shape
        self.add_starts(starts, places, entries)
        q, scale = int8_codebooks(coded.codebook)
        codebook = self.add(f"{name}.book.int8", q.reshape(places * entries, width))
        floats = self.add(f"{name}.book.scale", scale.astype(np.float32))
        return self.add(f"{name}.codes", coded.codes), codebook, floats

    def shared_codes(self, name: str, values: Array) -> tuple[str, str]:
        """Store a table as codes [rows, places] into one codebook [entries, d] for all places: names of both."""
        coded = shared_quantise(values)
        codebook = self.add(f"{name}.book.float16", coded.codebook[0].astype(np.float16))
        return self.add(f"{name}.codes", coded.codes), codebook

    def add_starts(self, name: str, places: int, entries: int) -> str:
        """Store the first row of each place's codebook, int32 [places]."""
        return self.add(name, np.arange(places, dtype=np.int32) * entries)

    def _coded_rows(self, name: str, table: Weight, ids: str) -> str:
        """Float32 rows [B, S, H]; what is float16 becomes floats last."""
        starts = f"{name}.starts"
        stored, codebook = self.codes(table.name, table.values, starts)
        rows = self._rows_of(f"{name}.float16", name, self._entries(name, stored, ids, starts), codebook)
        return self._cast(rows, name)

    def _narrow_rows(self, name: str, table: Weight, ids: str) -> str:
        """Float32 rows [B, S, H]."""
        starts = f"{name}.starts"
        stored, codebook, scale = self.narrow_codes(table.name, table.values, starts)
        floats = self._scaled(f"{name}.book", codebook, scale)
        return self._rows_of(name, name, self._entries(name, stored, ids, starts), floats)

    def _shared_rows(self, name: str, table: Weight, ids: str) -> str:
        """Float32 rows [B, S, H]."""
        stored, codebook = self.shared_codes(table.name, table.values)
        codes = self._wide(name, self._node("Gather", [stored, ids], f"{name}.codes"))
        return self._cast(self._rows_of(f"{name}.float16", name, codes, codebook), name)

    def _first_shared_rows(self, name: str, table: Weight, first: Callable[[str, str], str]) -> str:
        """The first float32 rows [S, H]; `first` gives those of a tensor, under a name."""
        stored, codebook = self.shared_codes(table.name, table.values)
        codes = self._wide(name, first(stored, f"{name}.codes"))
        parts = self._node("Gather", [codebook, codes], f"{name}.sub_vectors")  # [S, H / d, d]
        return self._cast(self._node("Flatten", [parts], f"{name}.float16"), name)

    def _entries(self, name: str, codes: str, ids: str, starts: str) -> str:
        """Rows of the codebooks for each token, int32 [B, S, H / d]."""
        wide = self._wide(name, self._node("Gather", [codes, ids], f"{name}.codes"))
        return self._node("Add", [wide, starts], f"{name}.entries")

    def _wide(self, name: str, codes: str) -> str:
        return self._node("Cast", [codes], f"{name}.codes.wide", to=TensorProto.INT32)

    def _rows_of(self, result: str, name: str, entries: str, codebook: str) -> str:
        sub_vectors = self._node("Gather", [codebook, entries], f"{name}.stretches")  # [B, S, H / d, d]
        return self._node("Reshape", [sub_vectors, self.add(f"{name}.by_row", np.array([0, 0, -1]))], result)
