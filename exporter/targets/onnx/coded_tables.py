"""Embedding tables of an ONNX graph as codes into codebooks, and the nodes that make rows of them.

The codes of a token are gathered first, and by them the sub-vectors that make its row. Codebooks in int8 become floats
by nodes over constants alone, which ONNX Runtime folds when it loads the model: 256 rows of the table.
"""

from collections.abc import Callable, Mapping

import numpy as np
from onnx import TensorProto

from exporter.compression.weight_exceptions import Keep
from exporter.model.ops import Role, Weight
from exporter.targets.encoding.encoded_weights import Encode, EncodedWeights
from exporter.targets.encoding.storage import Storage
from exporter.targets.onnx.initialisers import Initialisers, Node


class CodedTables(Initialisers, EncodedWeights):
    """Encoded weights as initialisers, and the rows of tables in codes."""

    target = "onnx"

    def __init__(self, node: Node, storage: Mapping[Role, Storage], keep: Keep, encode: Encode) -> None:
        Initialisers.__init__(self, node)
        EncodedWeights.__init__(self, storage, keep, encode)

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
