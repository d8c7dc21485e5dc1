"""Reading each form of a stored weight row by row, to compare it with the float weight."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import gcd, prod

import numpy as np

from exporter.compression import product_quantization
from exporter.model.ops import Array
from exporter.targets.coreml.audit import rounding
from exporter.targets.coreml.audit.shapes import Tensor
from exporter.targets.coreml.schemes import BITS, BLOCKS, Form, scale_shape
from runtimes.mil.datatypes import BY_NAME
from runtimes.mil.listing import Constant, Elements, Listed, Listing

Ratios = Callable[[int, Array], Array]
"""First row, and float rows from there on → by how many times each stored row exceeds its bound."""
_BOOK_OFF, _WEIGHED_BOOK_OFF = 0.5, 3.0
"""How far an entry may be from the mean of what it stands for: see `rounding.BOUNDS`."""


class UnlikeError(Exception):
    """A weight that is stored in another way than its scheme stores it; the message says how."""


@dataclass(frozen=True)
class Reader:
    """A listed function, and which form of compression its target writes: iOS 18's is `blockwise`."""

    listing: Listing
    blockwise: bool
    operations: Mapping[str, Listed]

    def constant(self, name: str, dtype: str, shape: Sequence[int]) -> Constant:
        """The plain constant `name`. Raises UnlikeError where there is none, or of another type or shape."""
        if name not in self.listing.constants:
            found = self.operations[name].type if name in self.operations else "nothing"
            raise UnlikeError(f"{name}: expected a constant of {dtype}, found {found}")
        return _checked(self.listing.constants[name], name, dtype, shape)

    def operation(self, name: str, kind: str) -> Listed:
        """The compressed weight `name`. Raises UnlikeError where there is none, or of another kind."""
        operation = self.operations.get(name)
        found = operation.type if operation else "a plain constant" if name in self.listing.constants else "nothing"
        if operation is None or found != kind:
            raise UnlikeError(f"{name}: expected {kind}, found {found}")
        return operation


@dataclass(frozen=True)
class Rows:
    """A weight, opened: where it is stored, how its rows are compared, and what is to be said when all were.

    `values` are the floats [rows, n] that it stands for, in the forms that a fine-tuned bundle has.
    """

    form: str
    places: tuple[tuple[str, int] | None, ...]
    ratios: Ratios
    whole: Callable[[], list[str]] = list
    values: Callable[[tuple[int, int]], Array] | None = None


def open_rows(
    reader: Reader, tensor: Tensor, form: Form, rows: tuple[int, int], trained: str = "", exact: bool = True
) -> Rows:
    """Open a weight that is stored in `form` as `tensor`, and is [rows, n] as float. Raises UnlikeError.

    Without `exact` the bundle was fine-tuned, and coded its tables before it took the rows that are here.
    """
    if form is Form.PLAIN:
        return _plain(reader, tensor, trained)
    if form is Form.INT8:
        return _int8(reader, tensor, rows, trained)
    if form in BLOCKS:
        return _int4(reader, tensor, rows, BLOCKS[form])
    if form is Form.INT4_BY_ROW:
        return _int4_rows(reader, tensor, rows, trained)
    if form is Form.SHARED_CODES:
        return _shared_codes(reader, tensor, rows, exact)
    return _palette(reader, tensor, rows, BITS[form])


def _plain(reader: Reader, tensor: Tensor, trained: str) -> Rows:
    constant = reader.constant(tensor.name, tensor.dtype, tensor.shape)
    values, half = constant.elements(), tensor.dtype == "fp16"
    compared = rounding.trained_vector if trained else rounding.float16 if half else rounding.float32
    return Rows(
        "float16" if half else "float32",
        (constant.place,),
        lambda start, wanted: compared(_part(values, start, wanted.shape), wanted),
        values=lambda shape: _part(values, 0, shape),
    )


def _int8(reader: Reader, tensor: Tensor, rows: tuple[int, int], trained: str) -> Rows:
    if reader.blockwise:
        operation = reader.operation(tensor.name, "constexpr_blockwise_shift_scale")
        given = {"data": ("int8", tensor.shape), "scale": (tensor.dtype, scale_shape(tensor.shape, rows[0], 1))}
        data, scale = _arguments(operation, given)
    else:
        operation = reader.operation(tensor.name, "constexpr_affine_dequantize")
        given = {
            "quantized_data": ("int8", tensor.shape),
            "scale": (tensor.dtype, (rows[0],)),
            "zero_point": ("int8", (rows[0],)),
            "axis": ("int32", ()),
        }
        data, scale, zero, axis = _arguments(operation, given)
        if zero.read().any():
            raise UnlikeError(f"{tensor.name}: expected zero points of 0, found others")
        if axis.read() != tensor.shape.index(rows[0]):
            raise UnlikeError(
                f"{tensor.name}: expected scales along axis {tensor.shape.index(rows[0])}, found {axis.read()}"
            )
    return _scaled_by_row("int8", data, scale, rounding.TRAINED[trained] if trained else rounding.int8)


