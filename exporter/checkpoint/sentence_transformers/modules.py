"""Read the modules of a sentence-transformers model: pooling, dense layers and normalization, or a CrossEncoder.

`modules.json` of any version is read: types by their full or their short names, the encoder in the folder itself or in
one such as 0_Transformer. The classes are those of sentence-transformers 6.2, and each is read as it reads it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exporter.checkpoint.json_files import MAX_CONFIG_BYTES, read_json, read_object
from exporter.checkpoint.links import is_below
from exporter.checkpoint.sentence_transformers.files import ACTIVATIONS, LEGACY_POOLINGS, embedding_files
from exporter.checkpoint.sentence_transformers.settings import (
    MODEL_SETTINGS,
    PASS,
    SentenceSettings,
    read_settings,
    scores_pairs,
)
from exporter.checkpoint.weight_files import TensorOnDisk, open_tensors, weight_files
from exporter.model.heads.embedding import POOLINGS, Dense, SentenceRecipe
from exporter.model.tasks import FEATURE_EXTRACTION, SENTENCE_SIMILARITY, TEXT_CLASSIFICATION, TEXT_RANKING
from runtimes.errors import CheckpointError, UnsupportedError, excerpt, some
from runtimes.files.bounded_read import read_bounded
from runtimes.files.json_text import to_json

MODULES = "modules.json"
_LONGEST_NAME = 255
"""Of a folder: no disk takes more."""
_OLDEST = ("BERT", "RoBERTa", "DistilBERT", "ALBERT", "XLNet", "XLMRoBERTa", "CamemBERT")
"""Encoders of sentence-transformers 0.2 (2019), which counted a text's length without its special tokens."""
_CLASSIFYING = (TEXT_CLASSIFICATION.name, TEXT_RANKING.name)
"""Tasks that a CrossEncoder may have."""
HEADS = ("model_head.*", "*.pkl", "*.pickle", "*.joblib", "*.skops", "config_setfit.json")
"""What a classifier beside a sentence encoder is saved as: SetFit's, scikit-learn's."""


@dataclass(frozen=True)
class Modules:
    """modules.json: the folder of the encoder, and (class, folder) of each module after it."""

    path: Path
    encoder: Path
    rest: tuple[tuple[str, Path], ...]


@dataclass(frozen=True)
class Sentences:
    """What is beside the encoder: the settings, and for embeddings a recipe with its layers' tensors.

    `tensors` are under `modules.FOLDER.linear.weight`; `files` were read; `left_out` lie beside them, read by nobody.
    """

    modules: Modules
    settings: SentenceSettings
    recipe: SentenceRecipe | None
    tensors: Mapping[str, TensorOnDisk]
    files: tuple[Path, ...]
    left_out: tuple[str, ...] = ()


def find_modules(directory: Path, task: str) -> Modules | None:
    """The modules of a sentence-transformers model, where `task` asks for them or the encoder has its own folder.

    Raises CheckpointError where the task needs them and there are none; else as `read_modules`.
    """
    if not (directory / MODULES).is_file():
        if task == SENTENCE_SIMILARITY.name:
            raise CheckpointError(
                f"{directory}: --task {task} reads how to pool from modules.json, and there is none; "
                f"pass --task {FEATURE_EXTRACTION.name}"
            )
        return None
    asked = task in ("auto", SENTENCE_SIMILARITY.name) or (task in _CLASSIFYING and scores_pairs(directory))
    return read_modules(directory) if asked or not _is_model(directory / "config.json") else None


def sentence_task(sentences: "Sentences", task: str) -> str:
    """What the model is for, by its files; of one that scores pairs, `task` may say that it ranks."""
    if sentences.recipe:
        return SENTENCE_SIMILARITY.name
    return task if task in _CLASSIFYING else TEXT_CLASSIFICATION.name


def read_modules(directory: Path) -> Modules:
    """Read the list of modules. Raises CheckpointError and UnsupportedError, with the modules that are known."""
    path, kinds = directory / MODULES, list_modules(directory)
    if not kinds or kinds[0][0] != "Transformer":
        first = kinds[0][0] if kinds else "none"
        raise UnsupportedError(f"{path}: expected a Transformer as the first module, found {first}; {PASS}")
    return Modules(path, kinds[0][1], tuple(kinds[1:]))


