"""Audit of the weights of an ONNX model, each compared with the float weight it stands for.

The store below takes the place of `targets.onnx.weights.WeightStore` while the expected graph is built: where that one
encodes a weight, this one reads what the file has under the same name, decodes it, and keeps neither.
"""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from exporter.compression import integer_rounding
from exporter.model.ops import Array
from exporter.targets.audit import rounding
from exporter.targets.audit.rounding import Part
from exporter.targets.encoding.encoded_weights import Layout, Quantise
from exporter.targets.onnx.audit.coded_tables import AuditedTables
from exporter.targets.onnx.audit.coded_tables import Held as Held
from exporter.targets.onnx.audit.coded_tables import no_codes as no_codes
from exporter.targets.onnx.audit.file import StoredTensor

_ENCODER, _UNTRAINED = ("embeddings.", "layer.", "pooler."), ("embeddings.position.", "embeddings.type.")
"""Beginnings of names: fine-tuning trains LayerNorms everywhere, and what is in the encoder but these tables."""
_MOST, _MOST_GAIN, _MOST_TURN, _GAIN_NOISE = 1e30, 0.999, 0.2, 1e-3
"""A trained vector is a number; a gain is positive and below 2; a row of a product points where it did; and what a gain
by least squares of rounded numbers may be off."""
_SHORT = np.float32(1e-12)


