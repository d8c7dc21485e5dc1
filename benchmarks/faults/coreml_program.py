"""Faults of a program: operations of another type, other edges, operations left out, and constants changed."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from benchmarks.faults.coreml_file import Spoilt, fault, kind
from benchmarks.faults.frame import Fault

_OTHERS = {
    "add": "mul",
    "mul": "add",
    "sub": "add",
    "maximum": "minimum",
    "real_div": "mul",
    "gelu": "relu",
    "tanh": "sigmoid",
    "relu": "relu6",
    "silu": "relu",
    "abs": "identity",
    "sqrt": "identity",
    "reduce_sum": "reduce_max",
    "reduce_max": "reduce_min",
    "reduce_l2_norm": "reduce_l1_norm",
}
"""Operation → one that takes the same arguments."""
_TEXTS = {
    "EXACT": ("TANH_APPROXIMATION", "SIGMOID_APPROXIMATION"),
    "valid": ("same",),
    "uint16": ("int16", "int32"),
    "fp16": ("fp32",),
    "fp32": ("fp16",),
    "bkhc,bchq->bkhq": ("bchk,bkhq->bchq",),
    "bchk,bkhq->bchq": ("bkhc,bchq->bkhq",),
    "constant": ("reflect",),
    "int32": ("int16",),
    "int8": ("uint8",),
}


def program_faults(package: Spoilt) -> Iterator[Fault]:
    """Every change of every operation and of every constant that is an argument."""
    types = {one.name: _type(one) for operation in package.operations for one in operation.outputs}
    function = package.model.mlProgram.functions[min(package.model.mlProgram.functions)]
    types |= {one.name: _type(one) for one in function.inputs}
    for number, operation in enumerate(package.operations):
        if operation.type == "const":
            yield from _constant_faults(number, operation, package)
        elif not operation.type.startswith("constexpr_"):
            yield from _operation_faults(number, operation, types, package)
        if operation.type == "quantize":
            for factor in (1.5, 4.0, 1 / 1.5, 0.25, 0.0):
                name = f"{operation.outputs[0].name}: range · {factor:.3g}, here and where it is undone"
                yield fault("range", name, partial(_rescale, number, factor))


def _type(message: Any) -> bytes:
    return bytes(message.type.SerializeToString())


def _operation_faults(number: int, operation: Any, types: dict[str, bytes], package: Spoilt) -> Iterator[Fault]:
    name = operation.outputs[0].name
    constants = {
        one.outputs[0].name for one in package.operations if one.type == "const" or one.type.startswith("constexpr_")
    }
    if operation.type in _OTHERS:
        yield fault("operator", f"{name}: {_OTHERS[operation.type]} for {operation.type}", partial(_retype, number))
    edges = [
        (p, a)
        for p, arg in sorted(operation.inputs.items())
        for a, one in enumerate(arg.arguments)
        if one.name and one.name not in constants
    ]
    for parameter, at in edges:
        own = operation.inputs[parameter].arguments[at].name
        for other in _others(own, name, types, package):
            yield fault(
                "edge", f"{name}, {parameter}: reads {other} for {own}", partial(_rewire, number, parameter, at, other)
            )
    if len(edges) > 1 and operation.type in ("sub", "real_div", "matmul", "concat", "einsum"):
        yield fault("edge", f"{name}: its first two tensors swapped", partial(_swap, number, edges[0], edges[1]))
    for parameter, at in edges[:1]:
        own = operation.inputs[parameter].arguments[at].name
        if types.get(own) == types[name]:
            yield fault("operator", f"{name}: left out", partial(_bypass, name, own))
    for parameter in sorted(operation.inputs):
        if parameter in ("bias", "beta", "gamma", "attn_mask", "squeeze_mask", "y"):
            yield fault("operator", f"{name}: no {parameter}", partial(_drop, number, parameter))


def _edges(operation: Any, package: Spoilt) -> list[tuple[str, int]]:
    """Parameters, and places in them, that are given a tensor of the program."""
    constants = {one.outputs[0].name for one in package.operations if one.type.startswith("const")}
    return [
        (parameter, at)
        for parameter, argument in sorted(operation.inputs.items())
        for at, one in enumerate(argument.arguments)
        if one.name and one.name not in constants
    ]


def _others(own: str, reader: str, types: dict[str, bytes], package: Spoilt) -> list[str]:
    """Up to two tensors of the same type that are there before the reader: the first, and the last."""
    names = list(types)
    order = [one.name for operation in package.operations for one in operation.outputs]
    before = set(order[: order.index(reader)]) | {name for name in names if name not in order}
    found = [one for one in names if one != own and types[one] == types[own] and one in before]
    return sorted({*found[:1], *found[-1:]})


def _retype(number: int, package: Spoilt) -> None:
    operation = package.operations[number]
    operation.type = _OTHERS[operation.type]
    if operation.type in ("relu", "relu6"):
        operation.inputs.pop("mode", None)


def _rewire(number: int, parameter: str, at: int, other: str, package: Spoilt) -> None:
    package.operations[number].inputs[parameter].arguments[at].name = other


def _swap(number: int, one: tuple[str, int], other: tuple[str, int], package: Spoilt) -> None:
    inputs = package.operations[number].inputs
    left, right = (inputs[parameter].arguments[at] for parameter, at in (one, other))
    left.name, right.name = right.name, left.name


def _bypass(name: str, own: str, package: Spoilt) -> None:
    """Let all that read `name` read what it was made of."""
    for block in package.blocks:
        for operation in block.operations:
            for argument in operation.inputs.values():
                for binding in argument.arguments:
                    if binding.name == name:
                        binding.name = own


def _drop(number: int, parameter: str, package: Spoilt) -> None:
    package.operations[number].inputs.pop(parameter)


def _constant_faults(number: int, operation: Any, package: Spoilt) -> Iterator[Fault]:
    value, name = operation.attributes["val"], operation.outputs[0].name
    if value.WhichOneof("value") != "immediateValue":
        return
    data_type, _ = kind(value)
    if data_type.name == "string":
        (own,) = value.immediateValue.tensor.strings.values
        for text in _TEXTS.get(own, ("x",)):
            yield fault("constant", f"{name}: {text} for {own}", partial(_retext, number, text))
        return
    elements = package.read(value)
    for how, change in _changes(data_type.dtype.kind, elements.size):
        with np.errstate(all="ignore"):
            same = np.array_equal(change(elements).astype(elements.dtype), elements)
        if not same:
            yield fault("constant", f"{name}: {how}", partial(_alter, number, change))


def _changes(kind: str, size: int) -> Iterator[tuple[str, Callable[[Any], Any]]]:
    if kind == "b":
        yield "flipped", lambda x: ~x
    elif kind in "iu":
        yield "one more", lambda x: x + 1
        if size > 1:
            yield "reversed", lambda x: x[::-1]
            yield "the first one less", lambda x: np.concatenate([x[:1] - 1, x[1:]])
    else:
        yield "· 1.02", lambda x: x * 1.02
        yield "· −1", lambda x: -x
        yield "· 100", lambda x: np.minimum(x * 100.0, 6e4)
        yield "0", lambda x: x * 0
        yield "−∞", lambda x: x - np.inf
        yield "10 for it", lambda x: np.full_like(x, 10)
        yield "1e-5 for it", lambda x: np.full_like(x, 1e-5)


def _alter(number: int, change: Callable[[Any], Any], package: Spoilt) -> None:
    value = package.operations[number].attributes["val"]
    with np.errstate(all="ignore"):
        package.write(value, change(package.read(value)))


def _rescale(number: int, factor: float, package: Spoilt) -> None:
    quantized = package.operations[number]
    readers = [one for one in package.operations if one.type == "dequantize"]
    undone = next(one for one in readers if one.inputs["input"].arguments[0].name == quantized.outputs[0].name)
    names = {one.inputs["scale"].arguments[0].name for one in (quantized, undone)}
    for operation in package.operations:
        if operation.outputs[0].name in names:
            value = operation.attributes["val"]
            package.write(value, package.read(value) * factor)


def _retext(number: int, text: str, package: Spoilt) -> None:
    package.operations[number].attributes["val"].immediateValue.tensor.strings.values[0] = text