def _scaled_by_row(
    kind: str, data: Constant, scale: Constant, compared: Callable[[Array, Array, Array], Array]
) -> Rows:
    """Integers and a scale for each row; `compared` takes both and the rows that are wanted."""
    levels, steps = data.elements(), scale.read().reshape(-1, 1)

    def ratios(start: int, wanted: Array) -> Array:
        return compared(_part(levels, start, wanted.shape), steps[start : start + len(wanted)], wanted)

    return Rows(kind, (data.place, scale.place), ratios, values=lambda shape: _part(levels, 0, shape) * steps)


def _int4(reader: Reader, tensor: Tensor, rows: tuple[int, int], size: int) -> Rows:
    blocks = rows[1] // gcd(rows[1], size)
    operation = reader.operation(tensor.name, "constexpr_blockwise_shift_scale")
    given = {"data": ("int4", tensor.shape), "scale": (tensor.dtype, scale_shape(tensor.shape, rows[0], blocks))}
    data, scale = _arguments(operation, given)
    levels, steps = data.elements(), scale.read().reshape(-1, blocks)

    def ratios(start: int, wanted: Array) -> Array:
        return rounding.int4(_part(levels, start, wanted.shape), steps[start : start + len(wanted)], wanted)

    return Rows("int4", (data.place, scale.place), ratios)


def _int4_rows(reader: Reader, tensor: Tensor, rows: tuple[int, int], trained: str) -> Rows:
    operation = reader.operation(tensor.name, "constexpr_blockwise_shift_scale")
    given = {"data": ("int4", tensor.shape), "scale": (tensor.dtype, scale_shape(tensor.shape, rows[0], 1))}
    data, scale = _arguments(operation, given)
    return _scaled_by_row("int4", data, scale, rounding.TRAINED_INT4[trained] if trained else rounding.int4_rows)