class AuditedWeights(AuditedTables):
    """Compares instead of storing."""

    def add(self, name: str, values: Array | np.generic) -> str:
        """A constant: the file has the very same."""
        expected = np.asarray(values)
        tensor = self._tensor(name, expected.dtype, expected.shape)
        if tensor is not None and not np.array_equal(tensor.read(), expected):
            self._tally.find(name, f"expected {_shown(expected)}, found {_shown(tensor.read())}")
        return name

    def floats(self, name: str, values: Array) -> str:
        """See WeightStore."""
        if tensor := self._tensor(name, np.dtype(np.float32), values.shape):
            compared: Callable[..., Iterator[Part]] = _floats
            if self._is_trained(name):
                compared = _trained_vector if values.ndim == 1 else _trained_rows
            self._compare(name, values, partial(compared, tensor, values))
        return name

    def halves(self, name: str, values: Array) -> str:
        """See WeightStore."""
        if tensor := self._tensor(f"{name}.float16", np.dtype(np.float16), values.shape):
            compared = _trained_columns if self._is_trained(name) else _halves
            self._compare(name, values, partial(compared, tensor, values))
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
            compared: Callable[..., Iterator[Part]] = _integers
            if self._is_trained(name):
                compared = _products if name.startswith(self._held.products) else _gained
            self._compare(name, values, partial(compared, q, scale, values, quantise))
        return names

    def nibbles(self, name: str, values: Array) -> tuple[str, str]:
        """See WeightStore."""
        names = (f"{name}.int4", f"{name}.scale")
        rows, width = values.shape
        packed = self._tensor(names[0], np.dtype(np.uint8), (rows, width // 2))
        scale = self._tensor(names[1], np.dtype(np.float16), (rows, integer_rounding.int4_scales(width)))
        if packed and scale:
            self._compare(name, values, partial(_nibbles, packed, scale, values))
        return names

    def pairs(self, name: str, values: Array) -> tuple[str, str]:
        """See WeightStore."""
        names = (f"{name}.int4", f"{name}.scale.float16")
        packed = self._tensor(names[0], np.dtype(np.uint8), (values.size // 2,))
        scale = self._tensor(names[1], np.dtype(np.float16), (len(values),))
        if packed and scale:
            compared = _pairs
            if self._is_trained(name):
                compared = _pair_products if name.startswith(self._held.products) else _gained_pairs
            self._compare(name, values, partial(compared, packed, scale, values))
        return names

    def _compare(self, name: str, values: Array, parts: Callable[[float], Iterator[Part]]) -> None:
        if not self._new(name):
            return
        self._count(len(values) if values.ndim > 1 else 1)
        largest = max(float(values.max(initial=0)), -float(values.min(initial=0)))
        if beyond := rounding.first_beyond(parts(largest)):
            self._tally.find(name, str(beyond))

    def _is_trained(self, name: str) -> bool:
        if self._held.exact:
            return False
        trained = name.startswith(_ENCODER) and not name.startswith(_UNTRAINED)
        return trained or ".norm." in name or name.startswith(self._held.products)


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


def _trained_vector(tensor: StoredTensor, _values: Array, _largest: float) -> Iterator[Part]:
    """Numbers, whatever they are."""
    found = tensor.read()
    yield 0, np.zeros_like(found), found, np.array(_MOST, np.float32)


def _trained_rows(tensor: StoredTensor, values: Array, _largest: float) -> Iterator[Part]:
    """A small table [rows, n]: the direction of each row that has one."""
    yield _turned(0, values, tensor.read())


def _trained_columns(tensor: StoredTensor, values: Array, _largest: float) -> Iterator[Part]:
    """Values [in, out] of outlier channels or of a kept matrix: a gain for each column, by least squares."""
    found = tensor.read().astype(np.float32)
    gain = (found * values).sum(0) / np.maximum(np.square(values).sum(0), np.float32(1e-30))
    yield 0, np.ones_like(gain), gain, np.array(_MOST_GAIN, np.float32)
    bound = rounding.float16_bound(found, 0.0) + np.float32(_GAIN_NOISE) * np.abs(found)
    yield 0, values * gain, found, bound


def _gained(
    read: Callable[[slice], Array], scales: Array, values: Array, quantise: Quantise, largest: float
) -> Iterator[Part]:
    """As `_integers`, with a trained gain for each row: the scale has it, and the integers are as without."""
    for rows in rounding.spans(values.shape):
        expected = values[rows]
        _, wanted = quantise(expected)
        gain = scales[rows] / wanted
        yield rows.start, np.ones_like(gain), gain, np.array(_MOST_GAIN, np.float32)
        yield rows.start, expected, read(rows).astype(np.float32) * wanted, rounding.int8_bound(wanted, largest)


def _products(
    read: Callable[[slice], Array], scales: Array, values: Array, _quantise: Quantise, _largest: float
) -> Iterator[Part]:
    """Of a product of two layers whose gains lie between them: the direction of each row that has one."""
    for rows in rounding.spans(values.shape):
        yield _turned(rows.start, values[rows], read(rows).astype(np.float32) * scales[rows])


def _turned(start: int, expected: Array, found: Array) -> Part:
    """The cosine of each row; 1 where one of the two has no length."""
    lengths = np.sqrt(np.square(expected).sum(-1) * np.square(found).sum(-1))
    cosine = np.where(lengths <= _SHORT, np.float32(1), (expected * found).sum(-1) / np.maximum(lengths, _SHORT))
    return start, np.ones_like(cosine), cosine, np.array(_MOST_TURN, np.float32)


def _nibbles(packed: StoredTensor, scales: StoredTensor, values: Array, _largest: float) -> Iterator[Part]:
    """By the function that rounds; where its choice of scales differs, each block is judged by itself."""
    for rows in rounding.spans(values.shape):
        expected, stored = values[rows], packed.read(rows.start, rows.stop)
        q, wanted = integer_rounding.int4_blocks(expected)
        scale = scales.read(rows.start, rows.stop)
        if not (np.array_equal(integer_rounding.pack_nibbles(q), stored) and np.array_equal(wanted, scale)):
            yield from rounding.int4_parts(rows.start, expected, integer_rounding.unpack_nibbles(stored), scale)


def _pairs(packed: StoredTensor, scales: StoredTensor, values: Array, _largest: float) -> Iterator[Part]:
    """By the function that rounds; where it rounds otherwise here, each row is judged by itself."""
    q, scale = _unpacked(packed, scales, values)
    for rows in rounding.spans(values.shape):
        ours, wanted = integer_rounding.int4_rows(values[rows])
        if not (np.array_equal(ours, q[rows]) and np.array_equal(wanted, scale[rows])):
            yield from rounding.int4_row_parts(rows.start, values[rows], q[rows], scale[rows])


def _gained_pairs(packed: StoredTensor, scales: StoredTensor, values: Array, _largest: float) -> Iterator[Part]:
    """As `_gained`."""
    q, scale = _unpacked(packed, scales, values)
    for rows in rounding.spans(values.shape):
        wanted = integer_rounding.int4_rows(values[rows])[1].astype(np.float32)
        gain = scale[rows].astype(np.float32) / wanted
        yield rows.start, np.ones_like(gain), gain, np.array(_MOST_GAIN, np.float32)
        yield rounding.int4_row_part(rows.start, values[rows], q[rows], wanted)


def _pair_products(packed: StoredTensor, scales: StoredTensor, values: Array, _largest: float) -> Iterator[Part]:
    """As `_products`."""
    q, scale = _unpacked(packed, scales, values)
    for rows in rounding.spans(values.shape):
        yield _turned(rows.start, values[rows], q[rows] * scale[rows].astype(np.float32))


def _unpacked(packed: StoredTensor, scales: StoredTensor, values: Array) -> tuple[Array, Array]:
    """int8 [out, in] for `values`, a matrix that is small, and scales [out, 1]."""
    return integer_rounding.unpack_pairs(packed.read(), values.shape[::-1]).T, scales.read()[:, None]


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
