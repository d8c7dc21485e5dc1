"""A Hugging Face checkpoint, read and checked: config, weights, tokenizer, labels, and the hash of every file read."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exporter.bundle import sha256
from exporter.documents import read_object, refuse_code
from exporter.encoder.embeddings import SentenceRecipe, specialised
from exporter.encoder.families import find_family
from exporter.encoder.family import Family, Head
from exporter.encoder.geometry import Geometry
from exporter.encoder.model import Model, match
from exporter.encoder.tasks import FEATURE_EXTRACTION, SENTENCE_SIMILARITY, Task
from exporter.errors import CheckpointError, UnsupportedError
from exporter.places import refuse_links
from exporter.sentence import has_sentences, lowers_case, read_sentences
from exporter.source import Source
from exporter.tensors import TensorOnDisk, open_tensors, weight_files
from exporter.tokenizer import Reader, TokenizerFiles, read_tokenizer

_LICENCE = re.compile(r"^license:[ \t]*([^\n]+)$", re.MULTILINE)

_MOST_LABELS = 100_000
PROBLEMS = ("single_label_classification", "multi_label_classification", "regression")


@dataclass(frozen=True)
class Checkpoint:
    """Everything an export reads. `labels` are in the order of the logits; texts are cut at `max_tokens`.

    `config` is config.json's, and has the labels' names where that has none: without them transformers takes two.
    """

    source: Source
    config: Mapping[str, Any]
    model: Model
    tokenizer: TokenizerFiles
    labels: tuple[str, ...]
    problem: str
    sha256: Mapping[str, str]
    max_tokens: int
    recipe: SentenceRecipe | None = None

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
    def label_rows(self) -> int | None:
        """Rows of a head that has one for each label; None for any other head."""
        return len(self.labels) if self.model.head.labelled else None

    @property
    def task(self) -> Task:
        """What the model is for."""
        return self.model.task


def load(source: Source, task: str = "auto", allow_pickle: bool = False) -> Checkpoint:
    """Read the checkpoint at `source`.

    Raises CheckpointError for what is missing, damaged or contradictory, UnsupportedError for what we do not export.
    """
    refuse_links(source.directory)
    config, directory = _read_config(source.directory), source.directory
    family, architectures = find_family(config), _architectures(config)
    geometry = family.read_geometry(config)
    head = family.choose_head(_task(task, directory), architectures)
    _check_forced(family, head, architectures, geometry)
    files = weight_files(directory, allow_pickle)
    tensors: dict[str, TensorOnDisk] = dict(open_tensors(files))
    sentences = read_sentences(directory, allow_pickle) if head.task is SENTENCE_SIMILARITY else None
    if sentences:
        head, files = specialised(head, sentences.recipe), [*files, *sentences.files]
        tensors |= sentences.tensors
    labels = head.labels or (_labels(config, tensors, head.labelled) if head.labelled else ())
    model = match(family, head, geometry, len(labels), tensors, config)
    tokenizer = read_tokenizer(directory, Reader(family.tokenizer_class, model.inputs, geometry.vocabulary))
    if sentences:
        _check_case(directory, tokenizer)
    present = [directory / name for name in ("config.json", *tokenizer.files)]
    read = {p.relative_to(directory).as_posix(): p for p in [*files, *present] if p.is_file()}
    hashed = {name: sha256(path) for name, path in (source.made_from or read).items()}
    problem = head.task.problem or _problem(config, len(labels))
    recipe = sentences.recipe if sentences else None
    longest = min(geometry.positions, (recipe and recipe.max_tokens) or geometry.positions)
    config = _with_labels(config, labels) if head.labelled else config
    return Checkpoint(source, config, model, tokenizer, labels, problem, hashed, longest, recipe)


def _task(task: str, directory: Path) -> str:
    """What sentence-transformers' files say, where nothing else is asked for."""
    if task == SENTENCE_SIMILARITY.name and not has_sentences(directory):
        raise CheckpointError(
            f"{directory}: --task {task} reads how to pool from modules.json, and there is none; "
            f"pass --task {FEATURE_EXTRACTION.name}"
        )
    return SENTENCE_SIMILARITY.name if task == "auto" and has_sentences(directory) else task


def _check_forced(family: Family[Any], head: Head, architectures: list[str], geometry: Geometry) -> None:
    """Refuse a head whose tensors fit, and were trained as another's: a classifier of texts is none of tokens."""
    declared = next((other for other in family.heads if other.architecture in architectures), head)
    if declared.architecture == head.architecture or head.architecture in architectures:
        return
    own = {e.stored for e in head.entries(geometry, 1) if not e.stored.startswith(family.prefix)}
    shared = sorted(own & {e.stored for e in declared.entries(geometry, 1)})
    if shared:
        raise CheckpointError(
            f"config.json: --task {head.task.name} would read {', '.join(shared)}, which {declared.architecture} "
            f"trained for {declared.task.name}: unused there, so missing here; leave --task away"
        )


def _check_case(directory: Path, tokenizer: TokenizerFiles) -> None:
    """sentence-transformers may lower-case before the tokenizer; a phone's tokenizer would not."""
    encode = tokenizer.tokenizer.encode
    if lowers_case(directory) and encode("ABC").ids != encode("abc").ids:
        raise UnsupportedError(
            f"{directory}: sentence_bert_config.json lower-cases texts and the tokenizer does not; put "
            "do_lower_case into the tokenizer and train or save again"
        )


def _read_config(directory: Path) -> dict[str, Any]:
    path = directory / "config.json"
    config = read_object(path, f"{directory}: no config.json; pass a Hugging Face checkpoint folder")
    refuse_code(path, config)
    _check_number_of_labels(config)
    return config


def _check_number_of_labels(config: Mapping[str, Any]) -> None:
    """transformers makes a name for each of `num_labels`, however many rows the classifier has."""
    count = config.get("num_labels")
    if count is not None and (type(count) is not int or not 0 <= count <= _MOST_LABELS):
        found = str(count)[:40]
        raise CheckpointError(f"config.json: num_labels {found}, expected a number up to {_MOST_LABELS:,}; correct it")


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


def _with_labels(config: dict[str, Any], labels: tuple[str, ...]) -> dict[str, Any]:
    """The config with the names that `_labels` made, where it has none."""
    if config.get("id2label") is not None:
        return config
    id2label = {str(index): label for index, label in enumerate(labels)}
    return {**config, "id2label": id2label, "label2id": {label: index for index, label in enumerate(labels)}}


def _problem(config: Mapping[str, Any], labels: int) -> str:
    """transformers' problem_type; where config.json is silent, one output means regression, as it does there."""
    problem = config.get("problem_type") or ("regression" if labels == 1 else "single_label_classification")
    if problem not in PROBLEMS:
        raise UnsupportedError(f"config.json: problem_type {problem!r} is not supported; known: {', '.join(PROBLEMS)}")
    return str(problem)