def list_modules(directory: Path) -> list[tuple[str, Path]]:
    """(class, folder) of each module. Raises CheckpointError, UnsupportedError for a class of another package."""
    path = directory / MODULES
    listed = read_json(path, f"{path}: missing; fetch the checkpoint again")
    try:
        found = [(str(one["type"]), str(one["path"])) for one in listed]
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"{path}: expected a list of modules with type and path ({error!r}); correct it"
        ) from error
    outside = [folder for _, folder in found if len(folder) > _LONGEST_NAME or not is_below(folder)]
    if outside:
        raise CheckpointError(f"{path}: modules must lie beside it; found {some([*map(excerpt, outside)])}; correct it")
    return [(_kind(path, kind), directory / folder) for kind, folder in found]


def read_sentences(modules: Modules, allow_pickle: bool) -> Sentences:
    """Read what modules.json names.

    Raises CheckpointError for what is missing or damaged, UnsupportedError for modules that are not known here.
    """
    settings = read_settings(modules.path.parent, modules.encoder)
    left_out = _left_out(modules)
    if settings.model_type == "CrossEncoder":
        if modules.rest:
            kinds = ", ".join(kind for kind, _ in modules.rest)
            raise UnsupportedError(
                f"{modules.path}: a CrossEncoder with {excerpt(kinds)} is not supported; a Transformer alone is; {PASS}"
            )
        return Sentences(modules, settings, None, {}, (modules.path, *settings.files), left_out)
    recipe, tensors, files = _read_recipe(modules, settings, allow_pickle)
    return Sentences(modules, settings, recipe, tensors, (modules.path, *files, *settings.files), left_out)


def carried(sentences: Sentences, longest: int, width: int) -> dict[str, bytes]:
    """The files that a bundle carries so that sentence-transformers loads it: name → bytes.

    A classifier's are its own; of an embedding's, see `exporter.checkpoint.sentence_transformers.files`. `longest` is
    where texts are truncated, `width` the size of the encoder's vectors.
    """
    root = sentences.modules.path.parent
    if sentences.recipe is None:
        found = {path.name: read_bounded(path, MAX_CONFIG_BYTES, CheckpointError) for path in sentences.files}
        (encoder,) = read_json(sentences.modules.path, "")
        return found | {MODULES: to_json([encoder | {"path": ""}])}
    settings = root / MODEL_SETTINGS
    own = {settings.name: read_bounded(settings, MAX_CONFIG_BYTES, CheckpointError)} if settings.is_file() else {}
    return own | embedding_files(sentences.recipe, sentences.tensors, longest, width)


def _is_model(config: Path) -> bool:
    return config.is_file() and "model_type" in _read(config)


def _kind(path: Path, name: str) -> str:
    """The class's name. Raises UnsupportedError for a class of another package: it is code of the checkpoint's."""
    package, _, kind = name.rpartition(".")
    if package and package.partition(".")[0] != "sentence_transformers":
        raise UnsupportedError(
            f"{path}: {excerpt(name)} is no class of sentence-transformers, and its code is never run; {PASS}"
        )
    if kind in _OLDEST:
        raise UnsupportedError(
            f"{path}: {excerpt(name)} is of sentence-transformers 0.2, which truncated texts otherwise; save it as "
            "Transformer, or export the folder of the encoder with --task feature-extraction"
        )
    return kind


def _left_out(modules: Modules) -> tuple[str, ...]:
    """Classifiers beside the encoder, pickled or not, and modules that modules.json does not name."""
    root = modules.path.parent
    heads = {path.name for pattern in HEADS for path in root.glob(pattern)}
    named = {modules.encoder.name, *(folder.name for _, folder in modules.rest)}
    folders = {path.parent.name for path in root.glob("[0-9]*_*/config.json")}
    return tuple(sorted(heads | (folders - named)))


