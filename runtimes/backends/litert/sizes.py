"""Bounding what a .tflite graph makes, before LiteRT allocates any of it.

LiteRT computes shapes itself, so that a file of a few hundred bytes can ask for gigabytes; and XNNPACK believes those
in the file, so that what is made may be larger than its room (seen in ai-edge-litert 2.3.0: a DEQUANTIZE). Here every
node is gone through in the order of the file, as LiteRT does: what it reads must have been made, and what it makes must
be new and of the shape that is said. Sizes that the caller sets (batch, sequence) are unknown and count as 1.
"""

from collections.abc import Mapping
from math import prod
from pathlib import Path

import numpy as np

from runtimes.backends.litert.rules import RULES, VALUES
from runtimes.backends.litert.shapes import Inputs, Integers, Shape, UnfitError
from runtimes.backends.litert.types import check_blocks, check_types
from runtimes.errors import BundleError, in_our_words
from runtimes.tflite.model import FREE, Model, Node, Subgraph

MOST_ELEMENTS = 1 << 28
"""Of one tensor whose size the file alone decides, an axis of size 0 counted as 1."""
_ELEMENTS, _RATIO = 1 << 26, 64
"""Of all of them together: so many, and so many for each byte of the file."""
_SMALL = 1024
"""Elements of integers that may say a shape."""
_BITS = {"int32": 32, "int64": 64}


def check_signatures(path: Path, model: Model) -> None:
    """Raise BundleError for a signature that does not give and get what its graph does: LiteRT sets any tensor."""
    for one in model.signatures:
        graph = model.subgraphs[one.subgraph]
        sides = ((one.inputs, graph.inputs), (one.outputs, graph.outputs))
        if any(set(named.values()) != set(own) for named, own in sides):
            raise BundleError(
                f"{path}: signature {one.key!r} has not the inputs and outputs of its graph; export again"
            )


def check_sizes(path: Path, model: Model, file_bytes: int) -> None:
    """Raise BundleError for a graph that does not fit together, or that makes tensors beyond reason out of itself."""
    total = 0
    for graph in model.subgraphs:
        for number, shape in _Walk(path, model, graph).made().items():
            elements = prod(max(1, size) for size in shape)
            total += elements
            if elements > MOST_ELEMENTS:
                found = f"makes a tensor of {elements:,} elements, at most {MOST_ELEMENTS:,} are made"
                raise BundleError(f"{path}: {graph.tensors[number].name!r} {found}; export again")
    most = _ELEMENTS + _RATIO * file_bytes
    if total > most:
        raise BundleError(f"{path}: makes tensors of {total:,} elements in all, at most {most:,}; export again")


class _Walk:
    """Goes through the nodes of a graph."""

    def __init__(self, path: Path, model: Model, graph: Subgraph) -> None:
        self._path, self._graph = path, graph
        self._shapes: dict[int, Shape] = {}
        self._known: dict[int, Integers] = {}
        for number, tensor in enumerate(graph.tensors):
            if tensor.buffer:
                self._shapes[number] = tensor.shape
                if tensor.dtype in _BITS and prod(tensor.shape) <= _SMALL:
                    self._known[number] = model.values(tensor).astype(np.int64)
        for number in graph.inputs:
            if number in self._shapes:
                raise self._refused(f"{graph.tensors[number].name!r} is an input, and a constant or an input before")
            self._shapes[number] = tuple(1 if size == FREE else size for size in graph.tensors[number].shape)

    def made(self) -> Mapping[int, Shape]:
        """Number of a tensor → its shape, of all that nodes make. Raises BundleError."""
        found: dict[int, Shape] = {}
        for node in self._graph.nodes:
            shapes = self._follow(node)
            found |= dict(zip(node.outputs, shapes, strict=True))
        if missing := [number for number in self._graph.outputs if number not in self._shapes]:
            raise self._refused(f"{self._graph.tensors[missing[0]].name!r} is an output that nothing makes")
        return found

    def _follow(self, node: Node) -> list[Shape]:
        """The shapes of what a node makes."""
        rule = RULES[node.operator]
        if not rule.least <= len(node.inputs) <= rule.most:
            raise self._refused(f"{node.operator} of {len(node.inputs)} inputs")
        of = Inputs(
            node, [self._shape(node, number) for number in node.inputs], [self._known.get(n) for n in node.inputs]
        )
        with in_our_words(lambda why: self._refused(f"{node.operator} {self._named(node)}: {why}"), 200):
            check_types(self._graph, node)
            check_blocks(self._graph, node)
            shapes = rule.shapes(of)
            if len(shapes) != len(node.outputs):
                raise UnfitError(f"{len(node.outputs)} outputs")
            self._keep_values(node, of, shapes)
        for number, shape in zip(node.outputs, shapes, strict=True):
            self._keep_shape(number, shape)
        return shapes

    def _keep_shape(self, number: int, shape: Shape) -> None:
        """What is made is new, and as large as the file says: XNNPACK makes room for that, and fills what is made."""
        tensor = self._graph.tensors[number]
        if number in self._shapes:
            raise self._refused(f"{tensor.name!r} is made twice")
        if len(shape) != len(tensor.shape) or any(b not in (FREE, a) for a, b in zip(shape, tensor.shape, strict=True)):
            raise self._refused(f"{tensor.name!r} is said to be {[*tensor.shape]}, and is made {[*shape]}")
        self._shapes[number] = shape

    def _shape(self, node: Node, number: int) -> Shape | None:
        """None for what is left out, which only what may be absent is. Raises BundleError for what nothing made."""
        if number >= 0 and number not in self._shapes:
            raise self._refused(
                f"{node.operator} reads {self._graph.tensors[number].name!r}, which nothing made before"
            )
        if number < 0 and node.inputs.index(number) < RULES[node.operator].least:
            raise self._refused(f"{node.operator} {self._named(node)} is left without an input")
        return self._shapes.get(number)

    def _keep_values(self, node: Node, of: Inputs, shapes: list[Shape]) -> None:
        """Compute small integers where all that they are made of is known."""
        if node.operator not in VALUES or node.options.get("activation") or prod(shapes[0]) > _SMALL:
            return
        bits = _BITS.get(self._graph.tensors[node.outputs[0]].dtype)
        parts = [one for one in of.known if one is not None]
        if bits and (node.operator == "SHAPE" or len(parts) == len(of.known)):
            values = VALUES[node.operator](of, parts)
            if values.size and not -(2 ** (bits - 1)) <= values.min() <= values.max() < 2 ** (bits - 1):
                raise UnfitError("numbers beyond their type")
            self._known[node.outputs[0]] = values

    def _named(self, node: Node) -> str:
        return repr(self._graph.tensors[node.outputs[0]].name) if node.outputs else "that makes nothing"

    def _refused(self, reason: str) -> BundleError:
        return BundleError(f"{self._path}: {reason}; export again")
