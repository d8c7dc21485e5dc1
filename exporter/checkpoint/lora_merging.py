"""Merge a LoRA adapter into its base model with `peft`, in float32.

peft is an extra, imported here alone and only when an adapter is met. The merged model in PyTorch is then the reference
too: what was trained is base and adapter together.
"""

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from exporter.checkpoint.config.labels import check_number_of_labels
from exporter.checkpoint.config.reading import for_reference, read_config
from exporter.checkpoint.json_files import MAX_TOKENIZER_BYTES, read_object
from exporter.checkpoint.links import refuse_links
from exporter.checkpoint.lora import CONFIG, Adapter
from exporter.checkpoint.tokenizer.kinds import ADDED, FIRST_FILES
from exporter.checkpoint.tokenizer.reading import FILES, open_tokenizer
from exporter.checkpoint.weight_files import weight_files
from runtimes.errors import CheckpointError, UnsupportedError, in_our_words, some
from runtimes.files.bounded_read import read_bounded, read_card

_COMPANIONS = (*FILES, ADDED)
_LABELS = ("id2label", "label2id", "problem_type")
_STEM = "base_model.model."
_TABLE, _ROWS = "word_embeddings.weight", "word_embeddings.token_adapter.trainable_tokens_delta"
"""How an adapter's tensors end that hold all rows of the word table, and those of `trainable_token_indices`."""


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
    path = base / "config.json"
    if read_object(path, f"{path}: missing; expected a checkpoint there", constants=True).get("quantization_config"):
        raise UnsupportedError(
            f"{base}: the adapter's base is stored quantised; write the original's folder or hub id into "
            f"{adapter.directory / CONFIG} as base_model_name_or_path"
        )
    refuse_links(base)
    weight_files(base, allow_pickle)
    _merge(adapter, base, folder)
    for source in (base, adapter.directory):
        for name in _companions(source, adapter):
            if (source / name).is_file():
                (folder / name).write_bytes(read_bounded(source / name, MAX_TOKENIZER_BYTES, CheckpointError))
        card = read_card(source / "README.md")
        if card:
            (folder / "README.md").write_text(card, encoding="utf-8", newline="\n")


def _companions(source: Path, adapter: Adapter) -> tuple[str, ...]:
    """Files that go with the model: an adapter's own tokenizer takes the place of all of the base's.

    A file of one beside a file of the other would be a third tokenizer.
    """
    own = any((adapter.directory / name).is_file() for name in FIRST_FILES)
    return () if own and source != adapter.directory else _COMPANIONS


def _merge(adapter: Adapter, base: Path, folder: Path) -> None:
    def misfit(reason: str) -> CheckpointError:
        return CheckpointError(
            f"{adapter.directory}: does not fit its base {adapter.base}: {reason}; pass the base that it was trained on"
        )

    config = _config(adapter, base)
    rows = _rows(adapter, config["vocab_size"])
    with in_our_words(misfit), warnings.catch_warnings():
        # peft 0.21.2 reads what transformers 5.23 renames; to be removed with the next peft
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing", category=FutureWarning)
        _write_merged(adapter, base, config, rows, folder)


def _write_merged(adapter: Adapter, base: Path, config: Mapping[str, Any], rows: int, folder: Path) -> None:
    import peft
    import torch
    import transformers

    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    model, info = getattr(transformers, adapter.auto_class).from_pretrained(
        base,
        config=transformers.AutoConfig.for_model(**config),
        dtype=torch.float32,
        attn_implementation="eager",
        local_files_only=True,
        trust_remote_code=False,
        output_loading_info=True,
    )
    if rows != config["vocab_size"]:
        model.resize_token_embeddings(rows, mean_resizing=False)  # all that are new come from the adapter
    known = {field.name for field in fields(peft.LoraConfig)}
    settings = peft.LoraConfig(**{key: value for key, value in adapter.config.items() if key in known})
    wrapped = peft.PeftModel.from_pretrained(model, str(adapter.directory), config=settings, local_files_only=True)
    loaded = peft.get_peft_model_state_dict(wrapped, save_embedding_layers=True)  # "auto" would ask the hub
    _check_fit(adapter, loaded, info["missing_keys"])
    wrapped.merge_and_unload(safe_merge=True).save_pretrained(folder)


def _config(adapter: Adapter, base: Path) -> dict[str, Any]:
    """The keys of the base's config class, with the adapter's labels: their names, where a config.json lies beside."""
    read = read_config(base)
    path = adapter.directory / "config.json"
    beside = read_object(path, f"{path}: missing") if path.is_file() else {}
    check_number_of_labels(beside)
    labels = adapter.labels(read.family)
    known = for_reference(read.family, read.values, labels or None)
    kept = ("problem_type",) if labels else _LABELS
    names = {key: read.values[key] for key in kept if read.values.get(key)}
    return known | names | {key: beside[key] for key in _LABELS if beside.get(key)}


def _rows(adapter: Adapter, rows: int) -> int:
    """Rows of the word table that the adapter was trained with, where tokens were added to the base's `rows`.

    Raises CheckpointError where nothing holds the values of the new ones.
    """
    whole = next((shape[0] for name, shape in adapter.shapes.items() if name.endswith(_TABLE) and shape), 0)
    path = adapter.directory / "tokenizer.json"
    ids = open_tokenizer(path).get_vocab(with_added_tokens=True).values() if path.is_file() else ()
    needed = max(ids, default=-1) + 1
    if whole or needed <= rows:
        return whole or rows
    missing = set(range(rows, needed)) - _trained_rows(adapter)
    if missing:
        raise CheckpointError(
            f"{adapter.directory}: its tokenizer has {needed - rows} tokens more than the base's {rows:,} rows, and "
            "the adapter holds no values of theirs; save it again with save_embedding_layers=True, or export "
            "the merged model (merge_and_unload, save_pretrained)"
        )
    return needed


def _trained_rows(adapter: Adapter) -> set[int]:
    """What `trainable_token_indices` lists for the word table, as a list or by the module's name."""
    listed = adapter.config.get("trainable_token_indices")
    if isinstance(listed, dict):
        listed = next((rows for name, rows in listed.items() if str(name).endswith("word_embeddings")), None)
    held = any(name.endswith(_ROWS) for name in adapter.shapes)
    return {row for row in listed if type(row) is int} if held and isinstance(listed, list) else set()


def _check_fit(adapter: Adapter, loaded: Mapping[str, Any], missing: Iterable[str]) -> None:
    """Every tensor of the adapter has a place in the base, and what the base lacks is the adapter's."""
    homeless = sorted(set(adapter.shapes) - set(loaded))
    own = {name.removeprefix(_STEM) for name in adapter.shapes}
    absent = sorted(name for name in missing if name not in own)
    problems = [f"no place in the base for {some(homeless)}"] if homeless else []
    problems += [f"neither base nor adapter has {some(absent)}"] if absent else []
    if problems:
        raise CheckpointError(
            f"{adapter.directory}: does not fit its base {adapter.base}: {'; '.join(problems)}; pass the base that it "
            "was trained on"
        )
