"""kit.json: what the exporter knows of a model, in one form for every platform.

`KitSettings` is the schema: its fields in camelCase, those that are None left out. A kit's code reads it as
KitSettings.swift, KitSettings.kt and index.d.ts have it, and repeats no number that stands in it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exporter.appkit.camel_case import camel_json
from exporter.appkit.kit import Kit
from exporter.appkit.wordpiece import WordPiece
from exporter.checkpoint.text_length import longest_of
from exporter.model.tasks import TASKS
from runtimes.bundle.manifest import MANIFEST
from runtimes.bundle.reading import sha256
from runtimes.files.json_text import to_json
from runtimes.parity.shown import LIKELY_LOGIT, LONGEST_ANSWER, Tag, read_tag, window_tokens

_ACTIVATIONS = {"regression": "none", "score": "sigmoid", "multi_label_classification": "sigmoid"}
"""Problem → what makes scores of its logits, in bundles from before the manifest said it; softmax for all others."""


@dataclass(frozen=True)
class Input:
    """What the model reads: input_ids, attention_mask or token_type_ids; `dtype` is int32 or int64."""

    name: str
    dtype: str


@dataclass(frozen=True)
class ModelFile:
    """A file or a package, beside kit.json. One of a fixed `length` says so, and in which `function` (or signature)."""

    file: str
    length: int | None = None
    function: str | None = None


@dataclass(frozen=True)
class Parity:
    """What was measured at the export; `tolerance_absolute` is the budget in logits."""

    verdict: str
    text: str
    tolerance_absolute: float


@dataclass(frozen=True)
class Shown:
    """The constants of `runtimes.parity.shown`, for this model.

    `longest_answer`: tokens of an answer at most. `window_tokens`, `shared_tokens`: of a window of a long context, and
    how many of them the next one repeats. `likely_logit`: of several labels those above it are shown. `tags`: what each
    label says of entities, in the order of the labels; none for another task.
    """

    longest_answer: int
    window_tokens: int
    shared_tokens: int
    likely_logit: float
    tags: tuple[Tag, ...]


@dataclass(frozen=True)
class KitSettings:
    """kit.json.

    `manifest_sha256` says which export this is. `activation` makes scores of a classifier's logits: softmax, sigmoid or
    none. `reads_pairs`: a text is two. `prompt` stands before every text, and before the first of two. `max_tokens` is
    where a text is truncated, special tokens included. `token_outputs` are those of `outputs` with a row for each
    token. `models`: shortest first. `compute_units`: as exported, where the target has that choice. `tokenizer`: a
    `WordPiece` but for its vocabulary, which is vocab.txt.
    """

    bertport: str
    source: str
    target: str
    task: str
    scheme: str
    manifest_sha256: str
    problem: str
    labels: tuple[str, ...]
    activation: str
    reads_pairs: bool
    prompt: str
    max_tokens: int
    inputs: tuple[Input, ...]
    outputs: tuple[str, ...]
    token_outputs: tuple[str, ...]
    models: tuple[ModelFile, ...]
    compute_units: str | None
    parity: Parity
    shown: Shown
    tokenizer: Mapping[str, Any]


def write_settings(kit: Kit, wordpiece: WordPiece, models: Sequence[ModelFile], directory: Path) -> None:
    """kit.json and vocab.txt into `directory`, where the paths of `models` begin."""
    (directory / "kit.json").write_bytes(to_json(camel_json(settings(kit, wordpiece, models))))
    (directory / "vocab.txt").write_bytes(wordpiece.vocabulary())


def settings(kit: Kit, wordpiece: WordPiece, models: Sequence[ModelFile]) -> KitSettings:
    """What a kit is told of its model."""
    manifest = kit.bundle.manifest
    besides, units = TASKS[manifest.recipe.task].besides, manifest.recipe.options.get("compute_units")
    outputs = [spec for spec in manifest.outputs if spec.name not in besides]
    return KitSettings(
        bertport=manifest.versions["bertport"],
        source=manifest.source_model,
        target=manifest.recipe.target,
        task=manifest.recipe.task,
        scheme=manifest.recipe.scheme,
        manifest_sha256=sha256(kit.bundle.directory / MANIFEST),
        problem=manifest.problem,
        labels=tuple(manifest.labels),
        activation=manifest.activation or _ACTIVATIONS.get(manifest.problem, "softmax"),
        reads_pairs=kit.reads_pairs,
        prompt=manifest.prompt,
        max_tokens=longest_of(kit.bundle),
        inputs=tuple(Input(spec.name, spec.dtype) for spec in manifest.inputs),
        outputs=tuple(spec.name for spec in outputs),
        token_outputs=tuple(spec.name for spec in outputs if spec.per_token),
        models=tuple(models),
        compute_units=None if units is None else str(units),
        parity=Parity(kit.parity["verdict"], kit.parity_text, kit.tolerance),
        shown=_shown(kit),
        tokenizer=wordpiece.settings(),
    )


def _shown(kit: Kit) -> Shown:
    manifest = kit.bundle.manifest
    has_entities = manifest.problem == "token_classification"
    tags = tuple(read_tag(label) for label in manifest.labels) if has_entities else ()
    return Shown(LONGEST_ANSWER, *window_tokens(longest_of(kit.bundle)), LIKELY_LOGIT, tags)
