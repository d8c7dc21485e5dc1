"""Graphs of a few nodes, saved as .tflite files."""

import numpy as np
import pytest

from exporter.targets.litert.file import write
from runtimes.tflite.model import Model, Node, Signature, Subgraph, Tensor


class Graph:
    """Made node by node; `saved` writes it. Names are those of the tensors."""

    def __init__(self, folder):
        self.folder, self.tensors, self.nodes, self.buffers = folder, [], [], [np.zeros(0, np.uint8)]
        self.inputs, self.outputs, self.signatures = [], [], None

    def add(self, name, dtype, shape, buffer=0, quantization=None):
        self.tensors.append(Tensor(name, dtype, tuple(shape), buffer, quantization))
        return len(self.tensors) - 1

    def input(self, name, shape, dtype="float32"):
        self.inputs.append(self.add(name, dtype, shape))
        return self.inputs[-1]

    def constant(self, values, name="constant", dtype=None, shape=None, quantization=None):
        values = np.asarray(values)
        self.buffers.append(values)
        return self.add(name, dtype or str(values.dtype), shape or values.shape, len(self.buffers) - 1, quantization)

    def node(self, operator, inputs, shape=(1,), dtype="float32", name="made", version=1, **options):
        made = self.add(name, dtype, shape)
        self.nodes.append(Node(operator, version, tuple(inputs), (made,), options))
        return made

    def saved(self, *outputs, name="model.tflite"):
        self.outputs = [*outputs] or [self.nodes[-1].outputs[0]]
        graph = Subgraph("main", self.tensors, tuple(self.inputs), tuple(self.outputs), self.nodes)
        inputs, outputs = (
            {self.tensors[number].name: number for number in side} for side in (self.inputs, self.outputs)
        )
        own = [Signature("serving_default", 0, inputs, outputs)]
        signatures = own if self.signatures is None else self.signatures
        with (self.folder / name).open("wb") as file:
            write(file, Model([graph], signatures, self.buffers))
        return self.folder / name


@pytest.fixture
def graph(tmp_path):
    return Graph(tmp_path)
