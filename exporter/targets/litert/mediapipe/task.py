"""What makes a LiteRT model one of MediaPipe's text tasks: its inputs, its scores, its metadata, and the files in it.

TextClassifier shows each output as a head: `score`, the first, is what an app reads, and `logits` beside it is what
bertport compares. TextEmbedder shows the one vector.
"""

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from tokenizers import Tokenizer

from exporter.checkpoint.activation import SIGMOID
from exporter.checkpoint.checkpoint import Checkpoint
from exporter.checkpoint.tokenizer.reading import open_tokenizer
from exporter.model.tasks import TEXT_CLASSIFICATION
from exporter.targets.litert.graph import Graph
from exporter.targets.litert.mediapipe.metadata import (
    KEY,
    LABELS,
    VOCABULARY,
    Described,
    Metadata,
    append_files,
    encoded,
)
from exporter.targets.litert.mediapipe.vocabulary import vocabulary_file
from runtimes.bundle.reading import Bundle
from runtimes.errors import BundleError, in_our_words
from runtimes.runner import INPUTS

_SCORE = "score"
_INPUTS = {
    "input_ids": Described("ids", "ids of the tokens"),
    "attention_mask": Described("mask", "1 for a token, 0 for padding"),
    "token_type_ids": Described("segment_ids", "0 for the one text that there is"),
}
"""Ours → MediaPipe's, which finds an input by this name. It gives three, whatever a model reads."""


def complete(graph: Graph, checkpoint: Checkpoint) -> dict[str, bytes]:
    """Give a subgraph of one length the inputs that it lacks, and a classifier's scores as its first output.

    Returns the metadata of its model, by name.
    """
    for name in INPUTS:
        if name not in graph.inputs:
            graph.input(name, (graph.rows, graph.length))
    if checkpoint.activation:
        graph.outputs = {_SCORE: _score(graph, checkpoint.activation), **graph.outputs}
    return {KEY: encoded(_metadata(graph, checkpoint))}


def _score(graph: Graph, activation: str) -> str:
    logits = graph.outputs["logits"]
    if activation == SIGMOID:
        return graph.node("LOGISTIC", [logits], _SCORE, graph.shape(logits))
    return graph.node("SOFTMAX", [logits], _SCORE, graph.shape(logits), beta=1.0)


def _metadata(graph: Graph, checkpoint: Checkpoint) -> Metadata:
    labelled = checkpoint.task is TEXT_CLASSIFICATION
    outputs = [Described(name, _meaning(name, checkpoint), labelled) for name in graph.outputs]
    inputs = [_INPUTS[name] for name in graph.inputs]
    author, licence = checkpoint.authorship
    return Metadata(checkpoint.source.model, checkpoint.task.name, author, licence, inputs, outputs)


def _meaning(name: str, checkpoint: Checkpoint) -> str:
    scores = {_SCORE: f"for each label its score, by {checkpoint.activation}", "logits": "for each label its logit"}
    return {**scores, **checkpoint.task.meanings}[name]


def append_task_files(file: IO[bytes], checkpoint: Checkpoint) -> None:
    """Write vocabulary and labels behind a model."""
    append_files(file, _files(checkpoint.tokenizer.tokenizer, checkpoint.labels))


def _files(tokenizer: Tokenizer, labels: Sequence[str]) -> dict[str, bytes]:
    files = {VOCABULARY: vocabulary_file(tokenizer)}
    return {**files, LABELS: "".join(f"{label}\n" for label in labels).encode()} if labels else files


def check_task_files(bundle: Bundle) -> None:
    """Refuse a model whose vocabulary and labels are not the bundle's: MediaPipe reads these, and no comparison does.

    Raises BundleError.
    """
    path = bundle.directory / bundle.manifest.models[0]
    expected = _files(open_tokenizer(bundle.directory / "tokenizer.json"), bundle.manifest.labels)
    with in_our_words(lambda why: BundleError(f"{path}: holds no files for MediaPipe ({why}); export again")):
        same = _holds(path, expected)
    if not same:
        raise BundleError(f"{path}: the vocabulary or the labels in it are not those of the bundle; export again")


def _holds(path: Path, expected: Mapping[str, bytes]) -> bool:
    """Whether a file ends in a zip of these files and no others; sizes first, for a file may say any."""
    with zipfile.ZipFile(path) as archive:
        sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
        alike = sizes == {name: len(content) for name, content in expected.items()}
        return alike and all(archive.read(name) == content for name, content in expected.items())
