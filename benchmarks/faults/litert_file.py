"""A LiteRT bundle that is spoilt: its model opened, changed, and written as a tool would that knows no better.

By the schema that ai-edge-litert ships, which has every field of a file, and none of our code.
"""

import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from benchmarks.faults.frame import Fault
from exporter.model.ops import Array
from exporter.targets.litert.lower import FILE
from exporter.targets.litert.mediapipe.metadata import append_files
from runtimes.tflite.schema import ALIGNMENT, IDENTIFIER

_TYPES = {number: name for name, number in vars(schema.TensorType).items() if isinstance(number, int)}
_OPERATORS = {number: name for name, number in vars(schema.BuiltinOperator).items() if isinstance(number, int)}

_OPTIONS = {
    **dict.fromkeys(("SUM", "MEAN", "REDUCE_MAX"), "ReducerOptions"),
    **dict.fromkeys(("MAXIMUM", "MINIMUM"), "MaximumMinimumOptions"),
}
"""Operator → its kind of options, where that has another name."""


class Spoilt:
    """The model of a bundle in memory; `graph` is its first subgraph."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.model = schema.ModelT.InitFromPackedBuf((folder / FILE).read_bytes())
        self._behind = _files_behind(folder / FILE)
        self.graph = self.model.subgraphs[0]

    def tensors(self) -> Iterator[Any]:
        """Of all subgraphs."""
        yield from (one for graph in self.model.subgraphs for one in graph.tensors)

    def names(self) -> list[str]:
        """Of the tensors of the first subgraph, by their numbers."""
        return [name_of(one) for one in self.graph.tensors]

    def tensor(self, name: str) -> Any:
        """A tensor of the first subgraph."""
        return self.graph.tensors[self.names().index(name)]

    def constants(self) -> dict[str, Any]:
        """Tensors of the first subgraph that have values, by name."""
        return {name_of(one): one for one in self.graph.tensors if self.model.buffers[one.buffer].data is not None}

    def read(self, name: str) -> Array:
        """A constant's values, a copy; of int4 the bytes that two share, rows of them."""
        tensor = self.tensor(name)
        content, shape = np.array(self.model.buffers[tensor.buffer].data, np.uint8), tuple(tensor.shape)
        if tensor.type == schema.TensorType.INT4:
            return content.reshape(*shape[:-1], shape[-1] // 2)
        return content.view(np.dtype(_TYPES[tensor.type].lower())).reshape(shape)

    def write(self, name: str, values: Array) -> None:
        """Put other values in the place of a constant's, for all that share its buffer."""
        self.model.buffers[self.tensor(name).buffer].data = np.ascontiguousarray(values).reshape(-1).view(np.uint8)

    def rescale(self, name: str, scale: Array) -> None:
        """Give a tensor other scales, in every subgraph."""
        for one in self.tensors():
            if name_of(one) == name:
                one.quantization.scale = np.asarray(scale, np.float32)

    def node(self, result: str) -> Any:
        """The operator of the first subgraph that makes a tensor."""
        at = self.names().index(result)
        return next(one for one in self.graph.operators if at in one.outputs)

    def operator(self, node: Any) -> str:
        """What an operator is."""
        return _OPERATORS[self.model.operatorCodes[node.opcodeIndex].builtinCode]

    def version(self, node: Any) -> int:
        """Of an operator."""
        return int(self.model.operatorCodes[node.opcodeIndex].version)

    def turn(self, node: Any, operator: str, version: int) -> None:
        """Make another operator of one; its tensors stay, and of its options those that the other has too."""
        number, own = getattr(schema.BuiltinOperator, operator), self.operator(node)
        self.model.operatorCodes.append(schema.OperatorCodeT(min(number, 127), None, version, number))
        node.opcodeIndex = len(self.model.operatorCodes) - 1
        if operator != own:
            before = {} if node.builtinOptions is None else vars(node.builtinOptions)
            node.builtinOptionsType, node.builtinOptions = _options_of(operator)
            if node.builtinOptions is not None:
                vars(node.builtinOptions).update(
                    {key: before[key] for key in vars(node.builtinOptions) if key in before}
                )

    def save(self) -> None:
        """Write the model, and the files behind it where there were some."""
        builder = flatbuffers.Builder(1 << 20)
        self.model.buffers = [_AlignedBuffer(one.data) for one in self.model.buffers]
        builder.Finish(self.model.Pack(builder), file_identifier=IDENTIFIER)
        with (self.folder / FILE).open("w+b") as file:
            file.write(builder.Output())
            if self._behind:
                append_files(file, self._behind)


class _AlignedBuffer(schema.BufferT):  # type: ignore[misc] # of an untyped package
    """Where the generated code (2.3) forgets `force_align`."""

    def Pack(self, builder: Any) -> int:  # noqa: N802 - its name there
        data = None
        if self.data is not None:
            content = np.asarray(self.data, np.uint8).tobytes()
            builder.StartVector(1, len(content), ALIGNMENT)
            builder.head -= len(content)
            builder.Bytes[builder.head : builder.head + len(content)] = content
            data = builder.EndVector()
        schema.BufferStart(builder)
        if data is not None:
            schema.BufferAddData(builder, data)
        return int(schema.BufferEnd(builder))


def _files_behind(path: Path) -> dict[str, bytes]:
    """The files in a zip that a model ends in."""
    if not zipfile.is_zipfile(path):
        return {}
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _options_of(operator: str) -> tuple[int, Any]:
    """The number of an operator's kind of options, and such options; 0 and None for one that has none."""
    kind = _OPTIONS.get(operator, "".join(part.capitalize() for part in operator.split("_")) + "Options")
    number = getattr(schema.BuiltinOptions, kind, 0)
    return number, getattr(schema, f"{kind}T")() if number else None


def name_of(tensor: Any) -> str:
    """A tensor's name."""
    return str(tensor.name.decode())


def fault(kind: str, name: str, spoil: Callable[[Spoilt], None]) -> Fault:
    """A fault of a bundle's model."""

    def plant(folder: Path) -> None:
        opened = Spoilt(folder)
        spoil(opened)
        opened.save()

    return Fault(kind, name, plant)
