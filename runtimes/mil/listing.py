"""Listing the operations of a function as they are written, without computing or reading weights.

`plan` makes of a program what can be run, with its weights decoded. This is for whoever wants to know what is stored.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from runtimes.mil.datatypes import BY_NUMBER, Array, DataType, unpack
from runtimes.mil.package import Package
from runtimes.mil.refusal import refusal
from runtimes.mil.values import TensorType, read_value

_ALIGNED = 8
"""Elements of any width that begin at a multiple of it begin at a byte."""


@dataclass(frozen=True)
class Constant:
    """A value in a program: in its message, or in the weight file."""

    message: Any
    package: Package
    subject: str

    @property
    def declared(self) -> TensorType | None:
        """Its type and shape; None for what is no tensor."""
        kind = self.message.type.WhichOneof("type")
        return TensorType.of(self.message.type, self.subject) if kind == "tensorType" else None

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape, in which an unknown size, which a constant cannot have, is −1."""
        return tuple(-1 if size is None else size for size in self.declared.shape) if self.declared else ()

    @property
    def place(self) -> tuple[str, int] | None:
        """Name of the weight file and offset in it; None for a value in the message."""
        if self.message.WhichOneof("value") != "blobFileValue":
            return None
        return self.message.blobFileValue.fileName, self.message.blobFileValue.offset

    def read(self) -> Array:
        """All of it. Raises BundleError as `values.read_value`."""
        return read_value(self.message, self.package.blob_file, self.subject)

    def elements(self) -> "Elements":
        """Its elements, to be read in parts. Raises BundleError for what is no tensor."""
        declared = self.declared
        if declared is None or -1 in self.shape:
            raise refusal(f"{self.subject}: not a tensor of a known shape; export the package again")
        count = math.prod(self.shape)
        if self.place is None:
            return Elements(self.read().reshape(-1), declared.data_type, count, packed=False)
        name, offset = self.place
        data = self.package.blob_file(name).raw(offset, declared.data_type, count)
        if declared.data_type.is_packed:
            return Elements(data, declared.data_type, count, packed=True)
        return Elements(data.view(declared.data_type.dtype.newbyteorder("<")), declared.data_type, count, packed=False)


@dataclass(frozen=True)
class Elements:
    """A flat array that is unpacked part by part: what is packed stays so, in the mapped file."""

    data: Array
    data_type: DataType
    count: int
    packed: bool

    def part(self, start: int, stop: int) -> Array:
        """Elements from `start`, a multiple of 8, to before `stop`."""
        if not self.packed:
            return self.data[start:stop]
        if start % _ALIGNED:
            raise ValueError(f"elements from {start} on begin within a byte")
        bits = self.data_type.bits
        return unpack(self.data[start * bits // 8 : math.ceil(stop * bits / 8)], stop - start, self.data_type)


Operand: TypeAlias = str | Constant
"""A tensor by its name, or a value; a `const` operation's result is its value."""


@dataclass(frozen=True)
class Listed:
    """One operation that is no `const`: its results with their declared types, its arguments by name."""

    type: str
    results: tuple[tuple[str, TensorType | None], ...]
    arguments: Mapping[str, tuple[Operand, ...]]
    blocks: int = 0

    @property
    def name(self) -> str:
        """The name of its first result."""
        return self.results[0][0] if self.results else ""


@dataclass(frozen=True)
class Listing:
    """A function: what it takes, its operations in their order, the values that its `const`s name, what it returns."""

    inputs: tuple[tuple[str, TensorType], ...]
    operations: tuple[Listed, ...]
    constants: Mapping[str, Constant]
    outputs: tuple[str, ...]
    opset: str

    @property
    def declared(self) -> dict[str, TensorType | None]:
        """Every tensor that is no `const`, by name, with its type."""
        results = {name: declared for operation in self.operations for name, declared in operation.results}
        return {**dict(self.inputs), **results}


def list_function(package: Package, name: str | None = None) -> Listing:
    """List one function of a package; None is its default one. Raises BundleError for what cannot be read."""
    found, function = package.function(name)
    if function.opset not in function.block_specializations:
        raise refusal(f"{package.directory}: {found} has no block for its opset {function.opset!r}; export it again")
    block = function.block_specializations[function.opset]
    inputs = tuple((one.name, TensorType.of(one.type, f"input {one.name}")) for one in function.inputs)
    constants = {name: value for one in block.operations if one.type == "const" for name, value in _const(package, one)}
    operations = tuple(_listed(package, one, constants) for one in block.operations if one.type != "const")
    return Listing(inputs, operations, constants, tuple(block.outputs), str(function.opset))


def _const(package: Package, message: Any) -> list[tuple[str, Constant]]:
    if "val" not in message.attributes or len(message.outputs) != 1:
        raise refusal(f"{package.directory}: a constant needs one value and one result; export the package again")
    name = message.outputs[0].name
    return [(name, Constant(message.attributes["val"], package, f"{package.directory}: {name}"))]


def _listed(package: Package, message: Any, constants: Mapping[str, Constant]) -> Listed:
    results = tuple((one.name, _type_of(one)) for one in message.outputs)
    place = f"{package.directory}: {results[0][0] if results else message.type}"
    arguments = {
        name: tuple(_operand(package, binding, constants, f"{place}, {name}") for binding in argument.arguments)
        for name, argument in message.inputs.items()
    }
    for name, value in message.attributes.items():
        if name != "name":  # iOS 16 writes the parameters of `constexpr_…` as attributes
            arguments[name] = (Constant(value, package, f"{place}, {name}"),)
    return Listed(message.type, results, arguments, len(message.blocks))


def _operand(package: Package, binding: Any, constants: Mapping[str, Constant], subject: str) -> Operand:
    if binding.WhichOneof("binding") == "value":
        return Constant(binding.value, package, subject)
    return constants.get(binding.name, str(binding.name))


def _type_of(message: Any) -> TensorType | None:
    """The declared type of a result; None for what is no tensor of a known type, such as a classifier's dictionary."""
    if message.type.WhichOneof("type") != "tensorType" or message.type.tensorType.dataType not in BY_NUMBER:
        return None
    return TensorType.of(message.type, message.name)
