"""A small model with every form that the format's reader and writer know, and files made of models."""

from dataclasses import replace

import numpy as np
import pytest

from exporter.targets.litert.file import write
from runtimes.tflite.model import FREE, Model, Node, Quantization, Signature, Subgraph, Tensor

NUMBERS = np.random.default_rng(0)


def small_model():
    """ids → rows of int4 blocks, an int8 product, a bias, a softmax; in any length and in four tokens."""
    buffers = [
        np.zeros(0, np.uint8),
        NUMBERS.integers(0, 255, 6 * 32 // 2).astype(np.uint8),
        NUMBERS.normal(size=(6, 1)).astype(np.float16),
        NUMBERS.integers(-127, 127, (3, 32)).astype(np.int8),
        NUMBERS.normal(size=3).astype(np.float32),
    ]
    graphs = [_graph("any", FREE, buffers), _graph("four", 4, buffers)]
    signatures = [
        Signature(f"serving_{graph.name}", at, {"ids": 0}, {"scores": len(graph.tensors) - 1})
        for at, graph in enumerate(graphs)
    ]
    return Model(graphs, signatures, buffers, "a small model", {"note": b"of a test", "empty": b""})


def _graph(name, length, buffers):
    scale = np.linspace(0.01, 0.03, 3, dtype=np.float32)
    tensors = [
        Tensor("ids", "int32", (length,)),
        Tensor("words.scale", "float16", (6, 1), 2),
        Tensor("words", "int4", (6, 32), 1, Quantization(np.zeros(0, np.float32), 0, None, 1, 32)),
        Tensor("rows", "float32", (length, 32)),
        Tensor("weight", "int8", (3, 32), 3, Quantization(scale, 0)),
        Tensor("bias", "float32", (3,), 4),
        Tensor("logits", "float32", (length, 3)),
        Tensor("scores é", "float32", (length, 3)),
    ]
    nodes = [
        Node("EMBEDDING_LOOKUP", 4, (0, 2), (3,)),
        Node("FULLY_CONNECTED", 12, (3, 4, 5), (6,), {"keep_dims": True, "asymmetric": True}),
        Node("SOFTMAX", 1, (6,), (7,), {"beta": 1.0}),
    ]
    return Subgraph(name, tensors, (0,), (7,), nodes)


@pytest.fixture
def model():
    return small_model()


@pytest.fixture
def saved(tmp_path):
    """Model → the path of its file."""

    def save(model, name="model.tflite"):
        with (tmp_path / name).open("wb") as file:
            write(file, model)
        return tmp_path / name

    return save


@pytest.fixture
def changed():
    """(model, number of a tensor, changes) → the model with that tensor of its first graph changed."""

    def change(model, number, **changes):
        first, *others = model.subgraphs
        tensors = [replace(one, **changes) if at == number else one for at, one in enumerate(first.tensors)]
        return replace(model, subgraphs=[replace(first, tensors=tensors), *others])

    return change
