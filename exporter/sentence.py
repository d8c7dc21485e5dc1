"""What sentence-transformers' files beside a checkpoint say: how tokens become one vector, how long a text may be."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exporter.documents import read_json, read_object
from exporter.encoder.embeddings import POOLINGS, Dense, SentenceRecipe
from exporter.errors import CheckpointError, UnsupportedError, excerpt
from exporter.places import is_below
from exporter.tensors import TensorOnDisk, open_tensors, weight_files

MODULES, SETTINGS = "modules.json", "sentence_bert_config.json"
_ACTIVATIONS = {"Tanh": "tanh", "Identity": None, "ReLU": "relu", "GELU": "gelu", "SiLU": "silu"}
"""The class that a Dense names for its activation → what `Ops.activation` knows."""


@dataclass(frozen=True)
class Sentences:
    """A recipe, the tensors of its layers under `FOLDER.linear.weight`, and the files that were read."""

    recipe: SentenceRecipe
    tensors: Mapping[str, TensorOnDisk]
    files: tuple[Path, ...]


def has_sentences(directory: Path) -> bool:
    """Whether the checkpoint is a sentence-transformers model."""
    return (directory / MODULES).is_file()


def read_sentences(directory: Path, allow_pickle: bool) -> Sentences:
    """Read modules.json and what it names.

    Raises CheckpointError for what is missing or damaged, UnsupportedError for modules that are not known here.
    """
    modules = _modules(directory)
    files, tensors = [directory / MODULES], {}
    pooling, steps = "", list[Dense | None]()
    for kind, folder in modules[1:]:
        if kind == "Pooling" and not pooling and not steps:
            pooling = _pooling(folder / "config.json")
        elif kind == "Normalize" and pooling:
            steps.append(None)
            continue
        elif kind == "Dense" and pooling:
            layer, found = _dense(folder, allow_pickle)
            steps.append(layer)
            tensors.update(found)
            files += weight_files(folder, allow_pickle)
        else:
            raise UnsupportedError(
                f"{directory / MODULES}: {kind} is not supported here; known: a Transformer, one Pooling, then "
                "Dense and Normalize; pass --task feature-extraction for the vectors of the tokens"
            )
        files.append(folder / "config.json")
    if not pooling:
        raise UnsupportedError(f"{directory / MODULES}: no Pooling; pass --task feature-extraction")
    settings = directory / SETTINGS
    files += [settings] if settings.is_file() else []
    return Sentences(SentenceRecipe(pooling, tuple(steps), _max_tokens(settings)), tensors, tuple(files))


def lowers_case(directory: Path) -> bool:
    """Whether sentence-transformers lower-cases a text before the tokenizer sees it."""
    return bool(_read(directory / SETTINGS).get("do_lower_case")) if (directory / SETTINGS).is_file() else False


def _modules(directory: Path) -> list[tuple[str, Path]]:
    """(class, folder) of each module, the encoder first."""
    path = directory / MODULES
    listed = read_json(path, f"{path}: missing; fetch the checkpoint again")
    try:
        found = [(str(one["type"]).rpartition(".")[2], str(one["path"])) for one in listed]
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path}: expected a list of modules with type and path ({error!r})") from error
    outside = [excerpt(folder) for _, folder in found if not is_below(folder)]
    if outside:
        raise CheckpointError(f"{path}: modules must lie beside it; found {', '.join(outside)}")
    if not found or found[0][0] != "Transformer" or found[0][1] not in ("", "."):
        raise UnsupportedError(
            f"{path}: expected a Transformer in the folder itself as the first module, found {found[:1]}"
        )
    return [(kind, directory / folder) for kind, folder in found]


def _pooling(path: Path) -> str:
    """The one way of pooling; several, side by side, are refused."""
    config = _read(path)
    chosen = config.get("pooling_mode")
    if chosen is None:
        prefix = "pooling_mode_"
        on = [key.removeprefix(prefix) for key, value in config.items() if key.startswith(prefix) and value]
        chosen = [name.removesuffix("_token") if name == "cls_token" else name.removesuffix("_tokens") for name in on]
    names = [chosen] if isinstance(chosen, str) else list(chosen)
    if len(names) != 1 or names[0] not in POOLINGS:
        raise UnsupportedError(f"{path}: pooling {names} is not supported; one of {', '.join(POOLINGS)} is")
    return str(names[0])


def _dense(folder: Path, allow_pickle: bool) -> tuple[Dense, dict[str, TensorOnDisk]]:
    path = folder / "config.json"
    config = _read(path)
    activation = str(config.get("activation_function", "torch.nn.modules.activation.Tanh")).rpartition(".")[2]
    if activation not in _ACTIVATIONS:
        raise UnsupportedError(f"{path}: activation {activation} is not supported; known: {', '.join(_ACTIVATIONS)}")
    inner, out = config.get("in_features"), config.get("out_features")
    if type(inner) is not int or type(out) is not int:
        raise CheckpointError(f"{path}: expected in_features and out_features, found {inner!r} and {out!r}")
    layer = Dense(folder.name, inner, out, _ACTIVATIONS[activation], bool(config.get("bias", True)))
    stored = open_tensors(weight_files(folder, allow_pickle))
    return layer, {f"{folder.name}.{name}": tensor for name, tensor in stored.items()}


def _max_tokens(path: Path) -> int | None:
    longest = _read(path).get("max_seq_length") if path.is_file() else None
    if longest is not None and (type(longest) is not int or longest < 1):
        raise CheckpointError(f"{path}: max_seq_length {longest!r} is no number of tokens; correct the file")
    return longest


def _read(path: Path) -> dict[str, Any]:
    return read_object(path, f"{path}: missing, and {MODULES} asks for it; fetch the checkpoint again")
