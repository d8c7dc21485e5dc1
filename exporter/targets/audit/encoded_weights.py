"""Audit of encoded weights, each compared with the float weight it stands for.

The class below comes before a target's store of weights while the expected graph is built: where that one encodes a
weight, this one reads what the file has under the same name, decodes it, and keeps neither.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from exporter.compression import integer_rounding
from exporter.model.ops import Array
from exporter.targets.audit import parts, rounding, trained_parts
from exporter.targets.audit.encoded_tables import AuditedTables
from exporter.targets.audit.held import HeldTensor
from exporter.targets.audit.rounding import Part
from exporter.targets.encoding.encoded_weights import Layout, Quantise

Compare = Callable[[float], Iterator[Part]]
"""A tensor's largest magnitude → its rows with their bounds."""
_ENCODER, _UNTRAINED = ("embeddings.", "layer.", "pooler."), ("embeddings.position.", "embeddings.type.")
"""Beginnings of names: fine-tuning trains LayerNorms everywhere, and what is in the encoder but these tables."""


class AuditedWeights(AuditedTables):
    """Compares instead of storing; a target says how its file packs int4.

    `outputs_axis`: along which axis of a float16 matrix its outputs lie.
    """

    outputs_axis: int

    @staticmethod
    @abstractmethod
    def unpack_nibbles(packed: Array) -> Array:
        """What `pack_nibbles` packed: uint8 of 0..15, [rows, H]."""

    @staticmethod
    @abstractmethod
    def unpack_pairs(packed: Array, shape: tuple[int, ...]) -> Array:
        """What `pack_pairs` packed: int8 of −8..7 in `shape`, [out, in]."""

    def add(self, name: str, values: Array | np.generic) -> str:
        """A constant: the file has the very same."""
        expected, first = np.asarray(values), name not in self._asked
        tensor = self._tensor(name, expected.dtype, expected.shape)
        if tensor is not None and first and not np.array_equal(tensor.read(), expected):
            self._tally.find(name, f"expected {_shown(expected)}, found {_shown(tensor.read())}")
        return name

    def floats(self, name: str, values: Array) -> str:
        """See EncodedWeights."""
        if tensor := self._tensor(name, np.dtype(np.float32), values.shape):
            compared: Callable[..., Iterator[Part]] = parts.floats
            if self._is_trained(name):
                compared = trained_parts.vector if values.ndim == 1 else trained_parts.rows
            self._compare(name, values, partial(compared, tensor, values))
        return name

    def halves(self, name: str, values: Array) -> str:
        """See EncodedWeights."""
        if tensor := self._tensor(f"{name}.float16", np.dtype(np.float16), values.shape):
            compared = partial(parts.halves, tensor, values)
            if self._is_trained(name):
                compared = partial(trained_parts.outputs, tensor, values, self.outputs_axis)
            self._compare(name, values, compared)
        return f"{name}.float16"

    def integers(self, name: str, values: Array, quantise: Quantise, layout: Layout = Layout.AS_IS) -> tuple[str, str]:
        """See EncodedWeights."""
        names = (f"{name}.int8", f"{name}.scale")
        kinds = (np.dtype(np.int8), quantise(np.zeros((1, 2), np.float32))[1].dtype)
        shapes = (layout.integers(_shaped(values.shape)), layout.scales(_shaped((*values.shape[:-1], 1))))
        tensors = [self._tensor(one, kind, shape.shape) for one, kind, shape in zip(names, kinds, shapes, strict=True)]
        if tensors[0] and tensors[1]:
            q, scale = lying(tensors[0], layout), scales(tensors[1], values.shape, layout)
            compared: Callable[..., Iterator[Part]] = parts.integers
            if self._is_trained(name):
                compared = trained_parts.products if name.startswith(self._held.products) else trained_parts.gained
            self._compare(name, values, partial(compared, q, scale, values, quantise))
        return names

    def nibbles(self, name: str, values: Array) -> tuple[str, str]:
        """See EncodedWeights."""
        names, (rows, width) = (f"{name}.int4", f"{name}.scale"), values.shape
        packed = self._tensor(names[0], np.dtype(np.uint8), (rows, width // 2))
        scale = self._tensor(names[1], np.dtype(np.float16), (rows, integer_rounding.int4_scales(width)))
        if packed and scale:
            q = partial(_unpacked_rows, packed, self.unpack_nibbles)
            self._compare(name, values, partial(parts.nibbles, q, scale, values, self.positive_scales))
        return names

    def pairs(self, name: str, values: Array) -> tuple[str, str]:
        """See EncodedWeights."""
        self.require_pairs(name, values)
        names = (f"{name}.int4", f"{name}.scale.float16")
        packed = self._tensor(names[0], np.dtype(np.uint8), self.pack_pairs(np.zeros(values.shape, np.int8)).shape)
        scale = self._tensor(names[1], np.dtype(np.float16), (len(values),))
        if packed and scale:
            compared = parts.pairs
            if self._is_trained(name):
                are_products = name.startswith(self._held.products)
                compared = trained_parts.pair_products if are_products else trained_parts.gained_pairs
            self._compare(name, values, partial(compared, partial(self.unpacked, packed, scale, values), values))
        return names

    def unpacked(self, packed: HeldTensor, stored: HeldTensor, values: Array) -> tuple[Array, Array]:
        """int8 [out, in] for `values`, a matrix that is small, and scales [out, 1]."""
        return self.unpack_pairs(packed.read(), values.shape), stored.read()[:, None]

    def _compare(self, name: str, values: Array, compared: Compare) -> None:
        if not self._new(name):
            return
        self._count(len(values) if values.ndim > 1 else 1)
        largest = max(float(values.max(initial=0)), -float(values.min(initial=0)))
        if beyond := rounding.first_beyond(compared(largest)):
            self._tally.find(name, str(beyond))

    def _is_trained(self, name: str) -> bool:
        if self._held.exact:
            return False
        trained = name.startswith(_ENCODER) and not name.startswith(_UNTRAINED)
        return trained or ".norm." in name or name.startswith(self._held.products)


def lying(tensor: HeldTensor, layout: Layout) -> Callable[[slice], Array]:
    """Rows of int8 values [..., out, in]; those of a transposed matrix, which is small, are read whole."""
    if layout is Layout.AS_IS:
        return lambda rows: tensor.read(rows.start, rows.stop)
    whole = layout.integers(tensor.read())
    return lambda rows: whole[rows]


def scales(tensor: HeldTensor, shape: tuple[int, ...], layout: Layout) -> Array:
    """[..., out, 1]."""
    stored = tensor.read()
    return stored.reshape(*shape[:-1], 1) if layout is not Layout.TRANSPOSED else stored.swapaxes(-1, -2)


def _unpacked_rows(packed: HeldTensor, unpack: Callable[[Array], Array], rows: slice) -> Array:
    return unpack(packed.read(rows.start, rows.stop))


def _shaped(shape: tuple[int, ...]) -> Array:
    """Something of that shape which takes no memory."""
    return np.broadcast_to(np.int8(0), shape)


def _shown(values: Array) -> str:
    flat = values.reshape(-1)
    inner = ", ".join(f"{value:.6g}" for value in flat[:6].tolist())
    return f"{values.dtype} {list(values.shape)} [{inner}{', …' if flat.size > 6 else ''}]"
