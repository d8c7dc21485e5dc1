"""A Hugging Face checkpoint, read and checked: config, weights, tokenizer, labels, and the hash of every file read."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exporter.bundle import sha256
from exporter.encoder.families import find_family
from exporter.encoder.geometry import Geometry
from exporter.encoder.model import Model, match
from exporter.encoder.tasks import Task
from exporter.errors import CheckpointError, UnsupportedError
from exporter.source import Source
from exporter.tensors import TensorOnDisk, open_tensors, weight_files
from exporter.tokenizer import Reader, TokenizerFiles, read_tokenizer

_LICENCE = re.compile(r"^license:[ \t]*([^\n]+)$", re.MULTILINE)

PROBLEMS = ("single_label_classification", "multi_label_classification", "regression")


@dataclass(frozen=True)
class Checkpoint:
    """Everything an export reads. `labels` are in the order of the logits."""

    source: Source
    config: Mapping[str, Any]
    model: Model
    tokenizer: TokenizerFiles
    labels: tuple[str, ...]
    problem: str
    sha256: Mapping[str, str]

    @property
    def geometry(self) -> Geometry:
        """The encoder's shape."""
        return self.model.geometry

    @property
    def authorship(self) -> tuple[str, str]:
        """Author and licence as far as they are told: a hub id's owner, and the model card's `license:` line."""
        owner = self.source.model.partition("/")[0] if self.source.kind == "hub" and "/" in self.source.model else ""
        card = self.source.directory / "README.md"
        found = _LICENCE.search(card.read_text(encoding="utf-8", errors="replace")) if card.is_file() else None
        return owner, found[1].strip() if found else ""

    @property
    def task(self) -> Task:
        """What the model is for."""
        return self.model.task


def load(source: Source, task: str = "auto", allow_pickle: bool = False) -> Checkpoint:
    """Read the checkpoint at `source`.

    Raises CheckpointError for what is missing, damaged or contradictory, UnsupportedError for what we do not export.
    """
    config = _read_config(source.directory)
    family = find_family(config)
    geometry = family.read_geometry(config)
    head = family.choose_head(task, _architectures(config))
    files = weight_files(source.directory, allow_pickle)
    tensors = open_tensors(files)
    labels = _labels(config, tensors, head.labelled) if head.labelled else ()
    model = match(family, head, geometry, len(labels), tensors)
    reader = Reader(family.tokenizer_class, model.inputs, geometry.vocabulary)
    tokenizer = read_tokenizer(source.directory, reader)
    present = [source.directory / name for name in ("config.json", *tokenizer.files)]
    hashed = {path.name: sha256(path) for path in [*files, *present] if path.is_file()}
    problem = head.task.problem or _problem(config, len(labels))
    return Checkpoint(source, config, model, tokenizer, labels, problem, hashed)


def _read_config(directory: Path) -> dict[str, Any]:
    path = directory / "config.json"
    try:
        config = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise CheckpointError(f"{directory}: no config.json; pass a Hugging Face checkpoint folder") from error
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: not JSON: {error}") from error
    if not isinstance(config, dict):
        raise CheckpointError(f"{path}: expected an object, found {type(config).__name__}")
    if config.get("auto_map"):
        raise UnsupportedError(f"{path}: auto_map asks for code from the checkpoint to be run, which is never done")
    return config


def _architectures(config: Mapping[str, Any]) -> list[str]:
    names = config.get("architectures") or []
    return [str(name) for name in names] if isinstance(names, list) else [str(names)]


def _labels(config: Mapping[str, Any], tensors: Mapping[str, TensorOnDisk], labelled: str) -> tuple[str, ...]:
    """Labels by index, from id2label; LABEL_0… for as many rows as the head has where config.json names none."""
    head = tensors.get(labelled)
    rows = head.shape[0] if head is not None and head.shape else 0
    id2label = config.get("id2label")
    if id2label is None:
        return tuple(f"LABEL_{index}" for index in range(rows))
    if not isinstance(id2label, dict) or sorted(id2label) != sorted(map(str, range(len(id2label)))):
        raise CheckpointError("config.json: id2label must name 0, 1, … without holes; correct the file")
    if rows and rows != len(id2label):
        raise CheckpointError(
            f"config.json: id2label has {len(id2label)} labels and the classifier {rows} rows; correct id2label"
        )
    labels = tuple(str(id2label[str(index)]) for index in range(len(id2label)))
    if len(set(labels)) != len(labels):
        raise CheckpointError(f"config.json: id2label names a label twice: {', '.join(labels)}; correct id2label")
    return labels


def _problem(config: Mapping[str, Any], labels: int) -> str:
    """transformers' problem_type; where config.json is silent, one output means regression, as it does there."""
    problem = config.get("problem_type") or ("regression" if labels == 1 else "single_label_classification")
    if problem not in PROBLEMS:
        raise UnsupportedError(f"config.json: problem_type {problem!r} is not supported; known: {', '.join(PROBLEMS)}")
    return str(problem)
