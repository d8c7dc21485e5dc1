"""Audit of an ONNX graph: nodes, attributes, edges and interface, against those that its recipe lowers to.

Every node is known by the tensor that it makes, which bears our name. Free are the order of nodes, doc strings, and
what says which program wrote the file.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import onnx
from onnx import helper

Problem = tuple[str, str]
"""A subject by our name, and what is wrong with it."""

_FREE_OF_MODEL = {"ir_version", "producer_name", "producer_version", "domain", "model_version", "doc_string", "graph"}
_COMPARED_OF_MODEL = {"opset_import"}
_FREE_OF_GRAPH = {"name", "doc_string"}
_COMPARED_OF_GRAPH = {"node", "input", "output"}
_FREE_OF_NODE = {"doc_string"}
_COMPARED_OF_NODE = {"name", "op_type", "domain", "input", "output", "attribute"}
_STANDARD = ("", "ai.onnx")


def compare_graphs(expected: onnx.ModelProto, found: onnx.ModelProto) -> Iterator[Problem]:
    """Everything in which the graph found is not the one expected; of both, initializers are left out."""
    yield from _opsets(expected, found)
    yield from _unexpected("model", found, _FREE_OF_MODEL | _COMPARED_OF_MODEL)
    yield from _unexpected("graph", found.graph, _FREE_OF_GRAPH | _COMPARED_OF_GRAPH)
    for side in ("input", "output"):
        yield from _interfaces(side, getattr(expected.graph, side), getattr(found.graph, side))
    yield from _nodes(expected.graph.node, found.graph.node)


def _opsets(expected: onnx.ModelProto, found: onnx.ModelProto) -> Iterator[Problem]:
    sides = [sorted((_domain(one.domain), one.version) for one in model.opset_import) for model in (expected, found)]
    if sides[0] != sides[1]:
        texts = [", ".join(f"{domain} {version}" for domain, version in side) or "none" for side in sides]
        yield "opset", f"expected {texts[0]}, found {texts[1]}"


def _domain(name: str) -> str:
    return "ai.onnx" if name in _STANDARD else name


def _unexpected(subject: str, message: Any, known: set[str]) -> Iterator[Problem]:
    """Parts of a message that our models do not have."""
    for descriptor, _ in message.ListFields():
        if descriptor.name not in known:
            yield subject, f"expected no {descriptor.name}, found some"


def _interfaces(
    side: str, expected: Iterable[onnx.ValueInfoProto], found: Iterable[onnx.ValueInfoProto]
) -> Iterator[Problem]:
    ours, theirs = ([(one.name, _type(one)) for one in values] for values in (expected, found))
    if ours == theirs:
        return
    if [name for name, _ in ours] != [name for name, _ in theirs]:
        names = [", ".join(name for name, _ in values) or "none" for values in (ours, theirs)]
        yield f"{side}s", f"expected {names[0]}, found {names[1]}"
        return
    for (name, wanted), (_, given) in zip(ours, theirs, strict=True):
        if wanted != given:
            yield f"{side} {name}", f"expected {wanted}, found {given}"


def _type(value: onnx.ValueInfoProto) -> str:
    """float [batch_size, 3]."""
    if not value.type.HasField("tensor_type"):
        return "no tensor"
    tensor = value.type.tensor_type
    sizes = (
        axis.dim_param or (str(axis.dim_value) if axis.HasField("dim_value") else "?") for axis in tensor.shape.dim
    )
    kind = _named(onnx.TensorProto.DataType, tensor.elem_type)
    return f"{kind} [{', '.join(sizes)}]" if tensor.HasField("shape") else f"{kind} of no shape"


def _nodes(expected: Iterable[onnx.NodeProto], found: Iterable[onnx.NodeProto]) -> Iterator[Problem]:
    theirs: dict[str, onnx.NodeProto] = {}
    for node in found:
        name = _known_as(node)
        if name in theirs:
            yield name, "expected one operator of that result, found two"
        theirs[name] = node
    for node in expected:
        other = theirs.pop(_known_as(node), None)
        if other is None:
            yield _known_as(node), f"expected {node.op_type}, found no operator of that result"
        else:
            yield from ((_known_as(node), problem) for problem in _differences(node, other))
    yield from ((name, f"expected no such operator, found {node.op_type}") for name, node in theirs.items())


def _known_as(node: onnx.NodeProto) -> str:
    return node.output[0] if node.output else node.name


def _differences(expected: onnx.NodeProto, found: onnx.NodeProto) -> Iterator[str]:
    ours, theirs = (
        {"name": node.name, "operator": node.op_type, "domain": _domain(node.domain)} for node in (expected, found)
    )
    ours |= {side: ", ".join(getattr(expected, side)) for side in ("input", "output")} | _attributes(expected)
    theirs |= {side: ", ".join(getattr(found, side)) for side in ("input", "output")} | _attributes(found)
    for key in {**ours, **theirs}:
        if ours.get(key) != theirs.get(key):
            yield f"{key}: expected {ours.get(key, 'none')}, found {theirs.get(key, 'none')}"
    yield from (problem for _, problem in _unexpected("", found, _FREE_OF_NODE | _COMPARED_OF_NODE))


def _attributes(node: onnx.NodeProto) -> dict[str, str]:
    """Each with its kind, for 1 and 1.0 are not the same."""
    return {f"attribute {one.name}": _attribute(one) for one in node.attribute}


def _attribute(one: onnx.AttributeProto) -> str:
    if one.ref_attr_name:
        return f"what {one.ref_attr_name} says"
    kind = _named(onnx.AttributeProto.AttributeType, one.type)
    value = helper.get_attribute_value(one)
    return f"{value.decode(errors='replace') if isinstance(value, bytes) else value!r} ({kind})"


def _named(kinds: Any, number: int) -> str:
    """The name of a number of an enumeration, or the number where it has none."""
    names: dict[int, str] = {value: name.lower() for name, value in kinds.items()}
    return names.get(number, str(number))
