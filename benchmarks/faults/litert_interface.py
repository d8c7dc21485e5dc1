"""Faults of what a LiteRT model shows to a caller, and of what its file holds beside its graphs."""

from collections.abc import Callable, Iterator
from copy import copy, deepcopy
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from benchmarks.faults.frame import Fault
from benchmarks.faults.litert_file import Spoilt, fault, name_of


def interface_faults(model: Spoilt) -> Iterator[Fault]:
    """Of signatures, inputs and outputs; of description, metadata, buffers, tensors and graphs too many."""
    for number, one in enumerate(model.model.signatureDefs):
        for side in ("inputs", "outputs"):
            yield from _side_faults(number, one, side)
        key = one.signatureKey.decode()
        yield fault("interface", f"signature {key}: another key", partial(_rekey, number))
        yield fault("interface", f"signature {key}: left out", partial(_unsign, number))
        if len(model.model.subgraphs) > 1:
            yield fault("interface", f"signature {key}: another graph", partial(_other_graph, number))
    for side in ("inputs", "outputs"):
        for at, index in enumerate(getattr(model.graph, side)):
            name = name_of(model.graph.tensors[index])
            yield fault("interface", f"{side} {name}: left out", partial(_without, side, at))
        if len(getattr(model.graph, side)) > 1:
            yield fault("interface", f"{side} reversed", partial(_reverse, side))
    for index in model.graph.inputs:
        for how, change in _INPUTS.items():
            name = name_of(model.graph.tensors[index])
            yield fault("interface", f"inputs {name}: {how}", partial(_change, name, change))
    for how, spoil in _FILE.items():
        yield fault("file", how, spoil)
    for at, one in enumerate(model.model.metadata or []):
        name = one.name.decode()
        yield fault("file", f"metadata {name}: a byte of them", partial(_change_metadata, at))
        yield fault("file", f"metadata {name}: left out", partial(_drop_metadata, at))


def _side_faults(number: int, one: Any, side: str) -> Iterator[Fault]:
    names, key = [entry.name.decode() for entry in getattr(one, side)], one.signatureKey.decode()
    for at, name in enumerate(names):
        yield fault("interface", f"{key}, {side} {name}: renamed", partial(_rename, number, side, at))
        other = partial(_lead_elsewhere, number, side, at)
        yield fault("interface", f"{key}, {side} {name}: another tensor", other)
    for first, second in pairwise(range(len(names))):
        traded = partial(_trade, number, side, first, second)
        yield fault("interface", f"{key}, {names[first]} and {names[second]} trade names", traded)


def _entry(number: int, side: str, at: int, model: Spoilt) -> Any:
    return getattr(model.model.signatureDefs[number], side)[at]


def _rename(number: int, side: str, at: int, model: Spoilt) -> None:
    _entry(number, side, at, model).name = b"other"


def _lead_elsewhere(number: int, side: str, at: int, model: Spoilt) -> None:
    entry = _entry(number, side, at, model)
    last = model.graph.operators[-1].inputs[0]
    entry.tensorIndex = last if entry.tensorIndex != last else model.graph.inputs[0]


def _trade(number: int, side: str, first: int, second: int, model: Spoilt) -> None:
    one, other = (_entry(number, side, at, model) for at in (first, second))
    one.name, other.name = other.name, one.name


def _other_graph(number: int, model: Spoilt) -> None:
    one = model.model.signatureDefs[number]
    one.subgraphIndex = (one.subgraphIndex + 1) % len(model.model.subgraphs)


def _rekey(number: int, model: Spoilt) -> None:
    model.model.signatureDefs[number].signatureKey = b"other"


def _unsign(number: int, model: Spoilt) -> None:
    del model.model.signatureDefs[number]


def _without(side: str, at: int, model: Spoilt) -> None:
    setattr(model.graph, side, [one for place, one in enumerate(getattr(model.graph, side)) if place != at])


def _reverse(side: str, model: Spoilt) -> None:
    setattr(model.graph, side, list(getattr(model.graph, side))[::-1])


def _change(name: str, change: Callable[[Any], None], model: Spoilt) -> None:
    change(model.tensor(name))


def _of_seven_rows(tensor: Any) -> None:
    tensor.shape = [7, *tensor.shape[1:]]
    if tensor.shapeSignature is not None:
        tensor.shapeSignature = [7, *tensor.shapeSignature[1:]]


_INPUTS: dict[str, Callable[[Any], None]] = {
    "renamed": lambda one: setattr(one, "name", b"other"),
    "float32": lambda one: setattr(one, "type", schema.TensorType.FLOAT32),
    "of 7 rows": _of_seven_rows,
}


def _describe(model: Spoilt) -> None:
    model.model.description = "MLIR Converted."


def _annotate(model: Spoilt) -> None:
    model.model.buffers.append(schema.BufferT(np.frombuffer(b"of another", np.uint8)))
    metadata = schema.MetadataT(b"min_runtime_version", len(model.model.buffers) - 1)
    model.model.metadata = [*(model.model.metadata or []), metadata]


def _change_metadata(at: int, model: Spoilt) -> None:
    buffer = model.model.buffers[model.model.metadata[at].buffer]
    buffer.data = np.array(buffer.data)
    buffer.data[len(buffer.data) // 2] ^= 1


def _drop_metadata(at: int, model: Spoilt) -> None:
    del model.model.metadata[at]


def _add_buffer(model: Spoilt) -> None:
    model.model.buffers.append(schema.BufferT(np.ones(64, np.uint8)))


def _add_tensor(model: Spoilt) -> None:
    one = copy(model.graph.tensors[-1])
    one.name = b"another"
    model.graph.tensors.append(one)


def _name_twice(model: Spoilt) -> None:
    model.graph.tensors.append(copy(model.graph.tensors[-1]))


def _add_graph(model: Spoilt) -> None:
    one = deepcopy(model.graph)
    one.name = b"another"
    model.model.subgraphs.append(one)


def _rename_graph(model: Spoilt) -> None:
    model.graph.name = b"main"


def _add_output(model: Spoilt) -> None:
    model.graph.outputs = [*model.graph.outputs, model.graph.operators[0].outputs[0]]


def _add_signature(model: Spoilt) -> None:
    key = model.model.signatureDefs[0].signatureKey
    another = copy(model.model.signatureDefs[0])
    another.signatureKey = key + b".other"
    model.model.signatureDefs.insert(0, another)


_FILE: dict[str, Callable[[Spoilt], None]] = {
    "described by another program": _describe,
    "metadata more": _annotate,
    "a buffer more": _add_buffer,
    "a tensor more": _add_tensor,
    "a tensor twice": _name_twice,
    "a graph more": _add_graph,
    "a graph of another name": _rename_graph,
    "an output more": _add_output,
    "a signature more": _add_signature,
}
