"""`load` a Hugging Face checkpoint: config, weights, tokenizer and labels, checked, with a hash of each file read."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from exporter.checkpoint.activation import classifier_activation, is_cross_encoder, ranks_pairs
from exporter.checkpoint.config.labels import (
    check_number_of_labels,
    read_labels,
    read_problem,
    with_labels,
    without_labels,
)
from exporter.checkpoint.links import refuse_links
from exporter.checkpoint.sentence_transformers.modules import Sentences, find_modules, read_sentences, sentence_task
from exporter.checkpoint.source import Source
from exporter.checkpoint.text_length import longest_text, stating, truncation_side
from exporter.checkpoint.tokenizer.kinds import ADDED, VOCABULARIES
from exporter.checkpoint.tokenizer.reading import Reader, TokenizerFiles, read_tokenizer
from exporter.checkpoint.weight_files import TensorOnDisk, open_tensors, unwrapped, weight_files
from exporter.model.family import Family, Head
from exporter.model.geometry import Geometry
from exporter.model.heads.embedding import SentenceRecipe, specialised
from exporter.model.model import Model, match
from exporter.model.tasks import TEXT_CLASSIFICATION, TEXT_RANKING, Task
from runtimes.bundle.reading import sha256
from runtimes.errors import BertportError, CheckpointError, UnsupportedError, excerpt
from runtimes.files.bounded_read import read_card

_LICENCE = re.compile(r"^license:[ \t]*([^\n]+)$", re.MULTILINE)

_OF_SENTENCES = ("auto", "sentence-similarity", "text-classification", "text-ranking")
"""Tasks for which sentence-transformers' files are read."""


@dataclass(frozen=True)
class Checkpoint:
    """Everything an export reads. `labels` are in the order of the logits; texts are truncated at `max_tokens`.

    `activation` makes a classifier's scores of its logits (`exporter.checkpoint.activation`); `sentences` is what
    sentence-transformers' files say, and `pairs` whether two texts are scored.

    `config` is config.json's without what libraries stumble over, and has the labels' names where that has none:
    without them transformers takes two. `notes` are what the user should know of it.
    `wrapper` stands before every stored name (see `weight_files.unwrapped`).
    """

    source: Source
    config: Mapping[str, Any]
    model: Model
    tokenizer: TokenizerFiles
    labels: tuple[str, ...]
    problem: str
    sha256: Mapping[str, str]
    max_tokens: int
    activation: str | None = None
    sentences: Sentences | None = None
    pairs: bool = False
    truncation_side: str = "right"
    notes: tuple[str, ...] = ()
    wrapper: str = ""

    @property
    def recipe(self) -> SentenceRecipe | None:
        """How tokens become one vector, for embeddings."""
        return self.sentences.recipe if self.sentences else None

    @property
    def prompt(self) -> str:
        """What stands before every text, and before the first of two."""
        return self.sentences.settings.prompt if self.sentences else ""

    @property
    def geometry(self) -> Geometry:
        """The encoder's shape."""
        return self.model.geometry

    @property
    def authorship(self) -> tuple[str, str]:
        """Author and licence where they are known: a hub id's owner, and the model card's `license:` line."""
        owner = self.source.model.partition("/")[0] if self.source.kind == "hub" and "/" in self.source.model else ""
        found = _LICENCE.search(read_card(self.source.directory / "README.md"))
        return owner, found[1].strip() if found else ""

    @property
    def label_rows(self) -> int | None:
        """Rows of a head that has one for each label; None for any other head."""
        return len(self.labels) if self.model.head.labelled else None

    @property
    def reference_config(self) -> dict[str, Any]:
        """What transformers' config class is made of for the reference; see `config.reading.for_reference`."""
        from exporter.checkpoint.config.reading import for_reference

        return for_reference(self.model.family, self.config, self.label_rows)

    @property
    def task(self) -> Task:
        """What the model is for."""
        return self.model.task


def load(source: Source, task: str = "auto", allow_pickle: bool = False) -> Checkpoint:
    """Read the checkpoint at `source`.

    Raises CheckpointError for what is missing, damaged or contradictory, UnsupportedError for what we do not export.
    """
    try:
        return _load(source, task, allow_pickle)
    except BertportError as error:
        if not source.made_from:
            raise
        # a merged adapter lies in a folder of ours, whose path means nothing to a user
        raise type(error)(str(error).replace(str(source.directory), source.model)) from error


