"""Weights of an ML program: plain constants, or `constexpr_` operations that decompress them.

The forms are the ones that coremltools' own compression passes write; they are written here because the roles that a
scheme speaks of are known here, and because a package is then the same each time it is made.
"""

import numpy as np

from exporter.compression import integer_rounding, palettization
from exporter.compression.product_quantization import int8_codebooks, shared_quantise
from exporter.model.ops import Array, Weight
from exporter.targets.coreml.coremltools import mb, types
from exporter.targets.coreml.dialect import Var
from exporter.targets.coreml.names import mil_name
from exporter.targets.coreml.schemes import CoreMLScheme
from exporter.targets.encoding.encoded_weights import Encode as Encode
from exporter.targets.encoding.float16_range import check_float16
from exporter.targets.encoding.forms import BITS, BLOCKS, CODED, Form, scale_shape

_INDEX = {6: types.uint6, 4: types.uint4}


class WeightStore:
    """Constants of the program that is being built.

    `blockwise`: the target has iOS 18's compressed forms. `encode` gives the codes of the word table, for the scheme
    that stores those.
    """

    def __init__(self, scheme: CoreMLScheme, blockwise: bool, encode: Encode) -> None:
        self.dtype = np.float16 if scheme.half else np.float32
        self._scheme, self._blockwise, self._encode = scheme, blockwise, encode
        self._tables: dict[str, Var] = {}
        self._stored: dict[tuple[str, tuple[int, ...]], Var] = {}

    def table(self, weight: Weight) -> Var:
        """Store an embedding table [rows, H], once for all that read it."""
        if weight.name not in self._tables:
            self._tables[weight.name] = self.constant(weight, weight.values.shape)
        return self._tables[weight.name]

    def coded(self, weight: Weight) -> bool:
        """Whether codes of `weight` are stored, and `--keep` says nothing wider: see `codes`."""
        return self._scheme.stored(weight) in CODED

    def codes(self, table: Weight) -> tuple[Var, Var, Var]:
        """Store an embedding table's codes.

        uint8 [rows, H / d], the start of each codebook, and all codebooks [H / d · 256, d].
        """
        self._check_range(table)
        coded, name = self._encode(table.values), mil_name(table.name)
        places, entries, _ = coded.codebook.shape
        codes = mb.const(val=coded.codes, name=f"{name}_codes")
        starts = mb.const(val=np.arange(places, dtype=np.int32) * entries, name=f"{name}_starts")
        return codes, starts, self._codebook(f"{name}_book", coded.codebook, self._scheme.stored(table))

    def constant(self, weight: Weight, shape: tuple[int, ...]) -> Var:
        """Store `weight` once, in `shape`: the [rows, n] of its values with axes of 1 put before or after.

        Raises LoweringError for a value that float16 cannot hold.
        """
        if (weight.name, shape) not in self._stored:
            self._stored[weight.name, shape] = self._store(weight, shape)
        return self._stored[weight.name, shape]

    def _store(self, weight: Weight, shape: tuple[int, ...]) -> Var:
        rows = weight.values.reshape(-1, weight.values.shape[-1])  # [rows, n]
        self._check_range(weight)
        form, name = self._scheme.stored(weight), mil_name(weight.name)
        if form is Form.PLAIN:
            return mb.const(val=np.ascontiguousarray(weight.values.reshape(shape), self.dtype), name=name)
        if form is Form.INT8:
            return self._int8(name, rows, shape)
        if form in BLOCKS:
            return _int4(name, rows, shape, BLOCKS[form])
        if form is Form.INT4_BY_ROW:
            return _shift_scale(name, shape, *integer_rounding.int4_rows(rows))
        if form is Form.SHARED_CODES:
            return _shared_codes(name, rows, shape)
        return self._palette(name, rows, shape, BITS[form])

    def _codebook(self, name: str, codebook: Array, form: Form) -> Var:
        """Codebooks [places · entries, d]."""
        flat = codebook.reshape(-1, codebook.shape[-1])
        if form is Form.CODES:
            return mb.const(val=flat.astype(self.dtype), name=name)
        q, scale = int8_codebooks(codebook)
        return mb.constexpr_blockwise_shift_scale(data=q.reshape(flat.shape), scale=scale, name=name)

    def _int8(self, name: str, rows: Array, shape: tuple[int, ...]) -> Var:
        q, scale = integer_rounding.int8(rows, np.float16)
        if self._blockwise:
            form = scale_shape(shape, len(rows), 1)
            return mb.constexpr_blockwise_shift_scale(data=q.reshape(shape), scale=scale.reshape(form), name=name)
        return mb.constexpr_affine_dequantize(
            quantized_data=q.reshape(shape),
            zero_point=np.zeros(len(rows), np.int8),  # a single one would do; Apple's tools write it so
            scale=scale.reshape(-1),
            axis=np.int32(shape.index(len(rows))),
            name=name,
        )

    def _palette(self, name: str, rows: Array, shape: tuple[int, ...], bits: int) -> Var:
        indices, table = palettization.palettize(rows, bits)
        if not self._blockwise:
            packed = palettization.pack(indices, bits)
            return mb.constexpr_lut_to_dense(indices=packed, lut=table, shape=np.array(shape, np.uint32), name=name)
        narrow = indices.reshape(shape).astype(types.nptype_from_builtin(_INDEX[bits]))
        return mb.constexpr_lut_to_dense(indices=narrow, lut=table.reshape(*[1] * len(shape), -1, 1), name=name)

    def _check_range(self, weight: Weight) -> None:
        if self._scheme.half:
            check_float16("coreml", weight.name, weight.values, "pass --quantize none")


def _int4(name: str, rows: Array, shape: tuple[int, ...], size: int) -> Var:
    q, scale = integer_rounding.int4_blocks(rows, size, positive_scales=True)
    return _shift_scale(name, shape, q.astype(np.int8) - 8, scale)


def _shift_scale(name: str, shape: tuple[int, ...], q: Array, scale: Array) -> Var:
    """int4 `q` int8 [rows, n] in −8..7, `scale` [rows, blocks]."""
    signed = q.reshape(shape).astype(types.nptype_from_builtin(types.int4))
    form = scale_shape(shape, len(q), scale.shape[1])
    return mb.constexpr_blockwise_shift_scale(data=signed, scale=scale.reshape(form), name=name)


def _shared_codes(name: str, rows: Array, shape: tuple[int, ...]) -> Var:
    """A vector palette: Core ML lays the d numbers of an entry along the last axis."""
    coded = shared_quantise(rows)
    entries, width = coded.codebook.shape[1:]
    return mb.constexpr_lut_to_dense(
        indices=coded.codes.reshape(*shape[:-1], -1),
        lut=coded.codebook.reshape(*[1] * len(shape), entries, width).astype(np.float16),
        vector_axis=np.int32(len(shape) - 1),
        name=name,
    )