def _read_recipe(
    modules: Modules, settings: SentenceSettings, allow_pickle: bool
) -> tuple[SentenceRecipe, dict[str, TensorOnDisk], list[Path]]:
    files, tensors = list[Path](), dict[str, TensorOnDisk]()
    pooling, steps = "", list[Dense | None]()
    for kind, folder in modules.rest:
        if kind == "Dropout" and pooling:
            continue
        if kind == "Pooling" and not pooling and not steps:
            pooling = _pooling(folder / "config.json", settings)
        elif kind == "Normalize" and pooling:
            _check_names(folder / "config.json")
            steps.append(None)
        elif kind == "Dense" and pooling:
            layer, found = _dense(folder, allow_pickle)
            steps.append(layer)
            tensors.update(found)
            files += weight_files(folder, allow_pickle)
        else:
            raise UnsupportedError(
                f"{modules.path}: {excerpt(kind)} is not supported here; known: a Transformer, one Pooling, then "
                f"Dense, Normalize and Dropout; {PASS}"
            )
        files += [path for path in (folder / "config.json",) if path.is_file()]
    if not pooling:
        raise UnsupportedError(f"{modules.path}: no Pooling; {PASS}")
    return SentenceRecipe(pooling, tuple(steps)), tensors, files


def _pooling(path: Path, settings: SentenceSettings) -> str:
    """The one way of pooling; several, side by side, are refused. Where nothing is said it is the mean."""
    config = _read(path)
    chosen = config.get("pooling_mode")
    if chosen is None:
        chosen = [mode for key, mode in LEGACY_POOLINGS.items() if config.get(key)] or "mean"
    names = chosen if isinstance(chosen, list) else [chosen]
    if len(names) != 1 or not isinstance(names[0], str) or names[0].removesuffix("_tokens") not in POOLINGS:
        raise UnsupportedError(
            f"{path}: pooling {excerpt(names)} is not supported; one of {', '.join(POOLINGS)} is; {PASS}"
        )
    if config.get("include_prompt", True) is not True and settings.prompt:
        raise UnsupportedError(
            f"{path}: include_prompt leaves the prompt {excerpt(settings.prompt)} out of the pooling, which is "
            "not supported; remove default_prompt_name, or pass --task feature-extraction and pool in the app"
        )
    return str(names[0]).removesuffix("_tokens")


def _dense(folder: Path, allow_pickle: bool) -> tuple[Dense, dict[str, TensorOnDisk]]:
    path = folder / "config.json"
    config = _read(path)
    _check_names(path)
    if config.get("use_residual"):
        raise UnsupportedError(f"{path}: use_residual is not supported; a Dense without it is; {PASS}")
    package, _, activation = str(config.get("activation_function", "torch.nn.modules.activation.Tanh")).rpartition(".")
    if activation not in ACTIVATIONS or not package.startswith("torch.nn"):
        raise UnsupportedError(
            f"{path}: activation {excerpt(activation)} is not supported; known: {', '.join(ACTIVATIONS)}; {PASS}"
        )
    inner, out = config.get("in_features"), config.get("out_features")
    if type(inner) is not int or type(out) is not int:
        raise CheckpointError(
            f"{path}: expected in_features and out_features, found {excerpt(inner)} and {excerpt(out)}; correct it"
        )
    name = f"modules.{folder.name}"  # some targets have no names that begin with a digit
    layer = Dense(name, inner, out, ACTIVATIONS[activation], bool(config.get("bias", True)))
    stored = open_tensors(weight_files(folder, allow_pickle))
    return layer, {f"{name}.{own}": tensor for own, tensor in stored.items()}


def _check_names(path: Path) -> None:
    """A module reads and writes the sentence's embedding; of the tokens' it would be another model."""
    config = _read(path) if path.is_file() else {}
    for key in ("module_input_name", "module_output_name"):
        if config.get(key) not in (None, "sentence_embedding"):
            raise UnsupportedError(
                f"{path}: {key} {excerpt(config[key])} is not supported; known: sentence_embedding; {PASS}"
            )


def _read(path: Path) -> dict[str, Any]:
    return read_object(path, f"{path}: missing, and {MODULES} asks for it; fetch the checkpoint again")
