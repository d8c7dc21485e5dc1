"""Audit of tables stored as codes, and what every comparison of encoded weights shares."""

from typing import Any

import numpy as np

from exporter.compression import product_quantization
from exporter.compression.product_quantization import ProductCodes
from exporter.model.ops import Array
from exporter.targets.audit.codes import audit_codes, audit_trained_codes
from exporter.targets.audit.held import Held, HeldTensor
from exporter.targets.audit.tally import Tally
from exporter.targets.encoding.encoded_weights import EncodedWeights


class AuditedTables(EncodedWeights):
    """Compares codes instead of storing them.

    Comes before a target's own store among the bases of a class; `given` is what that one is made of.
    """

    def __init__(self, held: Held, tally: Tally, *given: Any) -> None:
        super().__init__(*given)
        self._held, self._tally = held, tally
        self._asked: set[str] = set()
        self._compared: set[str] = set()

    @property
    def met(self) -> frozenset[str]:
        """Names of all tensors so far."""
        return frozenset(self._asked)

    def codes(self, name: str, values: Array, starts: str) -> tuple[str, str]:
        """See EncodedWeights."""
        names = (f"{name}.codes", f"{name}.book.float16")
        codes, codebook = self._word_tensors(names, np.dtype(np.float16), values, starts)
        if codes and codebook and self._new(name):
            self._compare_codes(name, values, codes.read(), codebook.read().astype(np.float32), 0.0)
        return names

    def narrow_codes(self, name: str, values: Array, starts: str) -> tuple[str, str, str]:
        """See EncodedWeights."""
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
        """See EncodedWeights; of positions, which training leaves as they are."""
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

    def word_places(self, width: int) -> int:
        """Codes of a row of the word table, whose rows hold `width` numbers."""
        return width // (self._held.dimensions or width)

    def _word_tensors(
        self, names: tuple[str, ...], dtype: "np.dtype[np.generic]", values: Array, starts: str
    ) -> tuple[HeldTensor | None, HeldTensor | None]:
        """Codes and codebooks, these of `dtype`."""
        places, entries = self.word_places(values.shape[1]), product_quantization.ENTRIES
        dimensions = self._held.dimensions or values.shape[1]
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

    def _tensor(self, name: str, dtype: "np.dtype[np.generic]", shape: tuple[int, ...]) -> HeldTensor | None:
        """The file's tensor of that name; None, and a finding, where it is missing or of another form."""
        first = name not in self._asked
        self._asked.add(name)
        tensor = self._held.tensors.get(name)
        if tensor is not None and tensor.dtype == dtype and tensor.shape == shape:
            return tensor
        if first:
            found = "nothing of that name" if tensor is None else f"{tensor.dtype} {list(tensor.shape)}"
            self._tally.find(name, f"expected {dtype} {list(shape)}, found {found}")
        return None

    def _new(self, name: str) -> bool:
        """Whether a weight was not compared yet: a tied table is met twice, and all are in each of several graphs."""
        first = name not in self._compared
        self._compared.add(name)
        return first

    def _count(self, rows: int) -> None:
        self._tally.weights += 1
        self._tally.rows += rows


def no_codes(_table: Array) -> ProductCodes:
    """What makes codes where none are to be made."""
    raise AssertionError("an audit reads codes and makes none")
