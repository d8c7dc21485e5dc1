"""Changes of a .tflite file by its tables: a model that can still be read, and says something else."""

import io
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from exporter.targets.litert.file import write
from runtimes.errors import BertportError
from runtimes.tflite import schema
from runtimes.tflite.model import FREE, Model, Node, Quantization, Subgraph, Tensor
from runtimes.tflite.reading import read_model

_NUMBERS = (0, 1, 2, 3, 4, 5, 8, 16, 255, 2**16, 2**31 - 1, -1, -2, -(2**31))
_TRIES = 8


def changed_flatbuffer(content: bytes, choice: random.Random) -> bytes | None:
    """The file with one to three things of its first graphs changed; None for what is no .tflite file."""
    if content[4:8] != schema.IDENTIFIER:
        return None
    try:
        model = _read(content)
    except BertportError:
        return None
    for _ in range(_TRIES):
        file = io.BytesIO()
        try:
            write(file, _changed(model, choice))
        except (BertportError, ValueError, TypeError, KeyError, IndexError, OverflowError, AssertionError):
            continue  # what the writer does not take
        return file.getvalue()
    return None


def _read(content: bytes) -> Model:
    """Read what is only in memory: under Linux a file there has a path."""
    import tempfile

    with tempfile.NamedTemporaryFile(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as file:
        file.write(content)
        file.flush()
        return read_model(Path(file.name))


def _changed(model: Model, choice: random.Random) -> Model:
    for _ in range(choice.choice((1, 1, 2, 3))):
        model = choice.choice(CHANGES)(model, choice)
    return model


def _of_graph(change: Callable[[Subgraph, random.Random], Subgraph]) -> Callable[[Model, random.Random], Model]:
    def apply(model: Model, choice: random.Random) -> Model:
        at = choice.randrange(len(model.subgraphs))
        graphs = [change(one, choice) if number == at else one for number, one in enumerate(model.subgraphs)]
        return replace(model, subgraphs=graphs)

    return apply


def _of_node(change: Callable[[Subgraph, Node, random.Random], Node]) -> Callable[[Model, random.Random], Model]:
    def apply(graph: Subgraph, choice: random.Random) -> Subgraph:
        at = choice.randrange(len(graph.nodes))
        nodes = [change(graph, one, choice) if number == at else one for number, one in enumerate(graph.nodes)]
        return replace(graph, nodes=nodes)

    return _of_graph(apply)


def _of_tensor(change: Callable[[Subgraph, Tensor, random.Random], Tensor]) -> Callable[[Model, random.Random], Model]:
    def apply(graph: Subgraph, choice: random.Random) -> Subgraph:
        at = choice.randrange(len(graph.tensors))
        tensors = [change(graph, one, choice) if number == at else one for number, one in enumerate(graph.tensors)]
        return replace(graph, tensors=tensors)

    return _of_graph(apply)


def _indices(found: Sequence[int], count: int, choice: random.Random) -> tuple[int, ...]:
    """Tensors by number: one changed, one more, one less, or in another order."""
    listed = list(found)
    match choice.randrange(4):
        case 0 if listed:
            listed[choice.randrange(len(listed))] = choice.randrange(-1, count)
        case 1 if listed:
            del listed[choice.randrange(len(listed))]
        case 2:
            choice.shuffle(listed)
        case _:
            listed.append(choice.randrange(count))
    return tuple(listed)


def _options(_graph: Subgraph, node: Node, choice: random.Random) -> Node:
    if not node.options:
        return node
    name = choice.choice(sorted(node.options))
    kind = (schema.OPERATORS[node.operator].options or {})[name].kind
    values: dict[str, Any] = {
        "Ints": tuple(choice.choice(_NUMBERS) for _ in range(choice.randrange(5))),
        "Int8": choice.choice((choice.randrange(6), choice.randrange(-128, 128))),
        "Bool": not node.options[name],
        "Float32": choice.choice((0.0, -1.0, 1e30, float("nan"))),
        "Int32": choice.choice(_NUMBERS),
    }
    return replace(node, options={**node.options, name: values[kind]})


def _operator(_graph: Subgraph, node: Node, choice: random.Random) -> Node:
    return replace(node, operator=choice.choice(sorted(schema.OPERATORS)), version=choice.randrange(1, 6), options={})


def _shape(_graph: Subgraph, tensor: Tensor, choice: random.Random) -> Tensor:
    sizes = list(tensor.shape)
    if sizes and choice.randrange(3):
        at = choice.randrange(len(sizes))
        sizes[at] = choice.choice((0, 1, 2, 3, sizes[at] + 1, abs(sizes[at]) * 2, FREE, 100_000))
    elif choice.randrange(2):
        sizes.append(choice.choice((1, 2, FREE)))
    else:
        choice.shuffle(sizes)
    return replace(tensor, shape=tuple(sizes))


def _quantization(graph: Subgraph, tensor: Tensor, choice: random.Random) -> Tensor:
    rows = max(1, tensor.shape[0]) if tensor.shape else 1
    number = choice.choice((0.0, 1.0, -1.0, 1e-40, float("nan")))
    hows = (
        None,
        Quantization(np.full(1, number, np.float32), choice.choice((0, 1, -1, 5))),
        Quantization(np.full(min(rows, 10_000), number, np.float32)),
        Quantization(
            np.zeros(0, np.float32), 0, None, choice.randrange(len(graph.tensors)), choice.choice((1, 3, 16, 32, 64))
        ),
    )
    return replace(tensor, quantization=choice.choice(hows))


def _values(model: Model, choice: random.Random) -> Model:
    """A small constant with another number in it: a shape, an axis, the places of a slice."""
    small = [at for at, one in enumerate(model.buffers) if 4 <= one.nbytes <= 64 and one.nbytes % 4 == 0]
    if not small:
        return model
    at, buffers = choice.choice(small), list(model.buffers)
    changed = buffers[at].view("<i4").copy()
    changed[choice.randrange(len(changed))] = choice.choice(_NUMBERS)
    buffers[at] = changed
    return replace(model, buffers=buffers)


def _without_a_node(graph: Subgraph, choice: random.Random) -> Subgraph:
    nodes = list(graph.nodes)
    if choice.randrange(3):
        del nodes[choice.randrange(len(nodes))]
    else:
        choice.shuffle(nodes)
    return replace(graph, nodes=nodes)


CHANGES: tuple[Callable[[Model, random.Random], Model], ...] = (
    _of_node(lambda graph, one, choice: replace(one, inputs=_indices(one.inputs, len(graph.tensors), choice))),
    _of_node(lambda graph, one, choice: replace(one, inputs=_indices(one.inputs, len(graph.tensors), choice))),
    _of_node(lambda graph, one, choice: replace(one, outputs=_indices(one.outputs, len(graph.tensors), choice))),
    _of_node(_options),
    _of_node(_operator),
    _of_tensor(_shape),
    _of_tensor(_quantization),
    _of_tensor(lambda _graph, one, choice: replace(one, dtype=choice.choice(sorted(schema.TYPES)))),
    _of_tensor(lambda _graph, one, choice: replace(one, buffer=choice.randrange(8))),
    _of_graph(_without_a_node),
    _values,
)
