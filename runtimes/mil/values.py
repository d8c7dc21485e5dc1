"""Constants of a program: protobuf `Value` → numpy."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from runtimes.mil.blobs import BlobFile
from runtimes.mil.budget import MOST_ELEMENTS
from runtimes.mil.datatypes import BY_NUMBER, STRING, Array, DataType, unpack
from runtimes.mil.ops.sizes import padded
from runtimes.mil.refusal import refusal

Dimensions: TypeAlias = tuple[int | None, ...]

# Field of a protobuf `TensorValue` → the kinds of numpy type that may be written in it.
_FIELD_KINDS = {"floats": "f", "doubles": "f", "ints": "iu", "longInts": "iu", "bools": "b", "strings": "U"}


@dataclass(frozen=True)
class TensorType:
    """Element type and shape of a tensor; None stands for a dimension known only when the program runs."""

    data_type: DataType
    shape: Dimensions

    @classmethod
    def of(cls, message: Any, subject: str) -> "TensorType":
        """Read a protobuf `ValueType`; `BundleError` names `subject` for anything but a tensor of a known type."""
        kind = message.WhichOneof("type")
        if kind != "tensorType":
            raise refusal(f"{subject}: a {kind or 'nothing'} where a tensor is expected; not supported here")
        data_type = BY_NUMBER.get(message.tensorType.dataType)
        if data_type is None:
            raise refusal(f"{subject}: unknown data type {message.tensorType.dataType}; update bertport")
        return cls(data_type, tuple(_size(d) for d in message.tensorType.dimensions))


def _size(dimension: Any) -> int | None:
    return int(dimension.constant.size) if dimension.WhichOneof("dimension") == "constant" else None


def read_value(message: Any, blob_file: Callable[[str], BlobFile], subject: str) -> Array:
    """Return the constant in a protobuf `Value`; `blob_file` opens the weight file of a name like `@model_path/…`.

    A list becomes an array of shape (length,). `BundleError` names `subject`.
    """
    if message.type.WhichOneof("type") == "listType":
        items = message.immediateValue.list.values
        return np.array([_single(item, blob_file, subject) for item in items])
    tensor = TensorType.of(message.type, subject)
    shape = tuple(-1 if size is None else size for size in tensor.shape)
    if -1 in shape:
        raise refusal(f"{subject}: a constant of unknown shape {tensor.shape}; export the package again")
    if 0 in shape and padded(shape) > MOST_ELEMENTS:
        raise refusal(f"{subject}: a constant of shape {tensor.shape}, beyond any tensor; export the package again")
    return _elements(message, blob_file, tensor.data_type, math.prod(shape), subject).reshape(shape)


def _single(item: Any, blob_file: Callable[[str], BlobFile], subject: str) -> Any:
    """The one element of an item of a list."""
    found = read_value(item, blob_file, subject)
    if found.size != 1:
        raise refusal(f"{subject}: a list of tensors where single values are expected; export the package again")
    return found.item()


def unpacked_bytes(message: Any, subject: str) -> int:
    """Memory that reading a constant takes beyond the file it lies in: elements narrower than a byte are spread out."""
    if message.type.WhichOneof("type") == "listType":
        return 0
    tensor = TensorType.of(message.type, subject)
    count = math.prod(size or 0 for size in tensor.shape)
    return count * (tensor.data_type.bits + 2) if tensor.data_type.is_packed else 0


def _elements(
    message: Any, blob_file: Callable[[str], BlobFile], data_type: DataType, count: int, subject: str
) -> Array:
    """Return the `count` elements of a constant tensor; shape (count,)."""
    match message.WhichOneof("value"):
        case "blobFileValue":
            blob = message.blobFileValue
            return blob_file(blob.fileName).read(blob.offset, data_type, count)
        case "immediateValue" if message.immediateValue.WhichOneof("value") == "tensor":
            return _immediate(message.immediateValue.tensor, data_type, count, subject)
        case kind:
            raise refusal(f"{subject}: constant given as {kind or 'nothing'}; export the package again")


def _immediate(tensor: Any, data_type: DataType, count: int, subject: str) -> Array:
    """Return the elements written inside the message: as raw bytes, or as a repeated field of the type's kind."""
    field = tensor.WhichOneof("value")
    if field is None and count:
        raise refusal(f"{subject}: constant without a value; export the package again")
    if field == "bytes":
        return _from_bytes(tensor.bytes.values, data_type, count, subject)
    elements = getattr(tensor, field).values if field else []
    _require_count(len(elements), count, subject)
    if field and data_type.dtype.kind not in _FIELD_KINDS[field]:
        raise refusal(f"{subject}: constant of type {data_type.name} written as {field}; export the package again")
    try:
        return np.array(list(elements)) if field == "strings" else np.fromiter(elements, data_type.dtype, count)
    except (OverflowError, ValueError) as error:
        raise refusal(f"{subject}: constant beyond {data_type.name}; export the package again") from error


def _from_bytes(raw: bytes, data_type: DataType, count: int, subject: str) -> Array:
    if data_type is STRING:
        raise refusal(f"{subject}: a constant of type {data_type.name} written as bytes; export the package again")
    _require_count(len(raw), (count * data_type.bits + 7) // 8, subject, "bytes")
    if data_type.is_packed:
        return unpack(np.frombuffer(raw, np.uint8), count, data_type)
    return np.frombuffer(raw, data_type.dtype.newbyteorder("<"))


def _require_count(found: int, expected: int, subject: str, unit: str = "elements") -> None:
    if found != expected:
        raise refusal(f"{subject}: constant has {found} {unit}, expected {expected}; export the package again")
