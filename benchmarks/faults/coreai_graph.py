"""Faults of a Core AI program: operations of another kind, other edges, operations left out, arguments, interface."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.faults.coreai_file import program_fault
from benchmarks.faults.frame import Fault
from exporter.targets.coreai.program.graph import Graph, Operation, Program
from exporter.targets.coreai.program.shapes import RESULTS, Tensor

_OTHERS: Mapping[str, str] = {
    "abs_": "relu",
    "add": "broadcasting_mul",
    "broadcasting_add": "broadcasting_sub",
    "broadcasting_divide": "broadcasting_mul",
    "broadcasting_maximum": "broadcasting_add",
    "broadcasting_mul": "broadcasting_add",
    "broadcasting_sub": "broadcasting_add",
    "gelu": "relu",
    "reduce_max": "reduce_sum",
    "reduce_mean": "reduce_sum",
    "reduce_sum": "reduce_max",
    "relu": "tanh",
    "rsqrt": "sqrt",
    "silu": "relu",
    "sqrt": "rsqrt",
    "tanh": "relu",
}
"""Operation → one that takes the same operands."""
_NOT_COMMUTATIVE = ("batch_matmul", "broadcasting_divide", "broadcasting_sub")
_OPTIONS = {"none": "tanh", "tanh": "none"}
_STORED = ("constant", "filled")
_OF_AN_AXIS = ("concat", "expand_dims", "scan", "shrink_dims", "softmax")
Change = Callable[[Graph], Graph]


def graph_faults(program: Program) -> Iterator[Fault]:
    """Every change of every function."""
    for at, graph in enumerate(program.functions):
        for kind, name, change in [*_operation_faults(graph), *_interface_faults(graph)]:
            yield program_fault(kind, f"{graph.name}, {name}", partial(_changed, program, at, change))
    if len(program.functions) > 1:
        yield program_fault("function", "the first left out", lambda: replace(program, functions=program.functions[1:]))


def _changed(program: Program, at: int, change: Change) -> Program:
    functions = list(program.functions)
    functions[at] = change(functions[at])
    return replace(program, functions=tuple(functions))


def _operation_faults(graph: Graph) -> Iterator[tuple[str, str, Change]]:
    made: list[Tensor] = [*graph.inputs.values()]
    stored: dict[tuple[str, tuple[int, ...]], list[str]] = {}
    for number, one in enumerate(graph.operations):
        name = f"{one.name} ({number})"
        for kind, how, other in _others(one, made, stored):
            yield kind, f"{name}: {how}", partial(_with, number, other)
        if (kept := _like_result(one)) is not None:
            yield "left out", f"{name}: left out", partial(_without, number, kept)
        if one.kind == "constant":
            stored.setdefault((one.result.element, one.result.shape), []).append(one.options["constant"])
        elif one.kind not in _STORED:
            made.append(one.result)
    for number, (one, other) in enumerate(pairwise(graph.operations)):
        if one.kind not in _STORED and other.kind not in _STORED and one.result not in _read(other):
            yield "order", f"{other.name} ({number + 1}): before {one.name}", partial(_swapped, number)


def _others(
    one: Operation, made: Sequence[Tensor], stored: Mapping[Any, Sequence[str]]
) -> Iterator[tuple[str, str, Operation]]:
    if one.kind in _OTHERS:
        yield "operator", f"{_OTHERS[one.kind]} for it", replace(one, kind=_OTHERS[one.kind], options={})
    for key, value in one.options.items():
        if value in _OPTIONS and one.kind not in _STORED:
            yield "argument", f"{key} {_OPTIONS[value]}", replace(one, options={**one.options, key: _OPTIONS[value]})
    if one.kind == "constant":
        for other in stored.get((one.result.element, one.result.shape), ())[-1:]:
            yield "edge", f"reads {other}", replace(one, options={"constant": other})
        return
    if one.kind == "filled":
        yield "argument", "filled with 2", replace(one, options={"value": "2"})
        return
    yield "name", "another name", replace(one, name=f"{one.name}.other")
    yield from _edges(one, made)
    yield from _arguments(one)


def _edges(one: Operation, made: Sequence[Tensor]) -> Iterator[tuple[str, str, Operation]]:
    """Other tensors of the same kind, the latest and the first; two operands that trade places."""
    for at, operand in enumerate(one.operands):
        if isinstance(operand, Tensor) and operand in made:
            alike = [x for x in made if x != operand and (x.element, x.shape) == (operand.element, operand.shape)]
            for other in dict.fromkeys([*alike[:1], *alike[-1:]]):
                yield "edge", f"operand {at} is tensor {other.number}", _given(one, at, other)
        if isinstance(operand, list) and len(operand) > 1 and len({x.shape for x in operand}) == 1:
            yield "edge", "its parts reversed", _given(one, at, operand[::-1])
    tensors = [x for x in one.operands[:2] if isinstance(x, Tensor)]
    if one.kind in _NOT_COMMUTATIVE and len(tensors) == 2 and tensors[0].shape == tensors[1].shape:
        yield "edge", "operands trade places", replace(one, operands=(*one.operands[1::-1], *one.operands[2:]))


def _arguments(one: Operation) -> Iterator[tuple[str, str, Operation]]:
    """Other numbers where the result keeps its shape."""
    for at, operand in enumerate(one.operands):
        if isinstance(operand, Tensor | list):
            continue
        values = np.asarray(operand)
        for how, other in _other_numbers(values):
            changed = _given(one, at, other)
            if not np.array_equal(other, values) and _fits(changed):
                yield "argument", f"operand {at} {how}", changed
    if one.kind == "slice_":
        yield from _bounds(one)


def _other_numbers(values: Any) -> Iterator[tuple[str, Any]]:
    if values.dtype.kind == "f":
        for factor in (1.02, 0.01, 0.0, -1.0):
            yield f"· {factor:g}", (values * factor).astype(values.dtype)
    elif values.dtype.kind == "b":
        yield "flipped", ~values
    elif values.size > 1:
        yield "reversed", np.ascontiguousarray(values[::-1])
    else:
        yield "less one", (values.astype(np.int64) - 1).astype(values.dtype)
        yield "more one", (values.astype(np.int64) + 1).astype(values.dtype)


def _bounds(one: Operation) -> Iterator[tuple[str, str, Operation]]:
    """As much of another place: of the next head, say."""
    x, start, end, *rest = one.operands
    if not isinstance(x, Tensor):
        return
    first, last = np.asarray(start), np.asarray(end)
    for axis, size in enumerate(x.shape):
        width = int(last[axis] - first[axis])
        step = np.eye(len(x.shape), dtype=first.dtype)[axis] * width
        if last[axis] + width <= size:
            operands = (x, first + step, last + step, *rest)
            yield "argument", f"the part behind it on axis {axis}", replace(one, operands=operands)


def _fits(one: Operation) -> bool:
    """Whether it makes what it made, and names axes that there are."""
    axes = [np.asarray(x) for x in one.operands if not isinstance(x, Tensor | list)]
    if one.kind in _OF_AN_AXIS and any((x < 0).any() or (x >= len(one.result.shape)).any() for x in axes):
        return False
    if any(x.dtype.kind == "u" and (x > 1 << 16).any() for x in axes) or one.kind in ("conv2d", "slice_"):
        return False
    try:
        return RESULTS[one.kind](*one.operands, **one.options) == (one.result.element, one.result.shape)
    except (IndexError, ValueError):
        return False


def _interface_faults(graph: Graph) -> Iterator[tuple[str, str, Change]]:
    for one, other in pairwise(graph.inputs):
        yield "interface", f"{one} and {other} trade names", partial(_traded, one, other)
    for side in ("inputs", "outputs"):
        for name in getattr(graph, side):
            yield "interface", f"{name}: another name", partial(_renamed, side, name)
    for name, tensor in graph.outputs.items():
        alike = [one.result for one in graph.operations if _alike(one.result, tensor)]
        for other in alike[:1]:
            yield "interface", f"{name}: tensor {other.number}", partial(_put_out, name, other)
    yield "function", "another name", lambda graph: replace(graph, name="other")


def _alike(one: Tensor, other: Tensor) -> bool:
    return one != other and (one.element, one.shape) == (other.element, other.shape)


def _with(number: int, other: Operation, graph: Graph) -> Graph:
    operations = list(graph.operations)
    operations[number] = other
    return replace(graph, operations=operations)


def _swapped(number: int, graph: Graph) -> Graph:
    operations = list(graph.operations)
    operations[number : number + 2] = operations[number : number + 2][::-1]
    return replace(graph, operations=operations)


def _without(number: int, kept: Tensor, graph: Graph) -> Graph:
    """Who reads the operation reads what it keeps."""
    gone = graph.operations[number].result
    instead: Callable[[Any], Any] = lambda x: kept if isinstance(x, Tensor) and x == gone else x  # noqa: E731
    operations = [
        replace(one, operands=tuple([*map(instead, x)] if isinstance(x, list) else instead(x) for x in one.operands))
        for at, one in enumerate(graph.operations)
        if at != number
    ]
    return replace(graph, operations=operations, outputs={name: instead(x) for name, x in graph.outputs.items()})


def _traded(one: str, other: str, graph: Graph) -> Graph:
    names = {one: other, other: one}
    return replace(graph, inputs={names.get(name, name): tensor for name, tensor in graph.inputs.items()})


def _renamed(side: str, name: str, graph: Graph) -> Graph:
    named = {"other" if one == name else one: tensor for one, tensor in getattr(graph, side).items()}
    return replace(graph, **{side: named})


def _put_out(name: str, other: Tensor, graph: Graph) -> Graph:
    return replace(graph, outputs={**graph.outputs, name: other})


def _given(one: Operation, at: int, other: Any) -> Operation:
    return replace(one, operands=(*one.operands[:at], other, *one.operands[at + 1 :]))


def _like_result(one: Operation) -> Tensor | None:
    """An operand that could stand for the result."""
    alike = (x for x in one.operands if isinstance(x, Tensor) and _alike(x, one.result))
    return None if one.kind in _STORED else next(alike, None)


def _read(one: Operation) -> list[Tensor]:
    flat = [x for operand in one.operands for x in (operand if isinstance(operand, list) else [operand])]
    return [x for x in flat if isinstance(x, Tensor)]
