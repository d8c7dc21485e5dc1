"""All faults of an ONNX bundle: weights and constants, operators and attributes, edges, interface, and facts beside."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from onnx import AttributeProto, NodeProto, helper

from benchmarks.faults.arrays import Change, changes
from benchmarks.faults.facts import fact_faults
from benchmarks.faults.frame import Fault
from benchmarks.faults.onnx_file import Spoilt, fault

_OTHERS = {
    "Add": "Mul",
    "Mul": "Add",
    "Sub": "Add",
    "Div": "Mul",
    "Gelu": "Relu",
    "Relu": "Tanh",
    "Tanh": "Sigmoid",
    "Sigmoid": "Tanh",
    "Softmax": "Sigmoid",
    "Max": "Add",
    "Sqrt": "Tanh",
    "ReduceSum": "ReduceMax",
    "ReduceMax": "ReduceSum",
    "ReduceL2": "ReduceSum",
    "Not": "Identity",
}
"""Operator → one that takes the same inputs."""
_ADDED = {"Gelu": ("approximate", "tanh"), "Softmax": ("axis", 1), "Gemm": ("alpha", 0.5), "Gather": ("axis", 1)}
"""Operator → an attribute that ours do not give it."""


def every_fault(bundle: Path, seed: int) -> list[Fault]:
    """Of weights, constants, operators, attributes, edges, interface, config.json and manifest."""
    spoilt = Spoilt(bundle)
    found = [*_tensor_faults(spoilt, seed), *_graph_faults(spoilt), *_interface_faults(spoilt)]
    return [*found, *fact_faults(bundle)]


def _tensor_faults(model: Spoilt, seed: int) -> Iterator[Fault]:
    """Every change of every initializer: those with a suffix or two axes are weights, the others constants."""
    for number, tensor in enumerate(model.graph.initializer):
        values = model.read(tensor.name)
        kind = "weight" if values.size > 8 else "constant"
        for how, change in changes(values):
            yield fault(kind, f"{tensor.name}: {how}", partial(_spoil, tensor.name, change, seed + number))
        if values.dtype.kind == "f" and values.size == 1:
            for value in (-10.0, -np.inf, 1e-5):
                yield fault(kind, f"{tensor.name}: {value}", partial(_set, tensor.name, value))
        yield fault(kind, f"{tensor.name}: another name", partial(_rename_tensor, tensor.name))
    layers = [one.name for one in model.graph.initializer if one.name.startswith("layer.0.")]
    for name in layers:
        other = name.replace("layer.0.", "layer.1.", 1)
        same = next((one for one in model.graph.initializer if one.name == other), None)
        if same is not None and len(same.dims) and _differ(model.read(name), model.read(other)):
            yield fault("weight", f"{name}: {other}'s", partial(_copy, name, other))


def _differ(mine: np.ndarray, other: np.ndarray) -> bool:
    """Of one shape and other values: two layers' fresh gains are alike, and a copy of one would be no fault."""
    return mine.shape == other.shape and not np.array_equal(mine, other)


def _spoil(name: str, change: Change, seed: int, model: Spoilt) -> None:
    with np.errstate(all="ignore"):
        model.write(name, change(model.read(name), np.random.default_rng(seed)))


def _set(name: str, value: float, model: Spoilt) -> None:
    model.write(name, np.full_like(model.read(name), value))


def _rename_tensor(name: str, model: Spoilt) -> None:
    model.tensor(name).name = f"{name}.other"
    for node in model.graph.node:
        node.input[:] = [f"{name}.other" if one == name else one for one in node.input]


def _copy(name: str, other: str, model: Spoilt) -> None:
    model.write(name, model.read(other))


