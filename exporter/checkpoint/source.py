"""Resolve a model argument to a checkpoint folder: a local one, a hub id, or the demo in the package."""

import re
import shutil
import tempfile
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from exporter.checkpoint.hints import misnamed
from exporter.checkpoint.lora import Adapter, is_adapter, read_adapter, sources
from exporter.checkpoint.tokenizer.kinds import ADDED, SETTINGS, SPECIAL, VOCABULARIES, WHOLE
from runtimes.bundle.integrity import is_file, is_folder
from runtimes.errors import CheckpointError, UsageError, in_our_words, in_unicode

DEMO = "demo"
DEMO_DIRECTORY = Path(__file__).parents[1] / "demo"

_HUB_ID = re.compile(r"[\w][\w.-]*(/[\w][\w.-]*)?", re.ASCII)
_SMALL_FILES = [
    "config.json",
    WHOLE,
    SETTINGS,
    SPECIAL,
    ADDED,
    *VOCABULARIES,
    "README.md",
    "adapter_config.json",
    "adapter_model.safetensors",
    "modules.json",
    "sentence_*_config.json",
    "config_sentence_transformers.json",
    "config_setfit.json",
    "*_*/config.json",
    "*_Dense/model.safetensors",
    "0_*/*.json",
    *(f"0_*/{name}" for name in VOCABULARIES),
    "0_*/model.safetensors",
]
_SAFETENSORS = ["model.safetensors", "model.safetensors.index.json", "model-*-of-*.safetensors"]
_PICKLE = ["pytorch_model.bin", "*_Dense/pytorch_model.bin", "0_*/pytorch_model.bin"]


@dataclass(frozen=True)
class Source:
    """A checkpoint's folder, and the name and revision by which it was asked for; `kind` is folder, hub or demo.

    `made_from` are the files that a merged adapter, or static embeddings, came from, by name: the folder itself is
    temporary then, and goes with `lifetime`, which copies of this under another name share.
    """

    kind: str
    model: str
    revision: str | None
    directory: Path
    made_from: Mapping[str, Path] = field(default_factory=dict)
    lifetime: object = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class HubOptions:
    """How to reach the hub; HF_HUB_OFFLINE and the other variables of huggingface_hub hold too."""

    revision: str | None = None
    cache_dir: str | None = None
    local_files_only: bool = False
    allow_pickle: bool = False


def choose_model(directory: Path) -> str:
    """Return the model to take when none is named: `directory` if it holds a checkpoint, else the demo."""
    return str(directory) if (directory / "config.json").is_file() else DEMO


_HUB_CHARACTERS = 600
"""Of what the hub says: it names the address, the reason and what to do."""


def resolve(model: str, options: HubOptions) -> Source:
    """Find the checkpoint called `model`; fetch it from the hub if it is a hub id.

    Raises UsageError for a name that is nothing, CheckpointError when the hub does not give it.
    """
    return _whole(_find(model, options), options)


def _find(model: str, options: HubOptions) -> Source:
    """As `resolve`, an adapter as it is."""
    path = Path(model)
    if not model.strip():  # which Path takes for the current folder: a shell's variable that is not set
        raise UsageError(f"MODEL: expected a checkpoint folder, a hub id or 'demo', found {model!r}; name one")
    if model == DEMO:
        return Source("demo", DEMO, None, DEMO_DIRECTORY)
    if is_folder(path):
        if (shown := in_unicode(str(path.resolve()))) != str(path.resolve()):
            raise UsageError(f"{shown}: expected a name in UTF-8, which all libraries can open; rename the folder")
        return Source("folder", path.resolve().name, None, path)
    if is_file(path):
        raise UsageError(f"{model}: expected a checkpoint folder, found a file; pass the folder that holds it")
    meant = misnamed(model)
    if meant or not _HUB_ID.fullmatch(model):
        meant = meant or "pass a checkpoint folder, a hub id such as owner/name, or 'demo'"
        raise UsageError(f"{model}: no such folder; {meant}")
    return _from_hub(model, options)


