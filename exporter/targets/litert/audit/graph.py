"""Audit of the graphs of a .tflite file: tensors, operators and interface, against those that its recipe lowers to.

Tensors are known by their names, operators by those of what they make. Free are the numbers of tensors and buffers, the
order of operators as far as each comes after what it reads, and what says which program wrote the file.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

import numpy as np

from exporter.targets.litert.audit.stored import StoredModel
from exporter.targets.litert.graph import Graph, Scaled, Step, Value
from runtimes.tflite.model import Node, OptionValue, Quantization, Subgraph, Tensor
from runtimes.tflite.schema import OPERATORS

Problem = tuple[str, str]
"""A subject by our name, and what is wrong with it."""
_WRITER = "bertport "
_LISTED = 20
"""Of what is too much so many are named; the others are counted: a file may hold millions."""


def compare_models(expected: Sequence[Graph], metadata: Mapping[str, bytes], stored: StoredModel) -> Iterator[Problem]:
    """Everything in which the file is not the graphs and the metadata expected, but the values of its constants."""
    model = stored.model
    if not model.description.startswith(_WRITER):
        yield "description", f"expected {_WRITER}and a version, found {model.description!r:.60}"
    yield from _metadata(metadata, model.metadata)
    yield from _lists("graphs", [graph.key for graph in expected], [one.name for one in model.subgraphs])
    yield from _signatures(expected, stored)
    yield from _buffers(expected, stored)
    for graph, found in zip(expected, model.subgraphs, strict=False):
        place = f"{graph.key}: " if len(expected) > 1 else ""
        yield from ((f"{place}{name}", problem) for name, problem in _graph(graph, found, stored))


def _metadata(expected: Mapping[str, bytes], found: Mapping[str, bytes]) -> Iterator[Problem]:
    for name in {**expected, **found}:
        ours, theirs = (
            "none" if one is None else f"{len(one):,} bytes" for one in (expected.get(name), found.get(name))
        )
        if expected.get(name) != found.get(name):
            yield f"metadata {name}", f"expected {ours}, found {'others of ' if ours == theirs else ''}{theirs}"


def _lists(subject: str, expected: Sequence[str], found: Sequence[str]) -> Iterator[Problem]:
    if list(expected) != list(found):
        yield subject, f"expected {_listed(expected)}, found {_listed(found)}"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _LISTED:,} more" if len(names) > _LISTED else ""
    return f"{', '.join(names[:_LISTED])}{more}" if names else "none"


def _signatures(expected: Sequence[Graph], stored: StoredModel) -> Iterator[Problem]:
    """By their keys, in their order: the first is what a caller gets who asks for none."""
    graphs, signatures = stored.model.subgraphs, stored.model.signatures
    yield from _lists("signatures", [graph.key for graph in expected], [one.key for one in signatures])
    theirs = {one.key: one for one in signatures}
    for number, graph in enumerate(expected):
        if (one := theirs.get(graph.key)) is None:
            continue
        subject, tensors = f"signature {graph.key}", graphs[one.subgraph].tensors
        yield from _lists(subject, [f"graph {number}"], [f"graph {one.subgraph}"])
        wanted = {"inputs": {name: name for name in graph.inputs}, "outputs": graph.outputs}
        for side, names in (("inputs", one.inputs), ("outputs", one.outputs)):
            ours = [f"{name} = {tensor}" for name, tensor in wanted[side].items()]
            yield from _lists(
                f"{subject}, {side}", ours, [f"{name} = {tensors[at].name}" for name, at in names.items()]
            )


def _buffers(expected: Sequence[Graph], stored: StoredModel) -> Iterator[Problem]:
    """What is stored has a buffer of its own, and there is none that nothing reads."""
    owners: dict[int, str] = {}
    for name in dict.fromkeys(value.stored for graph in expected for value in graph.values.values() if value.stored):
        number = stored.buffers.get(name)
        if number is not None and owners.setdefault(number, name) != name:
            yield name, f"expected values of its own, found those of {owners[number]}"
    read = {tensor.buffer for graph in stored.model.subgraphs for tensor in graph.tensors}
    if unread := len(stored.model.buffers) - len(read | {0}):
        yield "buffers", f"expected {len(read - {0}):,}, found {unread:,} more, which nothing reads"


def _graph(graph: Graph, found: Subgraph, stored: StoredModel) -> Iterator[Problem]:
    names = [tensor.name for tensor in found.tensors]
    yield from _lists("inputs", graph.inputs, [names[at] for at in found.inputs])
    yield from _lists("outputs", list(graph.outputs.values()), [names[at] for at in found.outputs])
    yield from _tensors(graph, found, stored)
    yield from _steps(graph, [_step(node, names) for node in found.nodes])
    yield from _order(found, names)


def _tensors(graph: Graph, found: Subgraph, stored: StoredModel) -> Iterator[Problem]:
    theirs = {tensor.name: tensor for tensor in found.tensors}
    counts = Counter(tensor.name for tensor in found.tensors)
    several = (name for name, count in counts.items() if count > 1)
    yield from ((name, "expected one tensor of that name, found several") for name in islice(several, _LISTED))
    for name, value in graph.values.items():
        tensor = theirs.get(name)
        if tensor is None:
            yield name, f"expected {_form(value)}, found no tensor of that name"
        else:
            yield from ((name, problem) for problem in _differences(value, tensor, found, stored))
    beyond = [tensor for name, tensor in theirs.items() if name not in graph.values]
    yield from ((one.name, f"expected no such tensor, found {_form(one)}") for one in beyond[:_LISTED])
    if len(beyond) > _LISTED:
        yield "tensors", f"expected {len(graph.values):,}, found {len(beyond):,} more"


def _form(one: Value | Tensor) -> str:
    return f"{one.dtype} {list(one.shape)}"


def _differences(value: Value, tensor: Tensor, found: Subgraph, stored: StoredModel) -> Iterator[str]:
    if _form(value) != _form(tensor):
        yield f"expected {_form(value)}, found {_form(tensor)}"
    number = stored.buffers.get(value.stored, -1) if value.stored else 0
    if tensor.buffer != number:
        owner = next(
            (name for name, one in stored.buffers.items() if one == tensor.buffer),
            "another buffer" if tensor.buffer else "no constant",
        )
        yield f"expected the values of {value.stored or 'no constant'}, found those of {owner}"
    if (tensor.quantization is None) != (value.scaled is None):
        yield f"expected {'no scales' if value.scaled is None else 'scales'}, found others"
    elif value.scaled and tensor.quantization:
        yield from _scales(value.scaled, tensor.quantization, found, stored)


def _scales(how: Scaled, found: Quantization, graph: Subgraph, stored: StoredModel) -> Iterator[str]:
    """Scales that are a tensor too, for another reader, are the same there; all run along the first axis, from 0."""
    if how.block_size:
        names = [tensor.name for tensor in graph.tensors]
        block = "none" if found.block_scales is None else names[found.block_scales]
        ours, theirs = f"{how.scales} of {how.block_size} numbers", f"{block} of {found.block_size} numbers"
        if ours != theirs:
            yield f"scales: expected {ours}, found {theirs}"
    elif found.block_scales is not None:
        yield f"scales: expected {how.scales}, found some of blocks"
    else:
        scales = stored.tensors.get(how.scales)
        if scales is None or not np.array_equal(scales.read().reshape(-1), found.scale, equal_nan=True):
            yield f"scales: expected those of {how.scales}, found others"
    if found.axis != 0 or (found.zero_point is not None and found.zero_point.any()):
        yield "scales: expected one for each row and no zero points, found others"


def _step(node: Node, names: Sequence[str]) -> Step:
    """An operator with its tensors by name."""
    inputs, outputs = (tuple(names[at] if at >= 0 else "none" for at in side) for side in (node.inputs, node.outputs))
    return Step(node.operator, node.version, inputs, outputs, node.options)


def _steps(graph: Graph, found: Sequence[Step]) -> Iterator[Problem]:
    theirs: dict[str, Step] = {}
    for step in found:
        if _known_as(step) in theirs:
            yield _known_as(step), "expected one operator of that result, found two"
        theirs[_known_as(step)] = step
    for step in graph.steps:
        name = _known_as(step)
        other = theirs.pop(name, None)
        if other is None:
            yield name, f"expected {step.operator}, found no operator of that result"
        else:
            yield from ((name, problem) for problem in _step_differences(step, other))
    yield from ((name, f"expected no such operator, found {step.operator}") for name, step in theirs.items())


def _known_as(step: Step) -> str:
    return step.outputs[0] if step.outputs else step.operator


def _step_differences(expected: Step, found: Step) -> Iterator[str]:
    ours, theirs = (
        {
            "operator": step.operator,
            "version": step.version,
            "inputs": ", ".join(step.inputs),
            "outputs": ", ".join(step.outputs),
            **_options(step),
        }
        for step in (expected, found)
    )
    for key in {**ours, **theirs}:
        if ours.get(key) != theirs.get(key):
            yield f"{key}: expected {ours.get(key, 'none')}, found {theirs.get(key, 'none')}"


def _options(step: Step) -> Mapping[str, OptionValue]:
    """Those that are not said have the schema's values."""
    operator = OPERATORS.get(step.operator)
    known = operator.options if operator and operator.options else {}
    options = {name: one.default for name, one in known.items()} | dict(step.options)
    return {f"option {name}": value for name, value in options.items()}


def _order(found: Subgraph, names: Sequence[str]) -> Iterator[Problem]:
    """Operators run in the order of the file, whatever they read."""
    made = {*found.inputs, *(at for at, tensor in enumerate(found.tensors) if tensor.buffer)}
    for node in found.nodes:
        for at in node.inputs:
            if at >= 0 and at not in made:
                yield names[node.outputs[0]] if node.outputs else node.operator, f"reads {names[at]} before it is made"
        made.update(node.outputs)