def _graph_faults(model: Spoilt) -> Iterator[Fault]:
    known = {one.name for one in model.graph.initializer}
    before = [one.name for one in model.graph.input]
    for node in model.graph.node:
        name = node.output[0]
        if node.op_type in _OTHERS:
            other = _OTHERS[node.op_type]
            yield fault("operator", f"{name}: {other} for {node.op_type}", partial(_retype, name, other))
        for at, own in enumerate(node.input):
            others = sorted({*before[-1:], *before[len(before) // 2 :][:1]} - {own})
            if own not in known:
                for other in others:
                    yield fault("edge", f"{name}: reads {other} for {own}", partial(_rewire, name, at, other))
        if len(node.input) > 1 and node.op_type not in ("Add", "Mul", "Max"):
            yield fault("edge", f"{name}: its first two inputs swapped", partial(_swap, name))
        if len(node.input) == 3 and node.op_type == "Gemm":
            yield fault("operator", f"{name}: no bias", partial(_drop, name))
        if node.input and node.input[0] not in known and node.op_type not in ("Shape", "Gather", "Flatten"):
            yield fault("operator", f"{name}: left out", partial(_bypass, name, node.input[0]))
        yield from _attribute_faults(node)
        yield fault("operator", f"{name}: of another domain", partial(_change_node, name, _foreign))
        before += list(node.output)


def _attribute_faults(node: NodeProto) -> Iterator[Fault]:
    name = node.output[0]
    for one in node.attribute:
        for how, value in _values(helper.get_attribute_value(one)):
            change = partial(_attribute, key=one.name, value=value)
            yield fault("attribute", f"{name}, {one.name}: {how}", partial(_change_node, name, change))
        left_out = partial(_attribute, key=one.name, value=None)
        yield fault("attribute", f"{name}, {one.name}: left out", partial(_change_node, name, left_out))
    if node.op_type in _ADDED:
        key, value = _ADDED[node.op_type]
        if key not in {one.name for one in node.attribute}:
            added = partial(_attribute, key=key, value=value)
            yield fault("attribute", f"{name}: {key} {value}", partial(_change_node, name, added))


def _values(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, float):
        yield "1e-5" if value != np.float32(1e-5) else "1e-3", 1e-5 if value != np.float32(1e-5) else 1e-3
        yield "· 100", value * 100
    elif isinstance(value, int):
        yield "one more", value + 1
        yield "as a float", float(value)
    elif isinstance(value, bytes):
        yield "another text", "LEFT" if value == b"RIGHT" else "none"
    else:
        yield "reversed", list(value)[::-1]


def _change_node(name: str, change: Callable[[NodeProto], None], model: Spoilt) -> None:
    change(model.node(name))


def _attribute(node: NodeProto, key: str, value: Any) -> None:
    kept: list[AttributeProto] = [one for one in node.attribute if one.name != key]
    added = [] if value is None else [helper.make_attribute(key, value)]
    del node.attribute[:]
    node.attribute.extend([*kept, *added])


def _foreign(node: NodeProto) -> None:
    node.domain = "com.microsoft"


def _retype(name: str, other: str, model: Spoilt) -> None:
    model.node(name).op_type = other


def _rewire(name: str, at: int, other: str, model: Spoilt) -> None:
    model.node(name).input[at] = other


def _swap(name: str, model: Spoilt) -> None:
    inputs = model.node(name).input
    inputs[0], inputs[1] = inputs[1], inputs[0]


def _drop(name: str, model: Spoilt) -> None:
    del model.node(name).input[2]


def _bypass(name: str, own: str, model: Spoilt) -> None:
    """Let all that read `name` read what it was made of, and keep the name for the model's outputs."""
    for node in model.graph.node:
        node.input[:] = [own if one == name else one for one in node.input]
    if name in {one.name for one in model.graph.output}:
        node = model.node(name)
        node.CopyFrom(helper.make_node("Identity", [own], [name], name=node.name))


def _interface_faults(model: Spoilt) -> Iterator[Fault]:
    for side in ("input", "output"):
        values = getattr(model.graph, side)
        for at, value in enumerate(values):
            yield fault("interface", f"{side} {value.name}: renamed", partial(_rename, side, at))
            yield fault("interface", f"{side} {value.name}: another type", partial(_type, side, at))
            yield fault("interface", f"{side} {value.name}: of 7 rows", partial(_fix, side, at))
    names = [one.name for one in model.graph.input]
    for one, other in pairwise(names):
        yield fault("interface", f"{one} and {other} trade names", partial(_trade, one, other))
    yield fault("interface", "another opset", _opset)
    yield fault("interface", "one output more", _more)


def _rename(side: str, at: int, model: Spoilt) -> None:
    value = getattr(model.graph, side)[at]
    old, value.name = value.name, "other"
    for node in model.graph.node:
        node.input[:] = ["other" if one == old else one for one in node.input]
        node.output[:] = ["other" if one == old else one for one in node.output]


def _type(side: str, at: int, model: Spoilt) -> None:
    kind = getattr(model.graph, side)[at].type.tensor_type
    kind.elem_type = {1: 10, 7: 6, 6: 7}[kind.elem_type]


def _fix(side: str, at: int, model: Spoilt) -> None:
    getattr(model.graph, side)[at].type.tensor_type.shape.dim[0].dim_value = 7


def _trade(one: str, other: str, model: Spoilt) -> None:
    names = {one: other, other: one}
    for node in model.graph.node:
        node.input[:] = [names.get(own, own) for own in node.input]


def _opset(model: Spoilt) -> None:
    model.model.opset_import[0].version += 1


def _more(model: Spoilt) -> None:
    name = model.graph.node[0].output[0]
    model.graph.output.append(helper.make_tensor_value_info(name, 1, None))
