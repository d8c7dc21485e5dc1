"""Building a subgraph of a .tflite model, tensor by tensor under the names that other targets give them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from exporter.model.ops import Array
from runtimes.tflite.model import FREE, Model, Node, OptionValue, Quantization, Signature, Subgraph, Tensor
from runtimes.tflite.schema import TYPES

Add = Callable[[str, Array], str]
"""`add(name, values)` stores a constant under a name, once for all subgraphs."""


@dataclass(frozen=True)
class Scaled:
    """What makes floats of a constant's integers: the name of its stored scales, one for each row.

    With `block_size` they are those of so many numbers of a row, and a tensor of the subgraph themselves.
    """

    scales: str
    block_size: int = 0


@dataclass(frozen=True)
class Value:
    """A tensor of a subgraph. `stored`: of a constant, the name that its values are stored under."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    stored: str | None = None
    scaled: Scaled | None = None


@dataclass(frozen=True)
class Step:
    """An operator, its tensors by name."""

    operator: str
    version: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    options: Mapping[str, OptionValue] = field(default_factory=dict)


class Graph:
    """Grows a subgraph; a handle is a tensor's name.

    `length` is the number of tokens of its one row, or FREE: then rows and tokens are what the caller gives.
    """

    def __init__(self, key: str, length: int, add: Add) -> None:
        self.key, self.length, self.rows = key, length, FREE if length == FREE else 1
        self.values: dict[str, Value] = {}
        self.steps: list[Step] = []
        self.inputs: list[str] = []
        self.outputs: dict[str, str] = {}
        self._add = add

    def input(self, name: str, shape: tuple[int, ...]) -> str:
        """An int32 input."""
        self.inputs.append(name)
        return self._value(Value(name, "int32", shape))

    def shape(self, x: str) -> tuple[int, ...]:
        """The shape of a tensor, FREE where the caller sets a size."""
        return self.values[x].shape

    def constant(self, name: str, values: Array | np.generic) -> str:
        """A constant as it is."""
        array = np.asarray(values)
        self._add(name, array)
        return self.stored(name, array.dtype.name, array.shape)

    def integers(self, name: str, values: Sequence[int]) -> str:
        """An int32 vector."""
        return self.constant(name, np.array(values, np.int32))

    def stored(self, stored: str, dtype: str, shape: tuple[int, ...]) -> str:
        """A constant whose values are stored already."""
        return self._value(Value(stored, dtype, shape, stored))

    def scaled(self, name: str, stored: str, dtype: str, shape: tuple[int, ...], how: Scaled) -> str:
        """A constant of integers that its reader makes floats of."""
        return self._value(Value(name, dtype, shape, stored, how))

    def node(
        self,
        operator: str,
        inputs: Sequence[str],
        name: str,
        shape: tuple[int, ...],
        dtype: str = "float32",
        version: int = 1,
        **options: OptionValue,
    ) -> str:
        """One operator with one result, made once."""
        if name not in self.values:
            self._value(Value(name, dtype, shape))
            self.steps.append(Step(operator, version, tuple(inputs), (name,), options))
        return name

    def split(self, name: str, x: str, parts: int) -> list[str]:
        """`x` in so many equal parts along its last axis."""
        if parts == 1:
            return [x]
        *first, width = self.shape(x)
        names = [f"{name}.{number}" for number in range(parts)]
        for part in names:
            self._value(Value(part, "float32", (*first, width // parts)))
        axis = self.integers(f"axis.{len(first)}", [len(first)])
        self.steps.append(Step("SPLIT", 1, (axis, x), tuple(names), {"parts": parts}))
        return names

    def part(self, x: str, name: str, axis: int, bounds: tuple[int, int], size: int) -> str:
        """Of one axis what lies between two bounds, `size` of it; of the others all.

        As STRIDED_SLICE, which XNNPACK takes where sizes are free; the masks say which axes are whole.
        """
        shape, others = list(self.shape(x)), (1 << len(self.shape(x))) - 1 - (1 << axis)
        kind = f"{axis}.of.{len(shape)}"
        begin, end = (
            self.integers(f"bound.{bound}.{kind}", [bound if at == axis else 0 for at in range(len(shape))])
            for bound in bounds
        )
        step = self.integers(f"step.{len(shape)}", [1] * len(shape))
        shape[axis] = size
        return self.node(
            "STRIDED_SLICE",
            [x, begin, end, step],
            name,
            tuple(shape),
            self.values[x].dtype,
            begin_mask=others,
            end_mask=others,
        )

    def cast(self, x: str, name: str, to: str) -> str:
        """`x` as another type."""
        kinds = {"from_type": TYPES[self.values[x].dtype], "to_type": TYPES[to]}
        return self.node("CAST", [x], name, self.shape(x), to, **kinds)

    def arithmetic(self, operator: str, left: str, right: str, name: str, shape: tuple[int, ...] | None = None) -> str:
        """ADD, SUB, MUL or DIV; of the left one's shape if nothing else is said."""
        dtype = self.values[left].dtype
        return self.node(operator, [left, right], name, shape or self.shape(left), dtype, activation=0)

    def reshaped(self, x: str, name: str, shape: tuple[int, ...], sizes: str | None = None) -> str:
        """`x` in another shape; `sizes` is the tensor that says it where more than one size is free."""
        sizes = sizes or self.integers(f"shape.{'x'.join(map(str, shape))}", shape)
        return self.node("RESHAPE", [x, sizes], name, shape, self.values[x].dtype)

    def sizes(self, name: str, *parts: str | int) -> str:
        """A vector of sizes: numbers, and names of int32 vectors. Numbers alone are a constant, of all subgraphs."""
        if all(isinstance(part, int) for part in parts):
            return self.integers(
                f"{name}.{'.'.join(map(str, parts))}", [part for part in parts if isinstance(part, int)]
            )
        pieces = [self.integers(f"size.{part}", [part]) if isinstance(part, int) else part for part in parts]
        total = sum(self.shape(piece)[0] for piece in pieces)
        return self.node("CONCATENATION", pieces, name, (total,), "int32", axis=0)

    def _value(self, value: Value) -> str:
        self.values.setdefault(value.name, value)
        return value.name


def assemble(graphs: Sequence[Graph], arrays: Mapping[str, Array], description: str) -> Model:
    """A model of these subgraphs; `arrays` are the values of what is stored, each a buffer once."""
    used = dict.fromkeys(value.stored for graph in graphs for value in graph.values.values() if value.stored)
    numbers = {name: number for number, name in enumerate(used, 1)}
    subgraphs = [_subgraph(graph, numbers, arrays) for graph in graphs]
    signatures = [_signature(graph, number) for number, graph in enumerate(graphs)]
    buffers = [np.zeros(0, np.uint8), *(np.asarray(arrays[name]) for name in used)]
    return Model(subgraphs, signatures, buffers, description)


def _subgraph(graph: Graph, buffers: Mapping[str, int], arrays: Mapping[str, Array]) -> Subgraph:
    at = _numbers(graph)
    tensors = [
        Tensor(one.name, one.dtype, one.shape, buffers[one.stored] if one.stored else 0, _quantization(one, at, arrays))
        for one in graph.values.values()
    ]
    nodes = [
        Node(
            step.operator,
            step.version,
            tuple(at[name] for name in step.inputs),
            tuple(at[name] for name in step.outputs),
            step.options,
        )
        for step in graph.steps
    ]
    inputs, outputs = (tuple(at[name] for name in side) for side in (graph.inputs, graph.outputs.values()))
    return Subgraph(graph.key, tensors, inputs, outputs, nodes)


def _numbers(graph: Graph) -> dict[str, int]:
    return {name: number for number, name in enumerate(graph.values)}


def _quantization(value: Value, at: Mapping[str, int], arrays: Mapping[str, Array]) -> Quantization | None:
    how = value.scaled
    if how is None:
        return None
    if how.block_size:
        return Quantization(np.zeros(0, np.float32), 0, None, at[how.scales], how.block_size)
    return Quantization(arrays[how.scales].reshape(-1).astype(np.float32))


def _signature(graph: Graph, number: int) -> Signature:
    at = _numbers(graph)
    inputs = {name: at[name] for name in graph.inputs}
    return Signature(graph.key, number, inputs, {name: at[x] for name, x in graph.outputs.items()})
