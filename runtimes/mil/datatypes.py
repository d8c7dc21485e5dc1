"""The data types of ML programs, in one table.

Sources: `MIL.proto` (numbers and value fields) and the layout of `weight.bin` (storage numbers), both of coremltools.
"""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]


@dataclass(frozen=True)
class DataType:
    """One element type: how it is numbered, stored and computed with.

    `number` is its value in `MIL.proto`, `storage` its number in a weight file (None: never stored there), `bits` its
    width in a file, `dtype` the numpy type that holds it here: sub-byte integers are unpacked to one byte each.
    """

    name: str
    number: int
    storage: int | None
    bits: int
    dtype: np.dtype[Any]

    @property
    def is_packed(self) -> bool:
        """Whether several elements share a byte in a file."""
        return self.bits < 8 and self.dtype.kind in "iu"


def _type(name: str, number: int, storage: int | None, bits: int, numpy_type: npt.DTypeLike) -> DataType:
    return DataType(name, number, storage, bits, np.dtype(numpy_type))


STRING = _type("string", 2, None, 8, np.str_)
FLOAT16 = _type("fp16", 10, 1, 16, np.float16)

DATA_TYPES: tuple[DataType, ...] = (
    _type("bool", 1, None, 8, np.bool_),
    STRING,
    FLOAT16,
    _type("fp32", 11, 2, 32, np.float32),
    _type("fp64", 12, None, 64, np.float64),
    _type("int8", 21, 4, 8, np.int8),
    _type("int16", 22, 6, 16, np.int16),
    _type("int32", 23, 14, 32, np.int32),
    _type("int64", 24, None, 64, np.int64),
    _type("int4", 25, 8, 4, np.int8),
    _type("uint8", 31, 3, 8, np.uint8),
    _type("uint16", 32, 7, 16, np.uint16),
    _type("uint32", 33, 15, 32, np.uint32),
    _type("uint64", 34, None, 64, np.uint64),
    _type("uint4", 35, 11, 4, np.uint8),
    _type("uint2", 36, 10, 2, np.uint8),
    _type("uint1", 37, 9, 1, np.uint8),
    _type("uint6", 38, 13, 6, np.uint8),
    _type("uint3", 39, 12, 3, np.uint8),
)

BY_NUMBER = {data_type.number: data_type for data_type in DATA_TYPES}
BY_NAME = {data_type.name: data_type for data_type in DATA_TYPES}


def unpack(packed: Array, count: int, data_type: DataType) -> Array:
    """Spread `count` packed elements over one byte each.

    Elements follow each other from the least significant bit of the first byte on, and may cross a byte's border.
    `packed` is uint8 of at least ceil(count · bits / 8) elements; the result has shape (count,).
    """
    width = data_type.bits
    bits = np.unpackbits(packed, count=count * width, bitorder="little").reshape(count, width)
    values = np.packbits(bits, axis=1, bitorder="little")[:, 0]
    if data_type.dtype.kind == "u":
        return values
    sign = np.uint8(1 << (width - 1))
    return ((values ^ sign).astype(np.int8) - np.int8(sign)).astype(np.int8)
