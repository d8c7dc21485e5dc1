"""What packages and assets for Apple's systems say of a model: the texts that Xcode shows, and facts that apps read."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from exporter.checkpoint.checkpoint import Checkpoint
from exporter.model.model import Model
from runtimes.version import __version__

VERSION = "bertport_version"
"""The fact that says which bertport wrote a model."""


@dataclass(frozen=True)
class Metadata:
    """What Xcode shows of where a model comes from; texts may be empty. `labels` in the order of the logits."""

    description: str
    author: str = ""
    licence: str = ""
    version: str = ""
    labels: tuple[str, ...] = ()


def metadata_of(checkpoint: Checkpoint) -> Metadata:
    """What is said of a checkpoint."""
    labels = f" with {', '.join(checkpoint.labels)}" if checkpoint.labels else ""
    description = f"{checkpoint.task.name}{labels} ({checkpoint.source.model})"
    author, licence = checkpoint.authorship
    return Metadata(description, author, licence, __version__, checkpoint.labels)


def model_facts(
    model: Model, scheme: str, compute_units: str, labels: tuple[str, ...], lengths: tuple[int, ...]
) -> Mapping[str, str]:
    """Keys and values, texts all."""
    return {
        VERSION: __version__,
        "compute_units": compute_units,
        "labels": json.dumps(labels, ensure_ascii=False),
        "scheme": scheme,
        "sequence_lengths": json.dumps(lengths),
        "task": model.task.name,
    }
