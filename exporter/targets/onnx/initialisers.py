"""Initialisers of an ONNX graph: tensors stored under a name, once, and the nodes that make floats of them."""

from collections.abc import Callable

import numpy as np
from onnx import TensorProto

from exporter.model.ops import Array
from exporter.targets.onnx.file import Tensor

Node = Callable[..., str]
"""`node(operator, inputs, name, **attributes)` adds a node to the graph; returns its result's name."""


class Initialisers:
    """Tensors of a graph, which `node` adds nodes to."""

    def __init__(self, node: Node) -> None:
        self.tensors: list[Tensor] = []
        self._node = node
        self._names: set[str] = set()

    def add(self, name: str, values: Array | np.generic) -> str:
        """Store a tensor under a name, once."""
        if name not in self._names:
            self._names.add(name)
            self.tensors.append((name, np.asarray(values)))
        return name

    @property
    def met(self) -> frozenset[str]:
        """Names of all tensors so far."""
        return frozenset(self._names)

    def _scaled(self, name: str, integers: str, scale: str) -> str:
        return self._node("Mul", [self._cast(integers, f"{name}.unscaled"), scale], name)

    def _cast(self, x: str, name: str) -> str:
        return self._node("Cast", [x], name, to=TensorProto.FLOAT)
