"""Every stored weight of an ONNX model, held against the float weight that it stands for.

The store below takes the place of `targets.onnx_weights.WeightStore` while the expected graph is built: where that one
encodes a weight, this one reads what the file has under the same name, decodes it, and keeps neither.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from exporter import codebooks, quantize
from exporter.auditing import rounding
from exporter.auditing.codes import audit_codes
from exporter.auditing.findings import Audit, Finding
from exporter.auditing.onnx_file import StoredModel, StoredTensor
from exporter.auditing.rounding import Part
from exporter.encoder.ops import Array
from exporter.targets.onnx_weights import Layout, Quantise, WeightStore

_UNTRAINED = ("embeddings.position.", "embeddings.type.")


@dataclass
class Ledger:
    """What was compared so far, and what was found wrong; a name is compared once."""

    file: str
    findings: list[Finding] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    weights: int = 0
    rows: int = 0

    def wrong(self, subject: str, problem: object) -> None:
        """Note a finding."""
        self.findings.append(Finding(self.file, subject, str(problem)))

    def read(self, rows: int) -> None:
        """Count a weight."""
        self.weights += 1
        self.rows += rows

    @property
    def audit(self) -> Audit:
        """Both."""
        return Audit(tuple(self.findings), self.weights, self.rows)


class AuditedWeights(WeightStore):
    """Compares instead of storing. `stored` is the file's, `dimensions` the recipe's of a coded table.

    Without `exact` the values of what fine-tuning trained are not known, and are not compared.
    """

    stored: StoredModel
    ledger: Ledger
    dimensions: int | None
    exact: bool

    def add(self, name: str, values: Array | np.generic) -> str:
        """A constant: the file has the very same."""
        expected = np.asarray(values)
        tensor = self._tensor(name, expected.dtype, expected.shape)
        if tensor is not None and not np.array_equal(tensor.read(), expected):
            self.ledger.wrong(name, f"expected {_shown(expected)}, found {_shown(tensor.read())}")
        return name

    def floats(self, name: str, values: Array) -> str:
        """See WeightStore."""
        if tensor := self._tensor(name, np.dtype(np.float32), values.shape):
            self._compare(name, values, partial(_floats, tensor, values))
        return name

    def halves(self, name: str, values: Array) -> str:
        """See WeightStore."""
        if tensor := self._tensor(f"{name}.float16", np.dtype(np.float16), values.shape):
            self._compare(name, values, partial(_halves, tensor, values))
        return f"{name}.float16"

    def integers(self, name: str, values: Array, quantise: Quantise, layout: Layout = Layout.AS_IS) -> tuple[str, str]:
        """See WeightStore."""
        names = (f"{name}.int8", f"{name}.scale")
        shapes = (layout.integers(_shaped(values.shape)), layout.scales(_shaped((*values.shape[:-1], 1))))
        tensors = [
            self._tensor(one, np.dtype(kind), shape.shape)
            for one, kind, shape in zip(names, (np.int8, np.float32), shapes, strict=True)
        ]
        if tensors[0] and tensors[1]:
            q, scale = _lying(tensors[0], layout), _scales(tensors[1], values.shape, layout)
            self._compare(name, values, partial(_integers, q, scale, values, quantise))
        return names

    def nibbles(self, name: str, values: Array) -> tuple[str, str]:
        """See WeightStore."""
        names = (f"{name}.int4", f"{name}.scale")
        rows, width = values.shape
        packed = self._tensor(names[0], np.dtype(np.uint8), (rows, width // 2))
        scale = self._tensor(names[1], np.dtype(np.float16), (rows, quantize.int4_scales(width)))
        if packed and scale:
            self._compare(name, values, partial(_nibbles, packed, scale, values))
        return names

    def codes(self, name: str, values: Array, starts: str) -> tuple[str, str]:
        """See WeightStore."""
        dimensions = self.dimensions or values.shape[1]
        names, places = (f"{name}.codes", f"{name}.book.float16"), values.shape[1] // dimensions
        entries = codebooks.ENTRIES
        self.add_starts(starts, places, entries)
        codes = self._tensor(names[0], np.dtype(np.uint8), (len(values), places))
        book = self._tensor(names[1], np.dtype(np.float16), (places * entries, dimensions))
        if codes and book and self._new(name):
            self.ledger.read(len(values))
            if not self.exact:
                return names
            whole = book.read().astype(np.float32).reshape(places, entries, dimensions)
            for problem in audit_codes(values, codes.read(), whole):
                self.ledger.wrong(name, problem)
        return names

    def _tensor(self, name: str, dtype: "np.dtype[np.generic]", shape: tuple[int, ...]) -> StoredTensor | None:
        """The file's tensor of that name; None, and a finding, where it is missing or of another form."""
        first = name not in self._names
        self._names.add(name)
        tensor = self.stored.tensors.get(name)
        if tensor is not None and tensor.dtype == dtype and tensor.shape == shape:
            return tensor
        if first:
            found = "nothing of that name" if tensor is None else f"{tensor.dtype} {list(tensor.shape)}"
            self.ledger.wrong(name, f"expected {dtype} {list(shape)}, found {found}")
        return None

    def _new(self, name: str) -> bool:
        """Whether a weight was not compared yet: a tied table is met twice."""
        if name in self.ledger.names:
            return False
        self.ledger.names.add(name)
        return True

    def _compare(self, name: str, values: Array, parts: Callable[[float], Iterator[Part]]) -> None:
        if not self._new(name) or not (self.exact or name.startswith(_UNTRAINED)):
            return
        self.ledger.read(len(values) if values.ndim > 1 else 1)
        largest = max(float(values.max(initial=0)), -float(values.min(initial=0)))
        if beyond := rounding.first_beyond(parts(largest)):
            self.ledger.wrong(name, beyond)


