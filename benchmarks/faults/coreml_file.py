"""A Core ML package that is open to be spoilt: its protobuf, and the bytes of its weight file."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.faults.frame import Fault
from exporter.model.ops import Array
from runtimes.mil.datatypes import BY_NUMBER, DataType, unpack
from runtimes.mil.package import read_package

_RECORD = np.dtype([("sentinel", "<u4"), ("type", "<u4"), ("size", "<u8"), ("start", "<u8")])


class Spoilt:
    """One package; `save` writes what was changed."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.model = directory, read_package(directory).model
        self._weights = directory / "Data/com.apple.CoreML/weights/weight.bin"
        self._bytes = np.fromfile(self._weights, np.uint8)

    @property
    def blocks(self) -> Iterator[Any]:
        """The operations' block of every function."""
        for function in self.model.mlProgram.functions.values():
            yield function.block_specializations[function.opset]

    @property
    def operations(self) -> list[Any]:
        """Of the first function by name."""
        functions = self.model.mlProgram.functions
        function = functions[min(functions)]
        return list(function.block_specializations[function.opset].operations)

    def read(self, value: Any) -> Array:
        """A constant's elements, one to a place, in its shape."""
        data_type, shape = kind(value)
        if value.WhichOneof("value") == "blobFileValue":
            raw = self._raw(value)
            count = int(np.prod(shape))
            whole = unpack(raw, count, data_type) if data_type.is_packed else raw.view(data_type.dtype)
            return whole.reshape(shape).copy()
        tensor = value.immediateValue.tensor
        field = tensor.WhichOneof("value")
        if field == "bytes":
            return np.frombuffer(tensor.bytes.values, data_type.dtype).reshape(shape).copy()
        return np.array(list(getattr(tensor, field).values) if field else [], data_type.dtype).reshape(shape)

    def write(self, value: Any, elements: Array) -> None:
        """Put other elements in their place."""
        data_type, _ = kind(value)
        flat = np.ascontiguousarray(elements, data_type.dtype).reshape(-1)
        if value.WhichOneof("value") == "blobFileValue":
            self._raw(value)[:] = _packed(flat, data_type) if data_type.is_packed else flat.view(np.uint8)
            return
        tensor = value.immediateValue.tensor
        field = tensor.WhichOneof("value")
        if field == "bytes":
            tensor.bytes.values = flat.tobytes()
        else:
            getattr(tensor, field).values[:] = flat.tolist()

    def save(self) -> None:
        """Write protobuf and weights."""
        (self.directory / "Data/com.apple.CoreML/model.mlmodel").write_bytes(self.model.SerializeToString())
        self._bytes.tofile(self._weights)

    def _raw(self, value: Any) -> Array:
        at = value.blobFileValue.offset
        record = self._bytes[at : at + _RECORD.itemsize].view(_RECORD)[0]
        return self._bytes[int(record["start"]) : int(record["start"]) + int(record["size"])]


def kind(value: Any) -> tuple[DataType, tuple[int, ...]]:
    """Element type and shape of a constant."""
    tensor = value.type.tensorType
    return BY_NUMBER[tensor.dataType], tuple(int(one.constant.size) for one in tensor.dimensions)


def _packed(flat: Array, data_type: DataType) -> Array:
    bits = np.unpackbits(flat.view(np.uint8).reshape(-1, 1), axis=1, count=data_type.bits, bitorder="little")
    return np.packbits(bits, bitorder="little")


def fault(kind: str, name: str, spoil: Callable[[Spoilt], None], package: str = "Model.mlpackage") -> Fault:
    """A fault that is a change of one package."""

    def plant(folder: Path) -> None:
        opened = Spoilt(folder / package)
        spoil(opened)
        opened.save()

    return Fault(kind, name, plant)
