"""Task heads: one function each over `Ops`, and the table that says which checkpoint has which.

Tasks bear Optimum's names. A head that reads only the first token says so, and the encoder then computes no other
in its last layer.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from exporter.encoder.bert import Read
from exporter.encoder.geometry import Geometry
from exporter.encoder.ops import Extent, Ops, Role, Weight
from exporter.encoder.weights import Entry, pooler_entries
from exporter.errors import UnsupportedError


@dataclass(frozen=True)
class Task:
    """What a task adds to the encoder.

    `entries` are its weights (with the pooler where it has one), relative to the whole model, for a geometry and a
    number of labels; `head` takes the encoder's result to the `outputs`. `labelled` names the stored weight that has
    a row for each label. `problem` is what the outputs decide; None: config.json says which. `pairs`: it reads
    two texts.
    """

    name: str
    architecture: str
    first_token_only: bool
    outputs: Mapping[str, Extent]
    entries: Callable[[Geometry, int], Iterator[Entry]]
    head: Callable[[Ops[Any], Read, Any], None]
    labelled: str | None = None
    problem: str | None = None
    pairs: bool = False


def _pooled_classifier(geometry: Geometry, labels: int) -> Iterator[Entry]:
    for entry in pooler_entries(geometry):
        yield Entry(entry.name, f"bert.{entry.stored}", entry.shape)
    yield from _classifier(geometry, labels)


def _classifier(geometry: Geometry, labels: int) -> Iterator[Entry]:
    yield Entry("classifier.weight", "classifier.weight", (labels, geometry.hidden))
    yield Entry("classifier.bias", "classifier.bias", (labels,))


def _span(geometry: Geometry, _labels: int) -> Iterator[Entry]:
    yield Entry("span.weight", "qa_outputs.weight", (2, geometry.hidden))
    yield Entry("span.bias", "qa_outputs.bias", (2,))


def _classify(ops: Ops[Any], read: Read, first: Any) -> None:
    """tanh(Wp·x0 + bp), then the classifier: [B, H] → logits [B, labels]."""
    pooled = ops.activation("pooler", _dense(ops, read, "pooler", "pooler.dense", first, Role.TAIL), "tanh")
    ops.output("logits", _dense(ops, read, "classifier", "classifier", pooled, Role.HEAD), Extent.TEXT)


def _classify_tokens(ops: Ops[Any], read: Read, x: Any) -> None:
    """The classifier of every token: [B, S, H] → logits [B, S, labels]."""
    ops.output("logits", _dense(ops, read, "classifier", "classifier", x, Role.HEAD), Extent.TOKEN)


def _find_span(ops: Ops[Any], read: Read, x: Any) -> None:
    """Two scores of every token, where an answer starts and where it ends: [B, S, H] → [B, S] twice."""
    weight, bias = read("span.weight"), read("span.bias")
    for row, name in enumerate(("start_logits", "end_logits")):
        vector = Weight(f"{name}.bias", bias[row : row + 1], Role.VECTOR)
        column = ops.linear(f"{name}.column", x, Weight(f"{name}.weight", weight[row : row + 1], Role.HEAD), vector)
        ops.output(name, column, Extent.POSITION)


def _dense(ops: Ops[Any], read: Read, weights: str, name: str, x: Any, role: Role) -> Any:
    weight = Weight(f"{weights}.weight", read(f"{weights}.weight"), role)
    return ops.linear(name, x, weight, Weight(f"{weights}.bias", read(f"{weights}.bias"), Role.VECTOR))


TASKS = {
    task.name: task
    for task in (
        Task(
            name="text-classification",
            architecture="BertForSequenceClassification",
            first_token_only=True,
            outputs={"logits": Extent.TEXT},
            entries=_pooled_classifier,
            head=_classify,
            labelled="classifier.weight",
        ),
        Task(
            name="token-classification",
            architecture="BertForTokenClassification",
            first_token_only=False,
            outputs={"logits": Extent.TOKEN},
            entries=_classifier,
            head=_classify_tokens,
            labelled="classifier.weight",
            problem="token_classification",
        ),
        Task(
            name="question-answering",
            architecture="BertForQuestionAnswering",
            first_token_only=False,
            outputs={"start_logits": Extent.POSITION, "end_logits": Extent.POSITION},
            entries=_span,
            head=_find_span,
            problem="question_answering",
            pairs=True,
        ),
    )
}


def choose_task(name: str, architectures: list[str]) -> Task:
    """Return the task called `name`, or for "auto" the one whose architecture config.json lists.

    Raises UnsupportedError with the list of what is known.
    """
    if name != "auto":
        if name not in TASKS:
            raise UnsupportedError(f"--task {name}: not supported; known: auto, {', '.join(TASKS)}")
        return TASKS[name]
    for task in TASKS.values():
        if task.architecture in architectures:
            return task
    known = ", ".join(task.architecture for task in TASKS.values())
    raise UnsupportedError(f"config.json: architectures {architectures} is not supported; known: {known}")
