"""Building blocks of classification heads: poolers, classifiers and spans, with their rows of the tensor table."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from exporter.model.family import Encoded, Head
from exporter.model.geometry import Geometry
from exporter.model.ops import Extent, Role, Weight
from exporter.model.tasks import QUESTION_ANSWERING, TEXT_RANKING, TOKEN_CLASSIFICATION
from exporter.model.tensor_table import Entry, dense_entries

Build = Callable[[Encoded[Any]], None]
Entries = Callable[[Geometry, int], Iterator[Entry]]
SPAN = "qa_outputs"
"""What every family calls the layer of question answering."""


def pooled_entries(dense: str, classifier: str = "classifier") -> Entries:
    """The two layers of `classify_pooled`, under the names that a family stores them by."""

    def entries(geometry: Geometry, labels: int) -> Iterator[Entry]:
        yield from dense_entries("pooler", dense, geometry.hidden, geometry.hidden)
        yield from dense_entries("classifier", classifier, labels, geometry.hidden)

    return entries


def choice_entries(dense: str) -> Entries:
    """As `pooled_entries`, with the one score of a choice for the labels."""
    return lambda geometry, _labels: pooled_entries(dense)(geometry, 1)


def next_sentence_entries(dense: str, classifier: str) -> Entries:
    """As `pooled_entries`, with the two scores of pretraining's second task for the labels."""
    return lambda geometry, _labels: pooled_entries(dense, classifier)(geometry, 2)


def classifier_entries(geometry: Geometry, labels: int) -> Iterator[Entry]:
    """`classifier`, as every family calls the layer with a row for each label."""
    yield from dense_entries("classifier", "classifier", labels, geometry.hidden)


def span_entries(geometry: Geometry, _labels: int) -> Iterator[Entry]:
    """The two rows of question answering, which every family calls alike."""
    yield from dense_entries("span", SPAN, 2, geometry.hidden)


def classify_pooled(dense: str, kind: str, extent: Extent = Extent.TEXT) -> Build:
    """Build the head: `dense` and its activation over the first token, then the classifier: [B, H] → [B, labels]."""

    def build(given: Encoded[Any]) -> None:
        logits = linear(given, "classifier", "classifier", pool_first(given, dense, kind), Role.HEAD)
        given.ops.output("logits", logits, extent)

    return build


def pool_first(given: Encoded[Any], dense: str, kind: str) -> Any:
    """`dense` and its activation over the first token: [B, H] → [B, H]."""
    return given.ops.activation(dense, linear(given, dense, f"{dense}.dense", given.x, Role.TAIL), kind)


def classify_tokens(given: Encoded[Any]) -> None:
    """The classifier of every token: [B, S, H] → logits [B, S, labels]."""
    given.ops.output("logits", linear(given, "classifier", "classifier", given.x, Role.HEAD), Extent.TOKEN)


def find_span(given: Encoded[Any]) -> None:
    """Two scores of every token, where an answer starts and where it ends: [B, S, H] → [B, S] twice."""
    weight, bias, ops = given.read("span.weight"), given.read("span.bias"), given.ops
    for row, name in enumerate(("start_logits", "end_logits")):
        vector = Weight(f"{name}.bias", bias[row : row + 1], Role.VECTOR)
        column = ops.linear(
            f"{name}.column", given.x, Weight(f"{name}.weight", weight[row : row + 1], Role.HEAD), vector
        )
        ops.output(name, column, Extent.POSITION)


def linear(given: Encoded[Any], weights: str, name: str, x: Any, role: Role) -> Any:
    """The layer whose weight and bias are called `weights`; `name` is its result's."""
    weight = Weight(f"{weights}.weight", given.read(f"{weights}.weight"), role)
    return given.ops.linear(name, x, weight, Weight(f"{weights}.bias", given.read(f"{weights}.bias"), Role.VECTOR))


def layer_norm(given: Encoded[Any], weights: str, name: str, x: Any) -> Any:
    """The LayerNorm whose gain and bias are called `weights`; `name` is its result's."""
    gain = Weight(f"{weights}.gain", given.read(f"{weights}.gain"), Role.VECTOR)
    bias = Weight(f"{weights}.bias", given.read(f"{weights}.bias"), Role.VECTOR)
    return given.ops.layer_norm(name, x, gain, bias, given.geometry.epsilon)


def ranking_head(classifier: Head) -> Head:
    """The head of text ranking: a text classifier whose one label is a score of pairs (a cross-encoder)."""
    return replace(classifier, task=TEXT_RANKING)


def token_head(architecture: str, leftovers: tuple[str, ...] = ()) -> Head:
    """The head of token classification, which every family computes and stores alike."""
    labelled = "classifier.weight"
    return Head(
        TOKEN_CLASSIFICATION, architecture, classifier_entries, classify_tokens, labelled=labelled, leftovers=leftovers
    )


def span_head(architecture: str, leftovers: tuple[str, ...] = ()) -> Head:
    """The head of question answering, which every family computes and stores alike."""
    return Head(QUESTION_ANSWERING, architecture, span_entries, find_span, leftovers=leftovers)
