"""A LoRA adapter instead of a model: merged onto its base by `peft`, in float32, into a checkpoint like any other.

peft is an extra, imported here alone and only when an adapter is met. The merged model in PyTorch is then the reference
too: what was trained is base and adapter together.
"""

import shutil
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from exporter.documents import read_object, refuse_code
from exporter.errors import CheckpointError, UnsupportedError, in_one_line
from exporter.places import refuse_links
from exporter.tensors import INDEX, PICKLE, SINGLE, weight_files

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_PICKLED = "adapter_model.bin"
_TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")
_COMPANIONS = (*_TOKENIZER, "vocab.txt", "vocab.json", "merges.txt", "README.md")
_HEADS = ("classifier.weight", "classifier.out_proj.weight", "qa_outputs.weight")
"""How the families call the layer with a row for each label."""
_CLASSES = {
    "SEQ_CLS": "AutoModelForSequenceClassification",
    "TOKEN_CLS": "AutoModelForTokenClassification",
    "QUESTION_ANS": "AutoModelForQuestionAnswering",
    "FEATURE_EXTRACTION": "AutoModel",
}
"""peft's `task_type` → the class of transformers that the adapter was put on."""
_BY_NAME = ("auto_mapping", "megatron_config", "corda_config", "lora_ga_config")
"""Keys of adapter_config.json by which peft imports a module, or reads a pickle, that the file names."""
_STEM = "base_model.model."


@dataclass(frozen=True)
class Adapter:
    """An adapter's folder, checked; `base` is a folder or a hub id, `labels` the rows of its own head or 0."""

    directory: Path
    base: str
    revision: str | None
    auto_class: str
    labels: int


def is_adapter(directory: Path) -> bool:
    """Whether the folder holds an adapter and no model. Raises CheckpointError where it holds both."""
    found = bool(_adapters(directory))
    whole = [name for name in (SINGLE, INDEX, PICKLE) if (directory / name).is_file()]
    if whole and (directory / CONFIG).is_file():
        raise CheckpointError(
            f"{directory}: a model ({whole[0]}) and an adapter ({CONFIG}) in one folder; move one away"
        )
    return found and not whole


def read_adapter(directory: Path) -> Adapter:
    """Read adapter_config.json and the head that lies with it.

    Raises CheckpointError for two adapters or a damaged one, UnsupportedError for what is no LoRA.
    """
    found = _adapters(directory)
    if len(found) > 1:
        listed = ", ".join(path.relative_to(directory).as_posix() for path in found)
        raise CheckpointError(f"{directory}: two adapters where one is expected ({listed}); pass a folder with one")
    (path,) = found
    if path.parent != directory:
        raise CheckpointError(f"{directory}: the adapter lies in {path.parent.name}; pass {path.parent}")
    refuse_links(directory)
    config = _read(path)
    refuse_code(path, config)
    by_name = sorted(key for key in _BY_NAME if config.get(key))
    if by_name:
        raise UnsupportedError(
            f"{path}: {', '.join(by_name)} would import or unpickle what they name, which is never done"
        )
    if config.get("peft_type") != "LORA":
        raise UnsupportedError(f"{path}: peft_type {config.get('peft_type')!r} is not supported; only LORA merges here")
    base = config.get("base_model_name_or_path")
    if not isinstance(base, str) or not base:
        raise CheckpointError(f"{path}: no base_model_name_or_path; write the base's folder or hub id there")
    kind = config.get("task_type")
    if not isinstance(kind, str) or kind not in _CLASSES:
        raise UnsupportedError(f"{path}: task_type {kind!r} is not supported; known: {', '.join(_CLASSES)}")
    revision = config.get("revision")
    if revision is not None and not isinstance(revision, str):
        raise CheckpointError(f"{path}: revision {str(revision)[:40]!r} is no name of one; correct the file")
    return Adapter(directory, base, revision, _CLASSES[kind], _labels(directory))


