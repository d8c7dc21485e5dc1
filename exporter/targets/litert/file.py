"""Writing a .tflite file: the flatbuffer without its data first, then one buffer after another.

A flatbuffer's offsets point forward, so that all data can lie behind what refers to it: a model is never whole in
memory a second time. Tables and slots: LiteRT's schema.fbs, version 3.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO

import numpy as np

from exporter.targets.litert.flatbuffer import OFFSET, Flatbuffer
from runtimes.errors import LoweringError
from runtimes.tflite import schema
from runtimes.tflite.model import FREE, Array, Model, Node, Quantization, Signature, Subgraph, Tensor

_BLOCKWISE = 2
"""Number of BlockwiseQuantization in the union QuantizationDetails."""
_NO_DATA = 1
"""What stands where the offset of a buffer's data will: anything but 0, which is not written."""


def write(file: IO[bytes], model: Model) -> None:
    """Write `model`; its metadata become buffers behind its own. Raises LoweringError for more than a file can hold."""
    contents = [*model.buffers, *(np.frombuffer(one, np.uint8) for one in model.metadata.values())]
    head, places = _Writer(model).head()
    starts, end = _starts(len(head), contents)
    if end > schema.MAX_BYTES:
        raise LoweringError(f"litert: {end:,} bytes, and a .tflite file holds 2 GB; use --quantize int8")
    for place, start in zip(places, starts, strict=True):
        if place is not None:
            head[place : place + 4] = (start - place).to_bytes(4, "little")
    file.write(head)
    at = len(head)
    for values, start in zip(contents, starts, strict=True):
        if values.nbytes:
            file.write(bytes(start - at) + values.nbytes.to_bytes(4, "little"))
            file.write(_little_endian(values).data)
            at = start + 4 + values.nbytes


