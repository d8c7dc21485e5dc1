"""Reading each form of a stored weight row by row, to compare it with the float weight."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import gcd, prod

import numpy as np

from exporter.compression import product_quantization
from exporter.model.ops import Array
from exporter.targets.audit import form_rows
from exporter.targets.audit.form_rows import Part, Rows, UnlikeError
from exporter.targets.coreml.audit.shapes import Tensor
from exporter.targets.encoding.forms import BITS, BLOCKS, Form, scale_shape
from runtimes.mil.datatypes import BY_NAME
from runtimes.mil.listing import Constant, Elements, Listed, Listing


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
    return form_rows.open_floats(_parts(constant.elements()), tensor.dtype == "fp16", trained, (constant.place,))


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
    return form_rows.open_int8(_parts(data.elements()), scale.read().reshape(-1, 1), trained, (data.place, scale.place))


def _int4(reader: Reader, tensor: Tensor, rows: tuple[int, int], size: int) -> Rows:
    blocks = rows[1] // gcd(rows[1], size)
    operation = reader.operation(tensor.name, "constexpr_blockwise_shift_scale")
    given = {"data": ("int4", tensor.shape), "scale": (tensor.dtype, scale_shape(tensor.shape, rows[0], blocks))}
    data, scale = _arguments(operation, given)
    steps = scale.read().reshape(-1, blocks)
    return form_rows.open_int4_blocks(_parts(data.elements()), steps, (data.place, scale.place))


def _int4_rows(reader: Reader, tensor: Tensor, rows: tuple[int, int], trained: str) -> Rows:
    operation = reader.operation(tensor.name, "constexpr_blockwise_shift_scale")
    given = {"data": ("int4", tensor.shape), "scale": (tensor.dtype, scale_shape(tensor.shape, rows[0], 1))}
    data, scale = _arguments(operation, given)
    steps = scale.read().reshape(-1, 1)
    return form_rows.open_int4_rows(_parts(data.elements()), steps, trained, (data.place, scale.place))


def _shared_codes(reader: Reader, tensor: Tensor, rows: tuple[int, int], exact: bool) -> Rows:
    """A vector palette along the last axis."""
    width, entries = product_quantization.shared_width(rows[1]), product_quantization.ENTRIES
    codes, lut = (*tensor.shape[:-1], rows[1] // width), (*[1] * len(tensor.shape), entries, width)
    operation = reader.operation(tensor.name, "constexpr_lut_to_dense")
    kinds = {"indices": ("uint8", codes), "lut": (tensor.dtype, lut), "vector_axis": ("int32", ())}
    data, table, axis = _arguments(operation, kinds)
    if axis.read() != len(tensor.shape) - 1:
        raise UnlikeError(f"{tensor.name}: expected vectors along the last axis, found {axis.read()}")
    codebook = table.read().reshape(1, entries, width)
    return form_rows.open_shared_codes(_parts(data.elements()), codebook, exact, (data.place, table.place))


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
    return form_rows.open_palette(_parts(indices), lut.read().reshape(-1), (data.place, lut.place))


def open_codes(reader: Reader, tensors: Sequence[Tensor], trained: str, *, weighed: bool, narrow: bool) -> Rows:
    """Open a table that is stored as codes, the starts of its codebooks, and the codebooks. Raises UnlikeError.

    `narrow`: the codebooks are int8 with one scale.
    """
    codes, starts = (reader.constant(one.name, one.dtype, one.shape) for one in tensors[:2])
    whole, step, place = _codebooks(reader, tensors[2], narrow)
    places, entries = tensors[0].shape[1], tensors[2].shape[0] // tensors[0].shape[1]
    if not np.array_equal(starts.read(), np.arange(places) * entries):
        raise UnlikeError(f"{tensors[1].name}: expected multiples of {entries}, found others")
    codebooks, where = whole.reshape(places, entries, -1), (codes.place, place)
    return form_rows.open_codes(_parts(codes.elements()), codebooks, step, trained, weighed=weighed, places=where)


def _codebooks(reader: Reader, tensor: Tensor, narrow: bool) -> tuple[Array, float, tuple[str, int] | None]:
    """Codebooks, their step where they are int8, and where they are stored."""
    if not narrow:
        constant = reader.constant(tensor.name, tensor.dtype, tensor.shape)
        return constant.read(), 0.0, constant.place
    operation = reader.operation(tensor.name, "constexpr_blockwise_shift_scale")
    data, scale = _arguments(operation, {"data": ("int8", tensor.shape), "scale": (tensor.dtype, (1, 1))})
    step = float(scale.read().reshape(()))
    return data.read().astype(np.float32) * np.float32(step), step, data.place


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


def _parts(elements: Elements) -> Part:
    """What reads some rows, in their shape."""

    def part(start: int, shape: tuple[int, int]) -> Array:
        rows, size = shape
        return elements.part(start * size, (start + rows) * size).reshape(shape)

    return part
