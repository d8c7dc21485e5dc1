"""A checkpoint of a given geometry with seeded weights, and the demo's tokenizer: a stand-in for a tier."""

import math
import shutil
from pathlib import Path
from typing import Protocol

import torch
from transformers import BertConfig, BertForSequenceClassification

from exporter.checkpoint.source import DEMO_DIRECTORY

_TOKENIZER = ("vocab.txt", "tokenizer.json", "tokenizer_config.json")


class Shape(Protocol):
    """What a stand-in is made from."""

    @property
    def layers(self) -> int:
        """Number of layers."""

    @property
    def hidden(self) -> int:
        """Width; the feed-forward is four times that."""

    @property
    def heads(self) -> int:
        """Attention heads."""


def write_stand_in(folder: Path, shape: Shape, labels: int = 4) -> Path:
    """Write the checkpoint into `folder`, and return it.

    Weights are normal with a deviation of 1/√hidden (the default 0.02 makes all texts look alike to so deep a model),
    and a classifier that tells texts apart.
    """
    torch.manual_seed(0)
    config = BertConfig(
        hidden_size=shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        intermediate_size=4 * shape.hidden,
        num_labels=labels,
        initializer_range=1 / math.sqrt(shape.hidden),
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    copy_tokenizer(folder)
    return folder


def copy_tokenizer(folder: Path) -> None:
    """Put the demo's tokenizer beside a checkpoint: BERT's uncased one, of 30,522 tokens."""
    for name in _TOKENIZER:
        shutil.copyfile(DEMO_DIRECTORY / name, folder / name)
