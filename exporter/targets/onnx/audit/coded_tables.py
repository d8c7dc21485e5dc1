"""Audit of the coded tables of an ONNX model, and what every weight of it is held against."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from exporter.compression import product_quantization
from exporter.compression.product_quantization import ProductCodes
from exporter.compression.weight_exceptions import Keep
from exporter.model.ops import Array, Role
from exporter.targets.audit.codes import audit_codes, audit_trained_codes
from exporter.targets.audit.tally import Tally
from exporter.targets.encoding.storage import Storage
from exporter.targets.onnx.audit.file import StoredModel, StoredTensor
from exporter.targets.onnx.initialisers import Node
from exporter.targets.onnx.weights import WeightStore


@dataclass(frozen=True)
class Held:
    """What the weights are held against: the file's, and what of the recipe and the model decides how.

    `dimensions` are the recipe's of a coded table. Without `exact` what fine-tuning trained is not known: of linear
    layers a gain of each row, of tables the codebook, and vectors; the rest is, and is compared. `products` are the
    beginnings of names of products of two layers: the gains lie between them, and no row shows them.
    """

    stored: StoredModel
    dimensions: int | None
    exact: bool
    products: tuple[str, ...] = ()


class AuditedTables(WeightStore):
    """Compares codes instead of storing them."""

    def __init__(
        self, node: Node, storage: Mapping[Role, Storage], keep: Keep, tied: bool, held: Held, tally: Tally
    ) -> None:
        super().__init__(node, storage, keep, tied, no_codes)
        self._held, self._tally = held, tally
        self._compared: set[str] = set()

    def codes(self, name: str, values: Array, starts: str) -> tuple[str, str]:
        """See CodedTables."""
        names = (f"{name}.codes", f"{name}.book.float16")
        codes, codebook = self._word_tensors(names, np.dtype(np.float16), values, starts)
        if codes and codebook and self._new(name):
            self._compare_codes(name, values, codes.read(), codebook.read().astype(np.float32), 0.0)
        return names

    def narrow_codes(self, name: str, values: Array, starts: str) -> tuple[str, str, str]:
        """See CodedTables."""
        names = (f"{name}.codes", f"{name}.book.int8", f"{name}.book.scale")
        codes, codebook = self._word_tensors(names[:2], np.dtype(np.int8), values, starts)
        scale = self._tensor(names[2], np.dtype(np.float32), (1, 1))
        if codes and codebook and scale and self._new(name):
            step, q = scale.read(), codebook.read()
            if np.abs(q.astype(np.int16)).max(initial=0) > 127 or not step > 0:
                self._tally.find(name, "expected codebooks in ±127 and a positive scale, found others")
            self._compare_codes(name, values, codes.read(), q * step, float(step[0, 0]))
        return names

    def shared_codes(self, name: str, values: Array) -> tuple[str, str]:
        """See CodedTables; of positions, which training leaves as they are."""
        width, entries = product_quantization.shared_width(values.shape[1]), product_quantization.ENTRIES
        names = (f"{name}.codes", f"{name}.book.float16")
        codes = self._tensor(names[0], np.dtype(np.uint8), (len(values), values.shape[1] // width))
        codebook = self._tensor(names[1], np.dtype(np.float16), (entries, width))
        if codes and codebook and self._new(name):
            self._count(len(values))
            points, centroids = np.ascontiguousarray(values).reshape(-1, width), codebook.read().astype(np.float32)
            for problem in audit_codes(points, codes.read().reshape(-1, 1), centroids[None]):
                self._tally.find(name, problem)
        return names

    def _word_tensors(
        self, names: tuple[str, ...], dtype: "np.dtype[np.generic]", values: Array, starts: str
    ) -> tuple[StoredTensor | None, StoredTensor | None]:
        """Codes and codebooks, these of `dtype`."""
        dimensions, entries = self._held.dimensions or values.shape[1], product_quantization.ENTRIES
        places = values.shape[1] // dimensions
        self.add_starts(starts, places, entries)
        codes = self._tensor(names[0], np.dtype(np.uint8), (len(values), places))
        return codes, self._tensor(names[1], dtype, (places * entries, dimensions))

    def _compare_codes(self, name: str, values: Array, codes: Array, codebook: Array, step: float) -> None:
        self._count(len(values))
        whole = codebook.reshape(codes.shape[1], -1, codebook.shape[1])
        exact = self._held.exact
        problems = audit_codes(values, codes, whole, step) if exact else audit_trained_codes(values, codes, whole)
        for problem in problems:
            self._tally.find(name, problem)

    def _tensor(self, name: str, dtype: "np.dtype[np.generic]", shape: tuple[int, ...]) -> StoredTensor | None:
        """The file's tensor of that name; None, and a finding, where it is missing or of another form."""
        first = name not in self._names
        self._names.add(name)
        tensor = self._held.stored.tensors.get(name)
        if tensor is not None and tensor.dtype == dtype and tensor.shape == shape:
            return tensor
        if first:
            found = "nothing of that name" if tensor is None else f"{tensor.dtype} {list(tensor.shape)}"
            self._tally.find(name, f"expected {dtype} {list(shape)}, found {found}")
        return None

    def _new(self, name: str) -> bool:
        """Whether a weight was not compared yet: a tied table is met twice."""
        first = name not in self._compared
        self._compared.add(name)
        return first

    def _count(self, rows: int) -> None:
        self._tally.weights += 1
        self._tally.rows += rows


def no_codes(_table: Array) -> ProductCodes:
    """What makes codes where none are to be made."""
    raise AssertionError("an audit reads codes and makes none")