def _starts(at: int, contents: Sequence[Array]) -> tuple[list[int], int]:
    """Where each vector begins, its length first and then its aligned data, and where the last one ends."""
    starts = []
    for values in contents:
        starts.append(-(-(at + 4) // schema.ALIGNMENT) * schema.ALIGNMENT - 4)
        at = starts[-1] + 4 + values.nbytes if values.nbytes else at
    return starts, at


def _little_endian(values: Array) -> Array:
    return np.ascontiguousarray(values).astype(values.dtype.newbyteorder("<"), copy=False).reshape(-1).view(np.uint8)


@dataclass(frozen=True)
class _Code:
    """An operator in a version, as the file lists each once."""

    operator: str
    version: int


class _Writer(Flatbuffer):
    """Builds the flatbuffer of a model, from its leaves up."""

    def __init__(self, model: Model) -> None:
        super().__init__(1 << 16)
        self._model = model
        self._shared: dict[tuple[int, ...], int] = {}
        self._zeros: dict[int, int] = {}
        nodes = [node for graph in model.subgraphs for node in graph.nodes]
        self._codes = [_Code(*one) for one in sorted({(node.operator, node.version) for node in nodes})]

    def head(self) -> tuple[bytearray, list[int | None]]:
        """The file up to its data, and where the offset of each buffer's data is to be written (None: it has none)."""
        model = self._model
        own = [self._buffer(values.nbytes > 0) for values in model.buffers]
        theirs = [self._buffer(len(content) > 0) for content in model.metadata.values()]
        metadata = [self._metadata(name, len(own) + i) for i, name in enumerate(model.metadata)]
        graphs = [self._subgraph(graph) for graph in model.subgraphs]
        signatures = [self._signature(one) for one in model.signatures]
        codes = [self._code(code) for code in self._codes]
        slots = [
            (0, "Uint32", schema.VERSION),
            (1, OFFSET, self.offsets(codes)),
            (2, OFFSET, self.offsets(graphs)),
            (3, OFFSET, self.text(model.description)),
            (4, OFFSET, self.offsets([*own, *theirs])),
            (6, OFFSET, self.offsets(metadata)),
            (7, OFFSET, self.offsets(signatures)),
        ]
        content = self.finished(self.table(8, slots), schema.IDENTIFIER)
        return content, [_data_field(content, table) for table in (*own, *theirs)]

    def _buffer(self, filled: bool) -> int:
        return self.table(3, [(0, "Uint32", _NO_DATA)] if filled else [])

    def _metadata(self, name: str, buffer: int) -> int:
        return self.table(2, [(0, OFFSET, self.text(name)), (1, "Uint32", buffer)])

    def _code(self, code: _Code) -> int:
        number = schema.OPERATORS[code.operator].number
        return self.table(4, [(0, "Int8", min(number, 127)), (2, "Int32", code.version), (3, "Int32", number)])

    def _subgraph(self, graph: Subgraph) -> int:
        tensors = [self._tensor(tensor) for tensor in graph.tensors]
        nodes = [self._node(node) for node in graph.nodes]
        slots = [
            (0, OFFSET, self.offsets(tensors)),
            (1, OFFSET, self.ints(graph.inputs)),
            (2, OFFSET, self.ints(graph.outputs)),
            (3, OFFSET, self.offsets(nodes)),
            (4, OFFSET, self.text(graph.name)),
        ]
        return self.table(5, slots)

    def _tensor(self, tensor: Tensor) -> int:
        """A size that the caller sets is 1 in the shape, and −1 in its signature."""
        slots: list[tuple[int, str, object]] = [
            (0, OFFSET, self.ints(tuple(1 if size == FREE else size for size in tensor.shape))),
            (1, "Int8", schema.TYPES[tensor.dtype]),
            (2, "Uint32", tensor.buffer),
            (3, OFFSET, self.text(tensor.name)),
        ]
        if tensor.quantization:
            slots.append((4, OFFSET, self._quantization(tensor.buffer, tensor.quantization)))
        if FREE in tensor.shape:
            slots.append((7, OFFSET, self.ints(tensor.shape)))
        return self.table(10, [*slots, (8, "Bool", True)])  # has_rank

    def _quantization(self, buffer: int, how: Quantization) -> int:
        """Written once for all graphs. Each scale has a zero point, of 8 bytes: one list of zeros a size."""
        if how.block_scales is not None:
            blocks = [(0, "Int32", how.block_scales), (1, "Int32", -1), (2, "Int32", how.block_size)]
            details = self.table(3, blocks)
            return self.table(7, [(4, "Uint8", _BLOCKWISE), (5, OFFSET, details), (6, "Int32", how.axis)])
        key, count = (buffer, how.axis), how.scale.size
        if key not in self._shared:
            if count not in self._zeros:
                self._zeros[count] = self.builder.CreateNumpyVector(np.zeros(count, "<i8"))
            scale = self.builder.CreateNumpyVector(np.ascontiguousarray(how.scale, "<f4"))
            slots = [(2, OFFSET, scale), (3, OFFSET, self._zeros[count]), (6, "Int32", how.axis)]
            self._shared[key] = self.table(7, slots)
        return self._shared[key]

    def _node(self, node: Node) -> int:
        operator = schema.OPERATORS[node.operator]
        slots: list[tuple[int, str, object]] = [
            (0, "Uint32", self._codes.index(_Code(node.operator, node.version))),
            (1, OFFSET, self.ints(node.inputs)),
            (2, OFFSET, self.ints(node.outputs)),
        ]
        if operator.union:
            slots += [(3, "Uint8", operator.union), (4, OFFSET, self._options(operator, node.options))]
        return self.table(5, slots)

    def _options(self, operator: schema.Operator, given: Mapping[str, object]) -> int:
        known = operator.options or {}
        slots: list[tuple[int, str, object]] = []
        for name, value in given.items():
            option = known[name]
            is_vector = option.kind == "Ints"
            slots.append((option.slot, OFFSET if is_vector else option.kind, self.ints(value) if is_vector else value))
        return self.table(max((one.slot + 1 for one in known.values()), default=0), slots)

    def _signature(self, one: Signature) -> int:
        maps = [
            self.offsets([self.table(2, [(0, OFFSET, self.text(n)), (1, "Uint32", t)]) for n, t in side])
            for side in (one.inputs.items(), one.outputs.items())
        ]
        key = self.text(one.key)
        return self.table(
            5, [(0, OFFSET, maps[0]), (1, OFFSET, maps[1]), (2, OFFSET, key), (4, "Uint32", one.subgraph)]
        )


def _data_field(content: bytearray, table: int) -> int | None:
    """Where in the file the first slot of a table lies, which the builder counts from the end; None where it is empty.

    A table begins with how far before it its vtable is; there the slots' offsets follow two sizes.
    """
    start = len(content) - table
    vtable = start - int.from_bytes(content[start : start + 4], "little", signed=True)
    if int.from_bytes(content[vtable : vtable + 2], "little") < 6:
        return None
    field = int.from_bytes(content[vtable + 4 : vtable + 6], "little")
    return start + field if field else None