def _whole(source: Source, options: HubOptions) -> Source:
    """The source itself; of an adapter its merged model, and of static embeddings what `rewrite` makes of them.

    Those lie in a folder that goes when the last reader of it has gone.
    """
    # here: few checkpoints are either, and both read configs
    from exporter.checkpoint.lora_merging import merge
    from exporter.checkpoint.static_embeddings import find_static, rewrite

    if is_adapter(source.directory):
        adapter = read_adapter(source.directory)
        base = _find_base(adapter, options)
        merged = partial(merge, adapter, base, allow_pickle=options.allow_pickle)
        return _made(source, merged, sources(adapter, base))
    if static := find_static(source.directory):
        return _made(source, partial(rewrite, static, allow_pickle=options.allow_pickle), static.files)
    return source


def _made(source: Source, write: Callable[[Path], None], made_from: Mapping[str, Path]) -> Source:
    """The source with what `write` writes into a temporary folder in its place."""
    folder = Path(tempfile.mkdtemp(prefix="bertport-merged-"))
    try:
        write(folder)
        return replace(source, directory=folder, made_from=made_from, lifetime=_Lifetime(folder))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


class _Lifetime:
    """A folder goes when the last object that refers to this has gone, or with the process."""

    def __init__(self, folder: Path) -> None:
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)


def _find_base(adapter: Adapter, options: HubOptions) -> Path:
    """The base's folder: beside the adapter, from here, or by its hub id. Raises CheckpointError for an adapter."""
    near = adapter.directory / adapter.base
    try:
        found = near if is_folder(near) else _find(adapter.base, replace(options, revision=adapter.revision)).directory
    except UsageError as error:
        raise CheckpointError(
            f"{adapter.directory}: its base {adapter.base} is no folder and no hub id; write where it is into "
            "adapter_config.json as base_model_name_or_path"
        ) from error
    if is_adapter(found):
        raise CheckpointError(f"{adapter.directory}: its base {adapter.base} is an adapter too; merge that one first")
    return found


def _from_hub(model: str, options: HubOptions) -> Source:
    """Download config, tokenizer and weights only: a snapshot may hold gigabytes of other formats."""
    directory = _snapshot(model, options, _SMALL_FILES + _SAFETENSORS)
    if options.allow_pickle and not _has_safetensors(directory):
        directory = _snapshot(model, options, _SMALL_FILES + _PICKLE)
    return Source("hub", model, directory.name, directory)


def _has_safetensors(directory: Path) -> bool:
    """Whether the encoder's weights are no pickle, in the folder itself or in sentence-transformers' 0_Transformer."""
    return any(directory.glob("*.safetensors")) or any(directory.glob("0_*/*.safetensors"))


def _snapshot(model: str, options: HubOptions, patterns: list[str]) -> Path:
    from huggingface_hub import snapshot_download  # here: it costs half a second, and a folder needs none of it
    from huggingface_hub.errors import LocalEntryNotFoundError

    from exporter.checkpoint.downloads import Downloading

    with in_our_words(partial(_not_given, model), _HUB_CHARACTERS):
        try:
            found = snapshot_download(
                model,
                revision=options.revision,
                cache_dir=options.cache_dir,
                local_files_only=options.local_files_only,
                allow_patterns=patterns,
                tqdm_class=Downloading,
            )
        except LocalEntryNotFoundError as error:
            raise CheckpointError(
                f"{model}: no such folder, and not in the hub cache while the hub is out of reach or turned off; "
                "check the name, or run once with a network and without --local-files-only and HF_HUB_OFFLINE"
            ) from error
    return Path(found)


def _not_given(model: str, reason: str) -> CheckpointError:
    return CheckpointError(
        f"{model}: no such folder, and the hub did not give it: {reason}; check the name, or pass a folder that "
        "holds it"
    )
