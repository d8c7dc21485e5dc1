"""Faults of the operators of a LiteRT model: kinds, versions, options, edges, order, and the tensors that they make."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from typing import Any

from ai_edge_litert import schema_py_generated as schema

from benchmarks.faults.frame import Fault
from benchmarks.faults.litert_file import Spoilt, fault

_OTHERS = {
    "ADD": "MUL",
    "MUL": "ADD",
    "SUB": "ADD",
    "DIV": "MUL",
    "GELU": "RELU",
    "RELU": "TANH",
    "TANH": "LOGISTIC",
    "LOGISTIC": "TANH",
    "SOFTMAX": "LOGISTIC",
    "MAXIMUM": "MINIMUM",
    "SQRT": "RSQRT",
    "RSQRT": "SQRT",
    "SUM": "MEAN",
    "MEAN": "SUM",
    "REDUCE_MAX": "SUM",
    "SQUARE": "ABS",
    "SQUARED_DIFFERENCE": "SUB",
    "NOT_EQUAL": "EQUAL",
    "DEQUANTIZE": "CAST",
}
"""Operator → one that takes the same inputs."""
_COMMUTING = {"ADD", "MUL", "MAXIMUM", "SQUARED_DIFFERENCE", "NOT_EQUAL"}


def graph_faults(model: Spoilt) -> Iterator[Fault]:
    """Of every operator of the first subgraph, and every tensor that one makes."""
    names, constants = model.names(), model.constants()
    before = [names[at] for at in model.graph.inputs]
    for node in model.graph.operators:
        name, inputs = names[node.outputs[0]], [names[at] for at in node.inputs]
        yield from _kind_faults(model, node, name)
        for at, own in enumerate(inputs):
            others = sorted({*before[-1:], *before[len(before) // 2 :][:1]} - {own})
            for other in others if own not in constants else ():
                yield fault("edge", f"{name}: reads {other} for {own}", partial(_rewire, name, at, other))
        if len(inputs) > 1 and model.operator(node) not in _COMMUTING:
            yield fault("edge", f"{name}: its first two inputs swapped", partial(_swap, name))
        if inputs[0] not in constants:
            yield fault("operator", f"{name}: left out", partial(_bypass, name, inputs[0]))
        yield from _option_faults(node, name)
        yield from _tensor_faults(name, model.tensor(name))
        before += [names[at] for at in node.outputs]
    for one, other in pairwise(model.graph.operators):
        if set(one.outputs) & set(other.inputs):
            name = names[other.outputs[0]]
            yield fault("order", f"{name}: before {names[one.outputs[0]]}", partial(_earlier, name))
    yield fault("order", "two operators more", _twice)


def _kind_faults(model: Spoilt, node: Any, name: str) -> Iterator[Fault]:
    own, version = model.operator(node), model.version(node)
    if own in _OTHERS:
        yield fault("operator", f"{name}: {_OTHERS[own]} for {own}", partial(_turn, name, _OTHERS[own], version))
    yield fault("version", f"{name}: version {version + 1}", partial(_turn, name, own, version + 1))
    if len(node.inputs) == 3 and own == "FULLY_CONNECTED":
        yield fault("operator", f"{name}: no bias", partial(_unbias, name))
    if len(node.outputs) > 1:
        yield fault("edge", f"{name}: its results reversed", partial(_reverse, name))


def _turn(name: str, operator: str, version: int, model: Spoilt) -> None:
    model.turn(model.node(name), operator, version)


def _unbias(name: str, model: Spoilt) -> None:
    node = model.node(name)
    node.inputs = [*node.inputs[:2], -1]


def _reverse(name: str, model: Spoilt) -> None:
    node = model.node(name)
    node.outputs = list(node.outputs)[::-1]


def _rewire(name: str, at: int, other: str, model: Spoilt) -> None:
    node = model.node(name)
    node.inputs = [model.names().index(other) if place == at else one for place, one in enumerate(node.inputs)]


def _swap(name: str, model: Spoilt) -> None:
    node = model.node(name)
    first, second, *others = node.inputs
    node.inputs = [second, first, *others]


def _bypass(name: str, own: str, model: Spoilt) -> None:
    """Let all that read `name` read what it was made of."""
    names = model.names()
    old, new = names.index(name), names.index(own)
    for node in model.graph.operators:
        node.inputs = [new if one == old else one for one in node.inputs]
    model.graph.outputs = [new if one == old else one for one in model.graph.outputs]
    model.graph.operators = [node for node in model.graph.operators if old not in node.outputs]


def _option_faults(node: Any, name: str) -> Iterator[Fault]:
    """Every field that the schema has, whether we write it or not; what is stored is told from what is not."""
    if node.builtinOptions is None:
        return
    for key, value in vars(node.builtinOptions).items():
        for how, other in _others(value):
            yield fault("option", f"{name}, {key}: {how}", partial(_set_option, name, key, other))
    if vars(node.builtinOptions) != vars(type(node.builtinOptions)()):
        yield fault("option", f"{name}: without options", partial(_unset_options, name))


def _others(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, bool):
        yield "flipped", not value
    elif isinstance(value, int):
        yield "one more", value + 1
    elif isinstance(value, float):
        yield "· 1.02", value * 1.02 or 1.02
    elif value is not None:
        yield "another", [*value[:-1], value[-1] + 1] if len(value) else [1]


def _set_option(name: str, key: str, value: Any, model: Spoilt) -> None:
    setattr(model.node(name).builtinOptions, key, value)


def _unset_options(name: str, model: Spoilt) -> None:
    node = model.node(name)
    node.builtinOptions, node.builtinOptionsType = None, 0


def _tensor_faults(name: str, tensor: Any) -> Iterator[Fault]:
    every: dict[str, Callable[[Any], None]] = {
        "another name": lambda one: setattr(one, "name", one.name + b".other"),
        "another type": lambda one: setattr(one, "type", _other_type(one.type)),
        "of 7 rows": _of_seven_rows,
    }
    if tensor.shapeSignature is not None:
        every["of one size"] = lambda one: setattr(one, "shapeSignature", None)
    for how, change in every.items():
        yield fault("tensor", f"{name}: {how}", partial(_change, name, change))


def _other_type(kind: int) -> int:
    return int(schema.TensorType.INT32 if kind == schema.TensorType.FLOAT32 else schema.TensorType.FLOAT32)


def _of_seven_rows(tensor: Any) -> None:
    if tensor.shapeSignature is not None:
        tensor.shapeSignature = [7, *tensor.shapeSignature[1:]]
    tensor.shape = [7, *tensor.shape[1:]]


def _change(name: str, change: Callable[[Any], None], model: Spoilt) -> None:
    change(model.tensor(name))


def _earlier(name: str, model: Spoilt) -> None:
    """An operator one place earlier."""
    node, nodes = model.node(name), model.graph.operators
    at = next(number for number, one in enumerate(nodes) if one is node)
    nodes[at - 1], nodes[at] = nodes[at], nodes[at - 1]


def _twice(model: Spoilt) -> None:
    """The last two run again: with what they made themselves, where they read it."""
    model.graph.operators += model.graph.operators[-2:]
