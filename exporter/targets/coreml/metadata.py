"""Metadata of a package: the texts that Xcode shows, and the facts that apps read."""

from collections.abc import Mapping
from dataclasses import dataclass

from exporter.model.model import Model
from exporter.model.ops import Extent
from exporter.targets.apple_metadata import Metadata as Metadata
from exporter.targets.apple_metadata import model_facts

_PREVIEWS = {"question-answering": {"com.apple.coreml.model.preview.type": "bertQA"}}
"""Task → what makes Xcode show a preview (coremltools' guide, "Xcode Model Preview Types")."""


@dataclass(frozen=True)
class Card:
    """What Xcode shows of a package. `facts` are further keys and values, texts all."""

    description: str
    author: str
    licence: str
    version: str
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    facts: Mapping[str, str]


def make_card(model: Model, scheme: str, compute_units: str, metadata: Metadata, lengths: tuple[int, ...]) -> Card:
    """The card of the package that takes `lengths`."""
    listed = f"of each label, before softmax: {', '.join(metadata.labels)}"
    scores = {
        Extent.TEXT: f"one score {listed}",
        Extent.CHOICE: "one score of the choice",
        Extent.TOKEN: f"for each token one score {listed}",
        Extent.POSITION: "one score for each token, before softmax",
    }
    return Card(
        description=metadata.description,
        author=metadata.author,
        licence=metadata.licence,
        version=metadata.version,
        inputs={
            "input_ids": "token ids of one text with its special tokens, padded to the length of the input",
            "attention_mask": "1 for a token, 0 for padding",
            "token_type_ids": "0 for the first text of a pair, 1 for the second",
        },
        outputs={name: model.task.meanings.get(name, scores[extent]) for name, extent in model.outputs.items()},
        facts={
            **_PREVIEWS.get(model.task.name, {}),
            **model_facts(model, scheme, compute_units, metadata.labels, lengths),
        },
    )