def _floats(tensor: StoredTensor, values: Array, largest: float) -> Iterator[Part]:
    for rows in rounding.spans(values.shape):
        expected, found = values[rows], tensor.read(rows.start, rows.stop)
        if not np.array_equal(expected, found):
            yield rows.start, expected, found, rounding.float32_bound(expected, largest)


def _halves(tensor: StoredTensor, values: Array, largest: float) -> Iterator[Part]:
    for rows in rounding.spans(values.shape):
        expected, found = values[rows], tensor.read(rows.start, rows.stop)
        if not np.array_equal(expected.astype(np.float16), found):
            yield rows.start, expected, found.astype(np.float32), rounding.float16_bound(expected, largest)


def _integers(
    read: Callable[[slice], Array], scales: Array, values: Array, quantise: Quantise, largest: float
) -> Iterator[Part]:
    """The scales of some rows, then their values."""
    for rows in rounding.spans(values.shape):
        expected, scale = values[rows], scales[rows]
        _, wanted = quantise(expected)
        yield rows.start, wanted, scale, np.abs(wanted) * np.float32(rounding.SCALE_SHARE)
        found = read(rows).astype(np.float32) * scale
        yield rows.start, expected, found, rounding.int8_bound(wanted, largest)


def _nibbles(packed: StoredTensor, scales: StoredTensor, values: Array, _largest: float) -> Iterator[Part]:
    """By the function that rounds; where its choice of scales differs, each block is judged by itself."""
    for rows in rounding.spans(values.shape):
        expected, stored = values[rows], packed.read(rows.start, rows.stop)
        q, wanted = quantize.int4_blocks(expected)
        scale = scales.read(rows.start, rows.stop)
        if not (np.array_equal(quantize.pack_nibbles(q), stored) and np.array_equal(wanted, scale)):
            yield from rounding.int4_parts(rows.start, expected, quantize.unpack_nibbles(stored), scale)


def _lying(tensor: StoredTensor, layout: Layout) -> Callable[[slice], Array]:
    """Rows of int8 values [..., out, in]; those of a transposed matrix, which is small, are read whole."""
    if layout is Layout.AS_IS:
        return lambda rows: tensor.read(rows.start, rows.stop)
    whole = layout.integers(tensor.read())
    return lambda rows: whole[rows]


def _scales(tensor: StoredTensor, shape: tuple[int, ...], layout: Layout) -> Array:
    """[..., out, 1]."""
    stored = tensor.read()
    return stored.reshape(*shape[:-1], 1) if layout is not Layout.TRANSPOSED else stored.swapaxes(-1, -2)


def _shaped(shape: tuple[int, ...]) -> Array:
    """Something of that shape which takes no memory."""
    return np.broadcast_to(np.int8(0), shape)


def _shown(values: Array) -> str:
    flat = values.reshape(-1)
    inner = ", ".join(f"{value:.6g}" for value in flat[:6].tolist())
    return f"{values.dtype} {list(values.shape)} [{inner}{', …' if flat.size > 6 else ''}]"
