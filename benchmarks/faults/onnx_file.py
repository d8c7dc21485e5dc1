"""An ONNX bundle that is spoilt: its model opened, changed, and written as a tool would that knows no better."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from benchmarks.faults.frame import Fault
from exporter.model.ops import Array
from exporter.targets.onnx.ops import FILE
from runtimes.bundle.manifest import MAPPED


class Spoilt:
    """The model of a bundle in memory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.model = onnx.load(folder / FILE)

    @property
    def graph(self) -> onnx.GraphProto:
        """Its graph."""
        return self.model.graph

    def tensor(self, name: str) -> onnx.TensorProto:
        """An initializer."""
        return next(one for one in self.graph.initializer if one.name == name)

    def read(self, name: str) -> Array:
        """An initializer's values, a copy."""
        return np.array(numpy_helper.to_array(self.tensor(name)))

    def write(self, name: str, values: Array) -> None:
        """Put other values, or another shape of them, in the place of an initializer's."""
        self.tensor(name).CopyFrom(numpy_helper.from_array(np.asarray(values, order="C"), name))

    def node(self, result: str) -> onnx.NodeProto:
        """The operator that makes a tensor."""
        return next(one for one in self.graph.node if result in one.output)

    def save(self) -> None:
        """Write the model; without its memory-mapped variant, which would have to be made anew."""
        onnx.save(self.model, self.folder / FILE)
        (self.folder / MAPPED).unlink(missing_ok=True)


def fault(kind: str, name: str, spoil: Callable[[Spoilt], None]) -> Fault:
    """A fault of a bundle's model."""

    def plant(folder: Path) -> None:
        opened = Spoilt(folder)
        spoil(opened)
        opened.save()

    return Fault(kind, name, plant)