def _load(source: Source, task: str, allow_pickle: bool) -> Checkpoint:
    root = source.directory
    refuse_links(root)
    modules = find_modules(root, task)
    if modules and modules.encoder.name and modules.encoder != root:
        source = replace(source, directory=modules.encoder)
    from exporter.checkpoint.config.reading import read_config  # here: schemas of all families are slow to make

    read, directory = read_config(source.directory), source.directory
    family, config = read.family, read.values
    check_number_of_labels(config)
    sentences = read_sentences(modules, allow_pickle) if modules and task in _OF_SENTENCES else None
    architectures, geometry = _architectures(config), family.read_geometry(config)
    head = family.choose_head(sentence_task(sentences, task) if sentences else task, architectures)
    _check_forced(family, head, architectures, geometry)
    files = weight_files(directory, allow_pickle)
    tensors, wrapper = unwrapped(open_tensors(files))
    if sentences:
        head = specialised(head, sentences.recipe) if sentences.recipe else head
        files = [*files, *sentences.files]
        tensors |= sentences.tensors
    labels = head.labels or (read_labels(config, _rows(tensors, head.labelled)) if head.labelled else ())
    settings = sentences.settings if sentences else None
    if task == "auto" and head.task is TEXT_CLASSIFICATION and ranks_pairs(config, settings, len(labels)):
        head = next((one for one in family.heads if one.task is TEXT_RANKING), head)
    model = match(family, head, geometry, len(labels), tensors, config)
    _check_one_score(head, labels)
    tokenizer = read_tokenizer(directory, _reader(config, family, model))
    if sentences and sentences.settings.lowercase:
        _check_case(directory, tokenizer)
    present = [directory / name for name in ("config.json", ADDED, *tokenizer.files, *VOCABULARIES)]
    classifies = head.task in (TEXT_CLASSIFICATION, TEXT_RANKING)
    trained = read_problem(config, len(labels)) if classifies else ""
    longest = longest_text(directory, tokenizer.files, tokenizer.tokenizer, geometry.positions, settings)
    activation = classifier_activation(config, trained, len(labels), settings) if classifies else None
    pairs = classifies and is_cross_encoder(config, settings)
    config, notes = with_labels(config, labels) if head.labelled else without_labels(config)
    return Checkpoint(
        source,
        {**config, "architectures": architectures or [head.architecture]},
        model,
        replace(tokenizer, files=stating(tokenizer.files, longest)),
        labels,
        head.task.problem or trained,
        _hashed(source, root, [*files, *present]),
        longest,
        activation,
        sentences,
        pairs,
        truncation_side(tokenizer.files),
        read.notes + notes + tokenizer.notes,
        wrapper,
    )


def _hashed(source: Source, root: Path, files: list[Path]) -> dict[str, str]:
    """Hash of every file that was read, by its path below `root`; of an adapter, of what it was made from."""
    own = {path.relative_to(root).as_posix(): path for path in files if path.is_file()}
    return {name: sha256(path) for name, path in (source.made_from or own).items()}


def _reader(config: Mapping[str, Any], family: Family[Any], model: Model) -> Reader:
    """What the tokenizer is read for, by config.json and the family. Raises CheckpointError."""
    name = config.get("tokenizer_class")
    if name is not None and not isinstance(name, str):
        raise CheckpointError(f"config.json: tokenizer_class {str(name)[:40]}, expected a text; correct it")
    return Reader(family.tokenizer_class, model.inputs, model.geometry.vocabulary, family.model_type, name)


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


def _check_one_score(head: Head, labels: tuple[str, ...]) -> None:
    if head.task is TEXT_RANKING and len(labels) != 1:
        raise CheckpointError(
            f"config.json: --task {head.task.name} ranks texts by one score, and this classifier has {len(labels)} "
            f"labels; leave --task away, or pass --task {TEXT_CLASSIFICATION.name}"
        )


def _check_case(directory: Path, tokenizer: TokenizerFiles) -> None:
    """sentence-transformers may lower-case before the tokenizer; a phone's tokenizer would not."""
    encode = tokenizer.tokenizer.encode
    if encode("ABC").ids != encode("abc").ids:
        raise UnsupportedError(
            f"{directory}: sentence_bert_config.json lower-cases texts and the tokenizer does not; put "
            "do_lower_case into the tokenizer and train or save again"
        )


def _rows(tensors: Mapping[str, TensorOnDisk], labelled: str) -> int:
    head = tensors.get(labelled)
    return head.shape[0] if head is not None and head.shape else 0


def _architectures(config: Mapping[str, Any]) -> list[str]:
    names = config.get("architectures") or []
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise CheckpointError(
            f"config.json: architectures {excerpt(names)}, expected a list of names; correct the file"
        )
    return names
