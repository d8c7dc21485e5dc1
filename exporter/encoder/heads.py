"""What heads of several families are made of, over `Ops`."""

from collections.abc import Callable, Iterator
from typing import Any

from exporter.encoder.geometry import Geometry
from exporter.encoder.ops import Extent, Ops, Read, Role, Weight
from exporter.encoder.weights import Entry, dense_entries


def pooled_entries(dense: str, classifier: str = "classifier") -> Callable[[Geometry, int], Iterator[Entry]]:
    """The two layers of `classify_pooled`, under the names that a family stores them by."""

    def entries(geometry: Geometry, labels: int) -> Iterator[Entry]:
        yield from dense_entries("pooler", dense, geometry.hidden, geometry.hidden)
        yield from dense_entries("classifier", classifier, labels, geometry.hidden)

    return entries


def classifier_entries(geometry: Geometry, labels: int) -> Iterator[Entry]:
    """`classifier`, as every family calls the layer with a row for each label."""
    yield from dense_entries("classifier", "classifier", labels, geometry.hidden)


def span_entries(geometry: Geometry, _labels: int) -> Iterator[Entry]:
    """`qa_outputs`, as every family calls the two rows of question answering."""
    yield from dense_entries("span", "qa_outputs", 2, geometry.hidden)


def classify_pooled(kind: str) -> Callable[[Ops[Any], Read, Geometry, Any], None]:
    """Build the head: a layer and its activation over the first token, then the classifier: [B, H] → [B, labels]."""

    def build(ops: Ops[Any], read: Read, _geometry: Geometry, first: Any) -> None:
        pooled = ops.activation("pooler", linear(ops, read, "pooler", "pooler.dense", first, Role.TAIL), kind)
        ops.output("logits", linear(ops, read, "classifier", "classifier", pooled, Role.HEAD), Extent.TEXT)

    return build


def classify_tokens(ops: Ops[Any], read: Read, _geometry: Geometry, x: Any) -> None:
    """The classifier of every token: [B, S, H] → logits [B, S, labels]."""
    ops.output("logits", linear(ops, read, "classifier", "classifier", x, Role.HEAD), Extent.TOKEN)


def find_span(ops: Ops[Any], read: Read, _geometry: Geometry, x: Any) -> None:
    """Two scores of every token, where an answer starts and where it ends: [B, S, H] → [B, S] twice."""
    weight, bias = read("span.weight"), read("span.bias")
    for row, name in enumerate(("start_logits", "end_logits")):
        vector = Weight(f"{name}.bias", bias[row : row + 1], Role.VECTOR)
        column = ops.linear(f"{name}.column", x, Weight(f"{name}.weight", weight[row : row + 1], Role.HEAD), vector)
        ops.output(name, column, Extent.POSITION)


def linear(ops: Ops[Any], read: Read, weights: str, name: str, x: Any, role: Role) -> Any:
    """The layer whose weight and bias are called `weights`; `name` is its result's."""
    weight = Weight(f"{weights}.weight", read(f"{weights}.weight"), role)
    return ops.linear(name, x, weight, Weight(f"{weights}.bias", read(f"{weights}.bias"), Role.VECTOR))
