"""Reading a .tflite file into a `Model`: every offset, count, index and size is held against the file first.

LiteRT's interpreter believes the file that it is given. The buffers of the model are views of the mapped file: nothing
of a weight is in memory before it is asked for. The map is closed with the last of them, and there is no other handle:
where a file is to be moved or replaced on Windows, drop the model first.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import prod
from pathlib import Path

import numpy as np

from runtimes.errors import BundleError, in_one_line
from runtimes.tflite import schema
from runtimes.tflite.flatbuffer import FlatBuffer, Table
from runtimes.tflite.model import FREE, Array, Model, Node, OptionValue, Quantization, Signature, Subgraph, Tensor

MOST_BYTES = 4 << 30
"""Of a file: a flatbuffer ends at 2 GB, and data may lie behind it."""
_TYPES = {number: name for name, number in (schema.TYPES | schema.FOREIGN_TYPES).items()}
_MOST_AXES = 8
_MOST_FREE = 1 << 28
"""Elements of all tensors of free sizes together, as large as LiteRT makes them before anybody says a size."""
_CUSTOM = schema.OPERATOR_NAMES.index("CUSTOM")
_BLOCKWISE = 2
"""Number of BlockwiseQuantization in the union QuantizationDetails."""
_FIELDS: Mapping[str, tuple[frozenset[int], Mapping[int, str]]] = {
    "model": (frozenset((0, 1, 2, 3, 4, 6, 7)), {8: "groups of other files", 9: "data in other files"}),
    "operator code": (frozenset((0, 1, 2, 3)), {}),
    "graph": (frozenset((0, 1, 2, 3, 4, 5)), {}),
    "tensor": (frozenset((0, 1, 2, 3, 4, 5, 7, 8)), {6: "sparse values", 9: "variants", 10: "data in other files"}),
    "quantization": (frozenset((0, 1, 2, 3, 4, 5, 6)), {}),
    "block of scales": (frozenset((0, 1, 2)), {}),
    "node": (frozenset((0, 1, 2, 3, 4, 5, 6, 13)), {7: "a state", 8: "a state", 12: "options of another kind"}),
}
"""Of each kind of table the fields that are read, and names of some others."""


def read_model(path: Path) -> Model:
    """Read the file at `path`. Raises BundleError where it is not what it should be, in one line.

    An operator that the schema has is known by its name there; one of another's making is `CUSTOM` and its code.
    Options that are stored and that `schema.OPERATORS` does not list are `slot N`, as an unsigned integer.
    """
    return _Reader(FlatBuffer(path, _mapped(path))).model()


def _mapped(path: Path) -> Array:
    """The bytes of a plain file; a pipe or a device has no size to be held to anything."""
    try:
        size_bytes = path.stat().st_size
        if not path.is_file() or not 8 <= size_bytes <= MOST_BYTES:
            raise BundleError(f"{path}: a .tflite file has 8 bytes to 4 GB, and this is none; give the path of one")
        return np.memmap(path, dtype=np.uint8, mode="r").view(np.ndarray)
    except OSError as error:
        raise BundleError(
            f"{path}: cannot be read ({error.strerror or error}); give the path of a .tflite file"
        ) from error


class _Reader:
    """Makes a model of a flatbuffer."""

    def __init__(self, file: FlatBuffer) -> None:
        self._file = file
        self._root = file.root(schema.IDENTIFIER)
        self._data: list[tuple[int, Array]] = []
        self._codes: list[tuple[str, int]] = []
        self._free_elements = 0

    def model(self) -> Model:
        """All of the file."""
        root = self._root
        if (version := root.scalar(0, "Uint32")) != schema.VERSION:
            raise self._refused(f"schema version {version}, and there is only {schema.VERSION}")
        self._only(root, "model")
        self._data = [self._buffer(table) for table in root.tables(4)]
        if not self._data or len(self._data[0][1]):
            raise self._refused("its first buffer stands for no data, and is missing or has some")
        self._codes = [self._code(table) for table in root.tables(1)]
        graphs = [self._subgraph(table) for table in root.tables(2)]
        if not graphs:
            raise self._refused("there is no graph in it")
        metadata, theirs = self._metadata(root.tables(6))
        while len(self._data) - 1 in theirs:
            self._data.pop()
        buffers = [data for _, data in self._data]
        return Model(graphs, self._signatures(root.tables(7), graphs), buffers, root.text(3), metadata)

    def _buffer(self, table: Table) -> tuple[int, Array]:
        """Where data begin, and they: in the flatbuffer, or where `offset` and `size` say; 0 and 1 are no offset."""
        start, data = table.data(0)
        offset, size = table.scalar(1, "Uint64"), table.scalar(2, "Uint64")
        if offset <= 1:
            return start, data
        if start:
            raise self._refused("a buffer has its data in two places")
        self._file.require(offset, size)
        return offset, self._file.content[offset : offset + size]

    def _code(self, table: Table) -> tuple[str, int]:
        """Name and version of an operator; its number is in two fields, of which the older one ends at 127."""
        self._only(table, "operator code")
        number, version = max(table.scalar(0, "Int8"), table.scalar(3, "Int32")), table.scalar(2, "Int32", 1)
        if not 0 <= number < len(schema.OPERATOR_NAMES):
            raise self._refused(f"operator {number}, and the schema has {len(schema.OPERATOR_NAMES)}")
        name = schema.OPERATOR_NAMES[number]
        return f"{name} {table.text(1)}" if number == _CUSTOM else name, version

    def _subgraph(self, table: Table) -> Subgraph:
        self._only(table, "graph")
        name, _ = table.text(4), table.scalar(5, "Int32")
        listed = list(table.tables(0))
        tensors = [self._tensor(one, len(listed)) for one in listed]
        inputs, outputs = (self._indices(table.ints(slot), len(tensors), f"graph {name}") for slot in (1, 2))
        return Subgraph(name, tensors, inputs, outputs, [self._node(one, len(tensors)) for one in table.tables(3)])

    def _tensor(self, table: Table, tensors: int) -> Tensor:
        self._only(table, "tensor")
        name, number, buffer = table.text(3), table.scalar(1, "Int8"), table.scalar(2, "Uint32")
        if number not in _TYPES:
            raise self._refused(f"tensor {name} has the type {number}, which is none")
        if buffer >= len(self._data):
            raise self._refused(f"tensor {name} is in buffer {buffer} of {len(self._data)}")
        if table.scalar(5, "Bool") or not table.scalar(8, "Bool", True):
            raise self._refused(f"tensor {name} keeps a state, or has any number of axes, which bertport does not read")
        shape, dtype = self._shape(name, table), _TYPES[number]
        filled = self._check_data(name, dtype, shape, *self._data[buffer])
        return Tensor(name, dtype, shape, buffer if filled else 0, self._quantization(name, table, shape, tensors))

    def _shape(self, name: str, table: Table) -> tuple[int, ...]:
        """Sizes; FREE where the signature of the shape has it, which must otherwise say the same.

        What the shape says there is what LiteRT begins with: a gigabyte, if it says so.
        """
        shape, signature = table.ints(0), table.ints(7)
        if len(shape) > _MOST_AXES or any(size < 0 for size in shape):
            raise self._refused(f"tensor {name} has the shape {_listed(shape)}")
        if not signature:
            return shape
        if len(signature) != len(shape) or any(b not in (FREE, a) for a, b in zip(shape, signature, strict=True)):
            raise self._refused(f"tensor {name} has the shape {_listed(shape)} and the signature {_listed(signature)}")
        self._free_elements += prod(max(1, size) for size in shape)
        if self._free_elements > _MOST_FREE:
            raise self._refused(f"tensor {name} has the shape {_listed(shape)} where any size is taken")
        return signature

    def _check_data(self, name: str, dtype: str, shape: tuple[int, ...], start: int, data: Array) -> bool:
        """Whether a tensor is a constant. Raises BundleError where its data are not what its shape and type need."""
        if not len(data):
            return False
        bits = schema.BITS.get(dtype)
        if bits is None:
            return True  # texts: no size to be held to
        needed = (prod(shape) * bits + 7) // 8
        if FREE in shape or len(data) != needed:
            raise self._refused(f"tensor {name} of {dtype} {_listed(shape)} has {len(data):,} bytes of data")
        if start % max(1, bits // 8):
            raise self._refused(f"the data of tensor {name} begin at {start:,}, which is no multiple of their size")
        return True

    def _quantization(self, name: str, of: Table, shape: tuple[int, ...], tensors: int) -> Quantization | None:
        """Scales by tensor, by channel or by block; None where there are none. LiteRT holds the counts to the same."""
        table = of.table(4)
        if table is None:
            return None
        self._only(table, "quantization")
        scale, zero_point = table.numbers(2, "f4"), table.numbers(3, "i8")
        axis, kind = table.scalar(6, "Int32"), table.scalar(4, "Uint8")
        if kind == _BLOCKWISE:
            return self._blockwise(name, table.table(5), axis, tensors)
        if kind:
            raise self._refused(f"tensor {name} is quantized in the way {kind}, which bertport does not read")
        if not len(scale):
            return None
        fits = len(scale) == 1 or (0 <= axis < len(shape) and shape[axis] == len(scale))
        if not fits or len(zero_point) not in (0, len(scale)):
            counts = f"{len(scale):,} scales and {len(zero_point):,} zero points along axis {axis}"
            raise self._refused(f"tensor {name} {_listed(shape)} has {counts}")
        return Quantization(scale, axis, zero_point if zero_point.any() else None)

    def _blockwise(self, name: str, table: Table | None, axis: int, tensors: int) -> Quantization:
        scales, zero_points, size = (table.scalar(slot, "Int32") for slot in (0, 1, 2)) if table else (-1, -1, 0)
        if not 0 <= scales < tensors or zero_points not in (-1, 0) or size < 1:
            raise self._refused(f"tensor {name} has blocks of {size} with the scales {scales} of {tensors} tensors")
        return Quantization(np.zeros(0, np.float32), axis, None, scales, size)

    def _node(self, table: Table, tensors: int) -> Node:
        code = table.scalar(0, "Uint32")
        if code >= len(self._codes):
            raise self._refused(f"a node of operator {code}, and {len(self._codes)} are listed")
        name, version = self._codes[code]
        self._only(table, "node")
        inputs = self._indices(table.ints(1), tensors, name, least=-1)
        return Node(name, version, inputs, self._indices(table.ints(2), tensors, name), self._options(name, table))

    def _options(self, name: str, node: Table) -> Mapping[str, OptionValue]:
        operator = schema.OPERATORS.get(name, schema.Operator(-1))
        union, table = node.scalar(3, "Uint8"), node.table(4)
        if (union != 0) != (table is not None) or (operator.union and union not in (0, operator.union)):
            raise self._refused(f"a node {name} has the options {union}, which are another operator's")
        known = operator.options or {}
        if table is None:
            return {option: one.default for option, one in known.items()}
        found: dict[str, OptionValue] = {option: _option(table, one) for option, one in known.items()}
        listed = {one.slot for one in known.values()}
        return found | {f"slot {slot}": table.raw(slot) for slot in sorted(table.stored - listed)}

    def _metadata(self, tables: Iterable[Table]) -> tuple[Mapping[str, bytes], set[int]]:
        """Metadata by name, and the numbers of their buffers."""
        found: dict[str, bytes] = {}
        theirs = set()
        for table in tables:
            name, buffer = table.text(0), table.scalar(1, "Uint32")
            if name in found or buffer >= len(self._data):
                raise self._refused(f"metadata {name} are there twice, or in buffer {buffer} of {len(self._data)}")
            content = self._data[buffer][1]
            self._file.spend(len(content))
            found[name] = content.tobytes()
            theirs.add(buffer)
        return found, theirs

    def _signatures(self, tables: Iterable[Table], graphs: Sequence[Subgraph]) -> list[Signature]:
        found: dict[str, Signature] = {}
        for table in tables:
            key, number = table.text(2), table.scalar(4, "Uint32")
            if key in found or number >= len(graphs):
                raise self._refused(f"signature {key} is there twice, or of graph {number} of {len(graphs)}")
            inputs, outputs = (self._names(key, table.tables(slot), graphs[number]) for slot in (0, 1))
            found[key] = Signature(key, number, inputs, outputs)
        return list(found.values())

    def _names(self, key: str, tables: Iterable[Table], graph: Subgraph) -> Mapping[str, int]:
        pairs = [(table.text(0), table.scalar(1, "Uint32")) for table in tables]
        self._indices([number for _, number in pairs], len(graph.tensors), f"signature {key}")
        if len(dict(pairs)) != len(pairs):
            raise self._refused(f"signature {key} has a name twice")
        return dict(pairs)

    def _indices(self, found: Sequence[int], count: int, subject: str, least: int = 0) -> tuple[int, ...]:
        if any(not least <= one < count for one in found):
            raise self._refused(f"{subject} refers to a tensor that is not there: {_listed(found)} of {count}")
        return tuple(found)

    def _only(self, table: Table, what: str) -> None:
        known, names = _FIELDS[what]
        table.require_only(f"a {what}", known, names)

    def _refused(self, reason: str) -> BundleError:
        return self._file.refused(in_one_line(reason, 300))


def _listed(numbers: Sequence[int]) -> str:
    return f"[{', '.join(map(str, numbers[:_MOST_AXES]))}{', …' if len(numbers) > _MOST_AXES else ''}]"


def _option(table: Table, option: schema.Option) -> OptionValue:
    if option.kind == "Ints":
        return table.ints(option.slot)
    value: OptionValue = table.scalar(option.slot, option.kind, option.default)
    return value
