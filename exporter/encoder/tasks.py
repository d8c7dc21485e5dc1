"""What a user sees of a model, by Optimum's names: the outputs, what they decide, and what the model reads."""

from collections.abc import Mapping
from dataclasses import dataclass

from exporter.encoder.ops import Extent


@dataclass(frozen=True)
class Task:
    """One task. `problem` is what the outputs decide; None: config.json says which. `pairs`: it reads two texts."""

    name: str
    outputs: Mapping[str, Extent]
    problem: str | None = None
    pairs: bool = False


TEXT_CLASSIFICATION = Task("text-classification", {"logits": Extent.TEXT})
TOKEN_CLASSIFICATION = Task("token-classification", {"logits": Extent.TOKEN}, "token_classification")
QUESTION_ANSWERING = Task(
    "question-answering",
    {"start_logits": Extent.POSITION, "end_logits": Extent.POSITION},
    "question_answering",
    pairs=True,
)

TASKS = {task.name: task for task in (TEXT_CLASSIFICATION, TOKEN_CLASSIFICATION, QUESTION_ANSWERING)}