def merge(adapter: Adapter, base: Path, folder: Path, allow_pickle: bool = False) -> None:
    """Write the merged checkpoint into `folder`; `base` is where the base lies.

    Raises UnsupportedError where peft is missing, with the command to get it, or the base is stored in 4 bits;
    CheckpointError where base and adapter do not fit each other.
    """
    if find_spec("peft") is None:
        raise UnsupportedError(
            f"{adapter.directory}: a LoRA adapter of {adapter.base}; peft, which merges it, is not installed: "
            "pip install 'bertport[peft]', then run this again"
        )
    stored = _read(base / "config.json")
    if stored.get("quantization_config"):
        raise UnsupportedError(
            f"{base}: the adapter's base is stored quantised; write the original's folder or hub id into "
            f"{adapter.directory / CONFIG} as base_model_name_or_path"
        )
    refuse_code(base / "config.json", stored)
    refuse_links(base)
    weight_files(base, allow_pickle)
    _merge(adapter, base, folder)
    for source in (base, adapter.directory):  # the adapter's own tokenizer takes the place of the base's
        for name in _COMPANIONS:
            if (source / name).is_file():
                shutil.copy2(source / name, folder / name)


def sources(adapter: Adapter, base: Path) -> dict[str, Path]:
    """The files that a merged checkpoint was made from, by the names that a manifest gives them."""
    ours = [path for path in sorted(adapter.directory.iterdir()) if path.is_file()]
    theirs = [path for path in sorted(base.iterdir()) if path.suffix in (".json", ".safetensors", ".bin", ".txt")]
    return {f"adapter/{path.name}": path for path in ours} | {f"base/{path.name}": path for path in theirs}


def _adapters(directory: Path) -> list[Path]:
    """Every adapter_config.json of the folder and of those in it: peft puts all but the first into folders."""
    return [path for path in (directory / CONFIG, *sorted(directory.glob(f"*/{CONFIG}"))) if path.is_file()]


def _labels(directory: Path) -> int:
    """Rows of the head among the adapter's tensors."""
    path = directory / WEIGHTS
    if not path.is_file():
        also = f" ({_PICKLED} is a pickle: save it as safetensors)" if (directory / _PICKLED).is_file() else ""
        raise CheckpointError(f"{directory}: an adapter without {WEIGHTS}{also}; fetch it again")
    try:
        with safe_open(path, framework="numpy") as file:
            shapes = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118 - no mapping
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path}: not a whole safetensors file ({error}); fetch it again") from error
    return next((shape[0] for name, shape in shapes.items() if name.endswith(_HEADS)), 0)


def _merge(adapter: Adapter, base: Path, folder: Path) -> None:
    import peft
    import torch
    import transformers

    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    labels = {"num_labels": adapter.labels} if adapter.labels else {}
    try:
        model, info = getattr(transformers, adapter.auto_class).from_pretrained(
            base,
            dtype=torch.float32,
            attn_implementation="eager",
            local_files_only=True,
            trust_remote_code=False,
            output_loading_info=True,
            **_config(adapter),
            **labels,
        )
        with warnings.catch_warnings():
            # peft 0.21.2 reads what transformers 5.23 renames; to be removed with the next peft
            warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing", category=FutureWarning)
            wrapped = peft.PeftModel.from_pretrained(model, str(adapter.directory), local_files_only=True)
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        reason = in_one_line(error, 300)
        raise CheckpointError(f"{adapter.directory}: does not fit its base {adapter.base}: {reason}") from error
    loaded = peft.get_peft_model_state_dict(wrapped, save_embedding_layers=True)  # "auto" would ask the hub
    _check_fit(adapter, loaded, info["missing_keys"])
    wrapped.merge_and_unload(safe_merge=True).save_pretrained(folder)


def _config(adapter: Adapter) -> dict[str, Any]:
    """Label names, where a config.json lies beside the adapter."""
    path = adapter.directory / "config.json"
    config = _read(path) if path.is_file() else {}
    return {key: config[key] for key in ("id2label", "label2id", "problem_type") if config.get(key)}


def _check_fit(adapter: Adapter, loaded: Mapping[str, Any], missing: Iterable[str]) -> None:
    """Every tensor of the adapter has a place in the base, and what the base lacks is the adapter's."""
    with safe_open(adapter.directory / WEIGHTS, framework="numpy") as file:
        stored = set(file.keys())
    homeless = sorted(stored - set(loaded))
    own = {name.removeprefix(_STEM) for name in stored}
    absent = sorted(name for name in missing if name not in own)
    problems = [f"no place in the base for {name}" for name in homeless[:5]]
    problems += [f"neither base nor adapter has {name}" for name in absent[:5]]
    if problems:
        raise CheckpointError(f"{adapter.directory}: does not fit its base {adapter.base}: {'; '.join(problems)}")


def _read(path: Path) -> dict[str, Any]:
    return read_object(path, f"{path}: missing; expected a checkpoint with its config.json there")
