"""Weights of a Core AI program: constants in the form of their role, and the operations that recover them.

A constant lies in the shape in which it is read: Core AI folds a reshape or a slice of a constant into a second one,
whose name is seeded by the process. Each is stored once, under its weight's name, whatever functions read it.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from exporter.compression import integer_rounding, palettization
from exporter.model.ops import Array, Weight
from exporter.targets.coreai.program.graph import Builder, Constant
from exporter.targets.coreai.program.shapes import Tensor
from exporter.targets.encoding.encoded_weights import Encode
from exporter.targets.encoding.float16_range import check_float16
from exporter.targets.encoding.forms import BITS, BLOCKS, CODED, Form, FormScheme

SCALE, PALETTE, CODES, CODEBOOK = ".scale", ".palette", ".codes", ".book"
"""What follows a weight's name in the names of what is stored beside its values, or in their place."""
RECOVERED = ".recovered"
"""What follows it in the name of the floats that are made of it."""
T = TypeVar("T")
Parts = Mapping[str, Constant]
"""What is stored of a weight, by what follows its name."""


@dataclass(frozen=True)
class Lay:
    """How a weight [..., out, in] lies in the file: transposed or not, with axes of 1 before and after.

    `joined`: groups one after the other, [groups · out, in]. `head`: of a table only so many rows, stored beside the
    whole one.
    """

    transposed: bool = False
    joined: bool = False
    lead: int = 0
    trail: int = 0
    head: int | None = None

    def name(self, weight: Weight) -> str:
        """What the file calls the weight; the first rows of a table for themselves by their number."""
        return weight.name if self.head is None else f"{weight.name}.{self.head}"

    def of(self, values: Array) -> Array:
        """Values, or one number for several of them, as they lie."""
        values = values.reshape(-1, values.shape[-1]) if self.joined else values
        turned = values.swapaxes(-1, -2) if self.transposed else values[: self.head]
        return np.ascontiguousarray(turned.reshape((1,) * self.lead + turned.shape + (1,) * self.trail))

    def shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape in which a weight of `shape` lies."""
        shape = (math.prod(shape[:-1]), shape[-1]) if self.joined else shape
        inner = (*shape[:-2], shape[-1], shape[-2]) if self.transposed else (self.head or shape[0], *shape[1:])
        return (*(1,) * self.lead, *inner, *(1,) * self.trail)

    def rows(self, stored: Array, shape: tuple[int, ...]) -> Array:
        """What lies in the file as [rows, n] again, of a weight in `shape`."""
        flat = stored.reshape(*shape[:-2], shape[-1], shape[-2]).swapaxes(-1, -2) if self.transposed else stored
        return flat.reshape(-1, shape[-1])


AS_IS = Lay()


class WeightStore:
    """Constants of the program that is built. `encode` gives the codes of the word table, where codes are stored."""

    def __init__(self, scheme: FormScheme, encode: Encode) -> None:
        self.scheme, self._encode = scheme, encode
        self.constants: dict[str, Constant] = {}
        self._encoded: dict[str, Any] = {}

    @cached_property
    def element(self) -> str:
        """The type that is computed in."""
        return "float16" if self.scheme.half else "float32"

    @property
    def encoded(self) -> frozenset[str]:
        """The weights that were encoded, each by itself, by their names."""
        return frozenset(self._encoded)

    @property
    def dtype(self) -> "np.dtype[np.generic]":
        """The same, numpy's."""
        return np.dtype(self.element)

    def number(self, value: float) -> Array:
        """A small constant of the type that is computed in."""
        return np.array(value, self.dtype)

    def vector(
        self, builder: Builder, weight: Weight, shape: tuple[int, ...] | None = None, element: str = ""
    ) -> Tensor:
        """A bias or a gain [n], in another shape of as many numbers.

        `element`: stored in another type than is computed in, which Core AI would fold into an unnamed constant.
        """
        shape = shape or weight.values.shape
        return self._put(builder, weight.name, self.vector_part(weight, shape, element or self.element))

    def matrix(self, builder: Builder, weight: Weight, lay: Lay = AS_IS) -> Tensor:
        """A weight as it lies, recovered by the operations of its form.

        Raises LoweringError for a value that float16 cannot hold.
        """
        name, parts = lay.name(weight), self.parts(weight, lay)
        if not parts.keys() - {""}:
            return self._put(builder, name, parts[""])
        with builder.named(f"{name}{RECOVERED}"):
            values = self._put(builder, name, parts[""])
            if PALETTE in parts:
                table = self._put(builder, f"{weight.name}{PALETTE}", parts[PALETTE])
                return builder.lut_to_dense(values, table, np.array(0, np.int16))
            scale = self._put(builder, f"{name}{SCALE}", parts[SCALE])
            zero = builder.zeros(values.element, scale.shape)
            return builder.blockwise_shift_scale(values, scale, zero, builder.zeros(self.element, scale.shape))

    def gathered(self, builder: Builder, table: Weight, ids: Tensor) -> Tensor:
        """Rows of a table [rows, H] at int32 `ids` [B, S] → [B, S, H]; those of int8 are scaled once they are found."""
        at, form = builder.expand_dims(ids, np.array([2], np.int32)), self.scheme.stored(table)
        if form in CODED:
            return self._gathered_codes(builder, table, at)
        if form is not Form.INT8:
            return builder.gather_nd(self.matrix(builder, table), at)
        parts = self.parts(table, AS_IS)
        found = builder.gather_nd(self._put(builder, table.name, parts[""]), at)
        scale = builder.gather_nd(self._put(builder, f"{table.name}{SCALE}", parts[SCALE]), at)
        return builder.broadcasting_mul(builder.cast(found, dtype=self.element), scale)

    def _gathered_codes(self, builder: Builder, table: Weight, at: Tensor) -> Tensor:
        """Two gathers: the codes of each token, then by them the sub-vectors that make its row."""
        parts = self.parts(table, AS_IS)
        codes = self._put(builder, f"{table.name}{CODES}", parts[CODES])
        codebook = self._put(builder, f"{table.name}{CODEBOOK}", parts[CODEBOOK])
        (_, places), (_, width), (batch, length, _) = codes.shape, codebook.shape, at.shape
        found = builder.cast(builder.gather_nd(codes, at), dtype="int32")  # [B, S, H / d]
        starts = np.arange(places, dtype=np.int32)[None, None] * np.int32(codebook.shape[0] // places)
        entry = builder.broadcasting_add(found, starts)
        gathered = builder.gather_nd(codebook, builder.expand_dims(entry, np.array([3], np.int32)))
        return builder.reshape(gathered, np.array([batch, length, places * width], np.int32))

    def parts(self, weight: Weight, lay: Lay) -> Parts:
        """What is stored of a weight that lies so; an audit gives what a file has."""
        self._check_range(weight)
        form = self.scheme.stored(weight)
        if form is Form.PLAIN:
            return {"": Constant(self.element, *_sized(lay.of(weight.values).astype(self.dtype)))}
        if form in CODED:
            return self._codes(weight)
        if form in BITS:
            return self._palette(weight, lay, BITS[form])
        return self._scaled(weight, lay, form)

    def vector_part(self, weight: Weight, shape: tuple[int, ...], element: str) -> Constant:
        """What is stored of a vector, in a shape and a type."""
        self._check_range(weight)
        return Constant(element, shape, weight.values.astype(self.dtype).astype(element))

    def _codes(self, table: Weight) -> Parts:
        coded = self._once(table.name, lambda: self._encode(table.values))
        codebook = coded.codebook.reshape(-1, coded.codebook.shape[-1]).astype(self.dtype)
        return {
            CODES: Constant("uint8", *_sized(coded.codes)),
            CODEBOOK: Constant(self.element, *_sized(codebook)),
        }

    def _palette(self, weight: Weight, lay: Lay, bits: int) -> Parts:
        indices, table = self._once(weight.name, lambda: palettization.palettize(weight.values, bits))
        laid = lay.of(indices)
        shape = (*[1] * laid.ndim, len(table), 1)
        return {
            "": Constant(f"uint{bits}", laid.shape, palettization.pack(laid, bits)),
            PALETTE: Constant(self.element, shape, table.astype(self.dtype)),
        }

    def _scaled(self, weight: Weight, lay: Lay, form: Form) -> Parts:
        """Integers and scales; these are rounded to float16 whatever is computed in."""
        q, scale = self._once(weight.name, lambda: _rounded(weight.values, form))
        laid, element = lay.of(q), "int8" if form is Form.INT8 else "int4"
        data = laid if element == "int8" else palettization.pack(laid.astype(np.uint8) & 15, 4)
        scales = lay.of(scale.astype(self.dtype))
        return {"": Constant(element, laid.shape, data), SCALE: Constant(self.element, *_sized(scales))}

    def _put(self, builder: Builder, name: str, constant: Constant) -> Tensor:
        self.constants.setdefault(name, constant)
        with builder.named(name):  # a tensor's name is of what is computed alone
            return builder.constant(name, constant.element, constant.shape)

    def _once(self, name: str, make: Callable[[], T]) -> T:
        """What is encoded once, however often it is laid."""
        if name not in self._encoded:
            self._encoded[name] = make()
        found: T = self._encoded[name]
        return found

    def _check_range(self, weight: Weight) -> None:
        if self.scheme.half:
            check_float16("coreai", weight.name, weight.values, "pass --quantize none")


def _rounded(values: Array, form: Form) -> tuple[Array, Array]:
    """Integers int8 in the shape of `values` [..., n], and scales float16 [..., blocks]; by row, whatever the rank."""
    rows = values.reshape(-1, values.shape[-1])
    if form is Form.INT8:
        q, scale = integer_rounding.int8(rows, np.float16)
    else:
        q, scale = integer_rounding.int4_blocks(rows, BLOCKS[form], positive_scales=True)
        q = q.astype(np.int8) - 8
    return q.reshape(values.shape), scale.reshape(*values.shape[:-1], -1)


def _sized(values: Array) -> tuple[tuple[int, ...], Array]:
    return values.shape, values