def _shared_codes(reader: Reader, tensor: Tensor, rows: tuple[int, int], exact: bool) -> Rows:
    """A vector palette along the last axis; of positions, which training leaves as they are."""
    width, entries = product_quantization.shared_width(rows[1]), product_quantization.ENTRIES
    codes, lut = (*tensor.shape[:-1], rows[1] // width), (*[1] * len(tensor.shape), entries, width)
    operation = reader.operation(tensor.name, "constexpr_lut_to_dense")
    kinds = {"indices": ("uint8", codes), "lut": (tensor.dtype, lut), "vector_axis": ("int32", ())}
    data, table, axis = _arguments(operation, kinds)
    if axis.read() != len(tensor.shape) - 1:
        raise UnlikeError(f"{tensor.name}: expected vectors along the last axis, found {axis.read()}")
    indices, codebook = data.elements(), table.read().reshape(1, entries, width)
    fit = rounding.Fit(codebook[0])

    def ratios(start: int, wanted: Array) -> Array:
        found, points = _part(indices, start, (len(wanted), rows[1] // width)), wanted.reshape(-1, width)
        fit.add(found.reshape(-1), points)
        worst = rounding.nearest_of_codebooks(found.reshape(-1, 1), codebook, points)
        return np.asarray(worst.reshape(len(wanted), -1).max(-1))

    return Rows(
        "codes",
        (data.place, table.place),
        ratios,
        lambda: _misfits("books", [fit.off_spreads(_BOOK_OFF)]) if exact else [],
        lambda shape: codebook[0][_part(indices, 0, (shape[0], rows[1] // width))].reshape(shape),
    )


def _palette(reader: Reader, tensor: Tensor, rows: tuple[int, int], bits: int) -> Rows:
    operation, entries, count = reader.operation(tensor.name, "constexpr_lut_to_dense"), 1 << bits, prod(rows)
    if reader.blockwise:
        table = (*[1] * len(tensor.shape), entries, 1)
        data, lut = _arguments(operation, {"indices": (f"uint{bits}", tensor.shape), "lut": (tensor.dtype, table)})
        indices = data.elements()
    else:
        packed, rank = ((count * bits + 7) // 8,), (len(tensor.shape),)
        given = {"indices": ("uint8", packed), "lut": (tensor.dtype, (entries,)), "shape": ("uint32", rank)}
        data, lut, shape = _arguments(operation, given)
        if tuple(shape.read()) != tensor.shape:
            raise UnlikeError(f"{tensor.name}: expected the shape {tensor.shape}, found {tuple(shape.read().tolist())}")
        indices = Elements(data.elements().data, BY_NAME[f"uint{bits}"], count, packed=True)
    palette = lut.read().reshape(-1)
    nearest, fit = rounding.Palette(palette), rounding.Fit(palette[:, None])

    def ratios(start: int, wanted: Array) -> Array:
        found, half = _part(indices, start, wanted.shape), wanted.astype(np.float16)
        fit.add(found.reshape(-1), half.reshape(-1, 1))
        return nearest.ratios(found, half)

    return Rows("palette", (data.place, lut.place), ratios, lambda: _misfits("palette", [fit.off_steps()]))


def open_codes(reader: Reader, tensors: Sequence[Tensor], trained: str, *, weighed: bool, narrow: bool) -> Rows:
    """Open a table that is stored as codes, the starts of its codebooks, and the codebooks. Raises UnlikeError.

    `narrow`: the codebooks are int8 with one scale.
    """
    codes, starts = (reader.constant(one.name, one.dtype, one.shape) for one in tensors[:2])
    whole, step, place = _codebooks(reader, tensors[2], narrow)
    places, entries = tensors[0].shape[1], tensors[2].shape[0] // tensors[0].shape[1]
    if not np.array_equal(starts.read(), np.arange(places) * entries):
        raise UnlikeError(f"{tensors[1].name}: expected multiples of {entries}, found others")
    stored, codebooks = codes.elements(), whole.reshape(places, entries, -1)
    fits = [rounding.Fit(one, step, bool(trained)) for one in codebooks]
    compared = rounding.trained_codes if trained else rounding.nearest_of_codebooks

    def ratios(start: int, wanted: Array) -> Array:
        found = _part(stored, start, (len(wanted), places))
        points = wanted.reshape(len(wanted), places, -1)
        for place, fit in enumerate(fits):
            fit.add(found[:, place], points[:, place])
        return compared(found, codebooks, wanted)

    off = _WEIGHED_BOOK_OFF if weighed or trained else _BOOK_OFF
    return Rows(
        "codes",
        (codes.place, place),
        ratios,
        lambda: _misfits("books", [fit.off_spreads(off) for fit in fits]),
        lambda shape: codebooks[np.arange(places), _part(stored, 0, (shape[0], places))].reshape(shape),
    )


def _codebooks(reader: Reader, tensor: Tensor, narrow: bool) -> tuple[Array, float, tuple[str, int] | None]:
    """Codebooks, their step where they are int8, and where they are stored."""
    if not narrow:
        constant = reader.constant(tensor.name, tensor.dtype, tensor.shape)
        return constant.read(), 0.0, constant.place
    operation = reader.operation(tensor.name, "constexpr_blockwise_shift_scale")
    data, scale = _arguments(operation, {"data": ("int8", tensor.shape), "scale": (tensor.dtype, (1, 1))})
    step = float(scale.read().reshape(()))
    return data.read().astype(np.float32) * np.float32(step), step, data.place


def _misfits(what: str, offs: Sequence[Array]) -> list[str]:
    """What is wrong with entries that are not in the middle of what they stand for."""
    wrong = [(off[entry], entry, codebook) for codebook, off in enumerate(offs) for entry in np.flatnonzero(off > 1)]
    if not wrong:
        return []
    off, entry, codebook = max(wrong)
    place = f" of codebook {codebook}" if len(offs) > 1 else ""
    return [
        f"{len(wrong):,} entries of its {what} are not the mean of what they stand for: expected at most 1 bound away, "
        f"found {off:.3g} (entry {entry}{place})"
    ]


def _arguments(operation: Listed, given: Mapping[str, tuple[str, Sequence[int]]]) -> list[Constant]:
    """The constants of a compressed weight. Raises UnlikeError for any missing, beyond or unlike `given`."""
    if operation.arguments.keys() != given.keys():
        found = ", ".join(sorted(operation.arguments))
        raise UnlikeError(f"{operation.name}: expected the parameters {', '.join(sorted(given))}, found {found}")
    return [_constant(operation, name, *kind) for name, kind in given.items()]


def _constant(operation: Listed, name: str, dtype: str, shape: Sequence[int]) -> Constant:
    operands = operation.arguments[name]
    if len(operands) != 1 or not isinstance(operands[0], Constant):
        raise UnlikeError(f"{operation.name}, {name}: expected one constant, found {len(operands)} arguments")
    return _checked(operands[0], f"{operation.name}, {name}", dtype, shape)


def _checked(constant: Constant, subject: str, dtype: str, shape: Sequence[int]) -> Constant:
    declared = constant.declared
    found = (declared.data_type.name, constant.shape) if declared else ("no tensor", ())
    if found != (dtype, tuple(shape)):
        raise UnlikeError(f"{subject}: expected {dtype} {list(shape)}, found {found[0]} {list(found[1])}")
    return constant


def _part(elements: Elements, start: int, shape: tuple[int, ...]) -> Array:
    """Rows from `start` on, in `shape`."""
    rows, size = shape
    return elements.part(start * size, (start + rows) * size).reshape(shape)
