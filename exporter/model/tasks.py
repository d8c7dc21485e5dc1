"""The supported tasks by their Hugging Face names: their outputs, what these decide, and what the model reads."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from exporter.model.ops import Extent


@dataclass(frozen=True)
class Task:
    """One task.

    `problem` is what the outputs decide; None: config.json says which. `pairs`: it reads two texts; `choices`: it reads
    several rows and says which is best. `meanings` says of an output what its numbers are, where they are no scores.
    `besides` are outputs that answer nothing by themselves: other libraries make their answers of them.
    """

    name: str
    outputs: Mapping[str, Extent]
    problem: str | None = None
    pairs: bool = False
    choices: bool = False
    besides: tuple[str, ...] = ()
    meanings: Mapping[str, str] = field(default_factory=dict)


TEXT_CLASSIFICATION = Task("text-classification", {"logits": Extent.TEXT})
TEXT_RANKING = Task(
    "text-ranking",
    {"logits": Extent.TEXT},
    "text_ranking",
    pairs=True,
    meanings={"logits": "one score: how well the second text answers the first"},
)
TOKEN_CLASSIFICATION = Task("token-classification", {"logits": Extent.TOKEN}, "token_classification")
QUESTION_ANSWERING = Task(
    "question-answering",
    {"start_logits": Extent.POSITION, "end_logits": Extent.POSITION},
    "question_answering",
    pairs=True,
)
FILL_MASK = Task(
    "fill-mask",
    {"logits": Extent.TOKEN},
    "fill_mask",
    meanings={"logits": "for each token one score of each vocabulary entry, before softmax"},
)
FEATURE_EXTRACTION = Task(
    "feature-extraction",
    {"last_hidden_state": Extent.TOKEN, "pooler_output": Extent.TEXT},
    "embedding",
    meanings={
        "last_hidden_state": "for each token its vector",
        "pooler_output": "one vector of the text, from its first token",
    },
)
SENTENCE_SIMILARITY = Task(
    "sentence-similarity",
    {"sentence_embedding": Extent.TEXT, "last_hidden_state": Extent.TOKEN},
    "embedding",
    besides=("last_hidden_state",),
    meanings={
        "sentence_embedding": "one vector of the text, pooled as its sentence-transformers files say",
        "last_hidden_state": "for each token its vector",
    },
)
NEXT_SENTENCE_PREDICTION = Task("next-sentence-prediction", {"logits": Extent.TEXT}, "next_sentence", pairs=True)
MULTIPLE_CHOICE = Task(
    "multiple-choice",
    {"logits": Extent.CHOICE},
    "multiple_choice",
    pairs=True,
    choices=True,
    meanings={"logits": "one score of the choice; the best of a text's choices is the answer"},
)

TASKS = {
    task.name: task
    for task in (
        TEXT_CLASSIFICATION,
        TEXT_RANKING,
        TOKEN_CLASSIFICATION,
        QUESTION_ANSWERING,
        FILL_MASK,
        FEATURE_EXTRACTION,
        SENTENCE_SIMILARITY,
        NEXT_SENTENCE_PREDICTION,
        MULTIPLE_CHOICE,
    )
}
