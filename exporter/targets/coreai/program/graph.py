"""A Core AI program as data: functions, operations and constants, and the builder that records them.

What is recorded is built and saved by `building_child`, the one process that imports Apple's package. Operations are
called as in `coreai.authoring`, and every one bears the name of the tensor that it makes or helps to make.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from exporter.model.ops import Array
from exporter.targets.coreai.program.shapes import RESULTS, Tensor

Operand = Tensor | Array | np.generic
"""What an operation reads: a tensor of its graph, or a small constant that is written into the graph."""


@dataclass(frozen=True)
class Constant:
    """A constant's bytes as they lie in the file; `element` is numpy's name of a type, or int4, uint4, uint6."""

    element: str
    shape: tuple[int, ...]
    data: Array


@dataclass(frozen=True)
class Operation:
    """One operation: `operands` in order (a list of them where it takes several as one), `options` beside them.

    `constant` reads no operand, and `options` name what is stored.
    """

    kind: str
    name: str
    operands: tuple[Operand | list[Tensor], ...]
    options: Mapping[str, str]
    result: Tensor


@dataclass
class Graph:
    """A function: its inputs by name, its operations in order, its outputs by name."""

    name: str
    inputs: dict[str, Tensor] = field(default_factory=dict)
    operations: list[Operation] = field(default_factory=list)
    outputs: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Program:
    """Functions that share constants; `constants` in the order in which they were first read."""

    functions: tuple[Graph, ...]
    constants: Mapping[str, Constant]


class Builder:
    """Records the operations of a graph: each is a method, called as in `coreai.authoring`."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._names: list[str] = []
        self._made = 0

    @contextmanager
    def named(self, name: str) -> Iterator[None]:
        """What is recorded inside bears `name`."""
        self._names.append(name)
        try:
            yield
        finally:
            self._names.pop()

    def input(self, name: str, element: str, shape: tuple[int, ...]) -> Tensor:
        """Declare an input of the graph."""
        self.graph.inputs[name] = self._tensor(element, shape)
        return self.graph.inputs[name]

    def constant(self, name: str, element: str, shape: tuple[int, ...]) -> Tensor:
        """A constant that the program stores under `name`."""
        return self._record("constant", (), {"constant": name}, (element, shape))

    def zeros(self, element: str, shape: tuple[int, ...]) -> Tensor:
        """Zeros, which take the room of one."""
        return self._record("filled", (), {"value": "0"}, (element, shape))

    def ones(self, element: str, shape: tuple[int, ...]) -> Tensor:
        """Ones, which take the room of one."""
        return self._record("filled", (), {"value": "1"}, (element, shape))

    def __getattr__(self, kind: str) -> Callable[..., Tensor]:
        """Any operation that is known in `shapes`. Raises AttributeError for another."""
        if kind not in RESULTS:
            raise AttributeError(f"the shape of {kind}'s result is not known; give it one in coreai/program/shapes.py")

        def call(*operands: Any, **options: str) -> Tensor:
            return self._record(kind, operands, options, RESULTS[kind](*operands, **options))

        return call

    def _record(
        self,
        kind: str,
        operands: Sequence[Any],
        options: Mapping[str, str],
        result: tuple[str, tuple[int, ...]],
    ) -> Tensor:
        made = self._tensor(*result)
        self.graph.operations.append(Operation(kind, self._names[-1], tuple(operands), dict(options), made))
        return made

    def _tensor(self, element: str, shape: tuple[int, ...]) -> Tensor:
        self._made += 1
        return Tensor(self._made - 1, element, tuple(shape))
