"""Read and check the folder of a LoRA adapter; `lora_merging` merges it into its base model."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exporter.checkpoint.json_files import read_object, refuse_code
from exporter.checkpoint.links import refuse_links
from exporter.checkpoint.weight_files import INDEX, PICKLE, SINGLE, open_tensors
from exporter.model.family import Family
from exporter.model.heads.common import SPAN
from runtimes.errors import CheckpointError, UnsupportedError, excerpt

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_PICKLED = "adapter_model.bin"
_CLASSES = {
    "SEQ_CLS": "AutoModelForSequenceClassification",
    "TOKEN_CLS": "AutoModelForTokenClassification",
    "QUESTION_ANS": "AutoModelForQuestionAnswering",
    "FEATURE_EXTRACTION": "AutoModel",
}
"""peft's `task_type` → the class of transformers that the adapter was put on."""
_BY_NAME = ("megatron_config", "corda_config", "lora_ga_config")
"""Keys of adapter_config.json by which peft imports a module, or reads a pickle, that the file names."""
_NAMED = (*_BY_NAME, "auto_mapping")


@dataclass(frozen=True)
class Adapter:
    """An adapter's folder, checked; `base` is a folder or a hub id.

    `auto_class` is transformers' class that it was put on, `shapes` those of its tensors, by peft's names. `config` is
    adapter_config.json without the keys by which peft would import what they name.
    """

    directory: Path
    base: str
    revision: str | None
    auto_class: str
    config: Mapping[str, Any]
    shapes: Mapping[str, tuple[int, ...]]

    def labels(self, family: Family[Any]) -> int:
        """Rows of its own head, which it stores as `family` does; 0 where it has none."""
        heads = (f"{SPAN}.weight", *(head.labelled for head in family.heads if head.labelled))
        return next((shape[0] for name, shape in self.shapes.items() if name.endswith(heads) and shape), 0)


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
            f"{path}: {', '.join(by_name)} would import or unpickle what they name, which is never done; merge the "
            "adapter where it was trained (merge_and_unload, save_pretrained), and export that"
        )
    if config.get("peft_type") != "LORA":
        raise UnsupportedError(
            f"{path}: peft_type {excerpt(config.get('peft_type'))} is not supported, only LORA; merge the adapter "
            "where it was trained (merge_and_unload, save_pretrained), and export that"
        )
    base = config.get("base_model_name_or_path")
    if not isinstance(base, str) or not base:
        raise CheckpointError(f"{path}: no base_model_name_or_path; write the base's folder or hub id there")
    revision = config.get("revision")
    if revision is not None and not isinstance(revision, str):
        raise CheckpointError(f"{path}: revision {excerpt(revision)} is no name of one; correct the file")
    known = {key: value for key, value in config.items() if key not in _NAMED}
    return Adapter(directory, base, revision, _class(path, config), known, _shapes(directory))


def sources(adapter: Adapter, base: Path) -> dict[str, Path]:
    """The files that a merged checkpoint was made from, by the names that a manifest gives them."""
    ours = [path for path in sorted(adapter.directory.iterdir()) if path.is_file()]
    theirs = [path for path in sorted(base.iterdir()) if path.suffix in (".json", ".safetensors", ".bin", ".txt")]
    return {f"adapter/{path.name}": path for path in ours} | {f"base/{path.name}": path for path in theirs}


def _adapters(directory: Path) -> list[Path]:
    """Every adapter_config.json of the folder and of those in it: peft puts all but the first into folders."""
    return [path for path in (directory / CONFIG, *sorted(directory.glob(f"*/{CONFIG}"))) if path.is_file()]


def _class(path: Path, config: Mapping[str, Any]) -> str:
    """transformers' class: by `task_type`, or as `auto_mapping` names it where there is none; nothing imports it."""
    kind, mapping = config.get("task_type"), config.get("auto_mapping")
    if isinstance(kind, str) and kind in _CLASSES:
        return _CLASSES[kind]
    named = mapping.get("base_model_class") if kind is None and isinstance(mapping, dict) else None
    from exporter.model.families.registry import FAMILIES  # here: their schemas are slow to make

    known = {head.architecture for family in FAMILIES.values() for head in family.heads}
    if isinstance(named, str) and named in known:
        return named
    raise UnsupportedError(
        f"{path}: task_type {excerpt(kind)} is not supported; known: {', '.join(_CLASSES)}: write the one that the "
        "adapter was trained for"
    )


def _shapes(directory: Path) -> dict[str, tuple[int, ...]]:
    path = directory / WEIGHTS
    if not path.is_file():
        also = f" ({_PICKLED} is a pickle: save it as safetensors)" if (directory / _PICKLED).is_file() else ""
        raise CheckpointError(f"{directory}: an adapter without {WEIGHTS}{also}; fetch it again")
    return {name: tensor.shape for name, tensor in open_tensors([path]).items()}


def _read(path: Path) -> dict[str, Any]:
    return read_object(path, f"{path}: missing; expected a checkpoint with its config.json there")
