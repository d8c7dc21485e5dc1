"""Read static embeddings as sentence-transformers and Model2Vec save them, and write them as one checkpoint.

sentence-transformers 6.2 (`StaticEmbedding`): `embedding.weight` and a tokenizer.json in the first module's folder. A
text's vector is the mean of its tokens' rows, without special tokens.

Model2Vec 0.10 (`StaticModel`): `embeddings` [rows, H] beside a config.json, and of a model whose vocabulary was
quantised `mapping` [entries] and `weights` [entries]: an entry's row is embeddings[mapping[entry]] · weights[entry].
Unknown tokens are left out of the mean.

What is written has the rows of all entries, a tokenizer that adds no special tokens, and the pooling as a module: all
that follows reads it as it reads any sentence encoder.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from exporter.checkpoint.json_files import MAX_CONFIG_BYTES, MAX_TOKENIZER_BYTES, read_json, read_object
from exporter.checkpoint.links import refuse_links
from exporter.checkpoint.sentence_transformers.files import module_list
from exporter.checkpoint.sentence_transformers.modules import HEADS, MODULES, list_modules
from exporter.checkpoint.sentence_transformers.settings import MODEL_SETTINGS
from exporter.checkpoint.tokenizer.kinds import SETTINGS, WHOLE
from exporter.checkpoint.tokenizer.reading import open_tokenizer
from exporter.checkpoint.weight_files import SINGLE, TensorOnDisk, open_tensors, weight_files
from exporter.model.families.model2vec import MODEL2VEC
from exporter.model.ops import Array
from runtimes.errors import CheckpointError, excerpt
from runtimes.files.bounded_read import read_bounded, read_card
from runtimes.files.json_text import to_json

MODULE = "StaticEmbedding"
CONFIG = "config.json"
_TABLE, _OTHER_TABLE = "embedding.weight", "embeddings"
"""What sentence-transformers calls the table, and Model2Vec."""
_LONGEST, _UNLIMITED = 512, 8192
"""Tokens: Model2Vec's own limit, and the most that any text here has, where the libraries set none."""
_ROLES = {"pad_token": ("[PAD]", "<pad>"), "unk_token": ("[UNK]", "<unk>")}
_NOTHING_AROUND = {
    "type": "TemplateProcessing",
    "single": [{"Sequence": {"id": "A", "type_id": 0}}],
    "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
    "special_tokens": {},
}
"""What transformers writes for a tokenizer without special tokens."""
_COPIED = (CONFIG, SINGLE, "pytorch_model.bin")
"""Of a module after the first."""


@dataclass(frozen=True)
class Static:
    """A folder of static embeddings. `own` holds the table and the tokenizer; `rest` are the modules after it.

    `config` is Model2Vec's; None where sentence-transformers saved the model.
    """

    directory: Path
    own: Path
    rest: tuple[tuple[str, Path], ...]
    config: Mapping[str, Any] | None

    @property
    def files(self) -> dict[str, Path]:
        """What is read of it, by the paths in the folder."""
        names = (MODULES, MODEL_SETTINGS, *(CONFIG for _ in (self.config,) if self.config is not None))
        modules = [folder / name for _, folder in self.rest for name in _COPIED]
        paths = [*(self.directory / name for name in names), self.own / WHOLE, self.own / SINGLE, *modules]
        return {path.relative_to(self.directory).as_posix(): path for path in paths if path.is_file()}


def find_static(directory: Path) -> Static | None:
    """The static embeddings in a folder; None for any other checkpoint, what was written by `rewrite` too.

    Raises CheckpointError and UnsupportedError for modules that no folder of them has.
    """
    config = _config(directory)
    first = _first_module(directory)
    if config is not None:
        return Static(directory, directory, (("Normalize", directory / "1_Normalize"),) * _scaled(config), config)
    if first != MODULE:
        return None
    (_, own), *rest = list_modules(directory)
    return Static(directory, own, tuple(rest), None)


def rewrite(found: Static, folder: Path, allow_pickle: bool = False) -> None:
    """Write the checkpoint into `folder`.

    Raises CheckpointError for a table, and what goes with it, that do not fit each other.
    """
    refuse_links(found.directory)
    absent = f"{found.own}: no {WHOLE}; fetch the checkpoint again"
    tokenizer = read_object(found.own / WHOLE, absent, MAX_TOKENIZER_BYTES)
    open_tokenizer(found.own / WHOLE)
    rows = _rows(found, open_tensors(weight_files(found.own, allow_pickle)))
    if rows.ndim != 2:
        raise CheckpointError(f"{found.own}: {_TABLE} {list(rows.shape)}, expected rows of numbers; save it again")
    longest = _longest(found, tokenizer)
    save_file({_TABLE: np.ascontiguousarray(rows)}, folder / SINGLE)
    (folder / CONFIG).write_bytes(to_json(_own_config(found, rows, longest, tokenizer)))
    (folder / WHOLE).write_bytes(json.dumps(_plain(tokenizer), ensure_ascii=False).encode())
    (folder / SETTINGS).write_bytes(to_json(_settings(found, tokenizer, longest)))
    _write_modules(found, folder)
    if card := read_card(found.directory / "README.md"):
        (folder / "README.md").write_text(card, encoding="utf-8", newline="\n")


def _config(directory: Path) -> Mapping[str, Any] | None:
    """Model2Vec's config.json, as it writes it: without the sizes that one of `rewrite` has."""
    found = _peek(directory / CONFIG)
    if not isinstance(found, dict):
        return None
    theirs = found.get("model_type") == MODEL2VEC.model_type and "vocab_size" not in found
    return found if theirs or (found and "model_type" not in found and _first_module(directory) == MODULE) else None


def _scaled(config: Mapping[str, Any]) -> bool:
    """Whether Model2Vec scales the mean to length 1. Raises CheckpointError."""
    found = config.get("normalize") or False
    if not isinstance(found, bool):
        raise CheckpointError(f"{CONFIG}: normalize {excerpt(found)}, expected true or false; correct the file")
    return found


def _first_module(directory: Path) -> str:
    """The class of the first module; a list that cannot be read is another reader's to refuse."""
    try:
        return str(_peek(directory / MODULES)[0]["type"]).rpartition(".")[2]
    except (KeyError, TypeError, IndexError):
        return ""


def _peek(path: Path) -> Any:
    """What a JSON file holds; None where there is none or it cannot be read."""
    try:
        return read_json(path, "", constants=True)
    except CheckpointError:
        return None


def _rows(found: Static, tensors: Mapping[str, TensorOnDisk]) -> Array:
    """The row of every entry [entries, H]. Raises CheckpointError."""
    names = (_OTHER_TABLE, _TABLE) if found.config is not None else (_TABLE, _OTHER_TABLE)
    name = next((name for name in names if name in tensors), None)
    known = {_TABLE, _OTHER_TABLE, "mapping", "weights"}
    if name is None or (strange := sorted(tensors.keys() - known)):
        what = f"no {names[0]}" if name is None else f"{excerpt(strange[0])} is no tensor of static embeddings"
        raise CheckpointError(f"{found.own}: {what}; save it again with the library that made it")
    rows = tensors[name].read()
    if "mapping" in tensors:
        rows = _mapped(found.own, rows, tensors["mapping"].read())
    if "weights" in tensors:
        rows = _weighted(found.own, rows, tensors["weights"].read())
    return rows


def _mapped(folder: Path, rows: Array, mapping: Array) -> Array:
    whole = mapping.astype(np.int64)
    if mapping.ndim != 1 or not np.array_equal(whole, mapping) or (whole.size and whole.min() < 0):
        raise CheckpointError(f"{folder}: mapping is no list of rows; save the model again with Model2Vec")
    if whole.size and whole.max() >= len(rows):
        raise CheckpointError(
            f"{folder}: mapping names row {whole.max():,}, and embeddings has {len(rows):,}; save the model again"
        )
    return np.asarray(rows[whole])


def _weighted(folder: Path, rows: Array, weights: Array) -> Array:
    if weights.shape != rows.shape[:1]:
        raise CheckpointError(
            f"{folder}: weights {list(weights.shape)}, expected one for each of {len(rows):,} entries; save the model "
            "again with Model2Vec"
        )
    return np.asarray(rows * weights[:, None])


def _unknown(tokenizer: Mapping[str, Any]) -> int | None:
    """The unknown token's id, as Model2Vec finds it."""
    model = tokenizer["model"]
    if "unk_id" in model:
        number = model["unk_id"]
        return number if isinstance(number, int) else None
    added = {one["content"]: one["id"] for one in tokenizer.get("added_tokens") or []}
    token = model.get("unk_token")
    return None if token is None else added.get(token, model["vocab"].get(token))


def _longest(found: Static, tokenizer: Mapping[str, Any]) -> int:
    """Where a text ends: Model2Vec's `max_length`, or what the tokenizer.json of sentence-transformers says."""
    told = found.config
    value = (
        told.get("max_length", _LONGEST) if told is not None else (tokenizer.get("truncation") or {}).get("max_length")
    )
    if value is None:
        return _UNLIMITED
    if type(value) is not int or value < 1:
        where = found.directory / CONFIG if told is not None else found.own / WHOLE
        raise CheckpointError(f"{where}: max_length {excerpt(value)} is no number of tokens; correct the file")
    return min(value, _UNLIMITED)


def _own_config(found: Static, rows: Array, longest: int, tokenizer: Mapping[str, Any]) -> dict[str, Any]:
    added = {one["content"]: one["id"] for one in tokenizer.get("added_tokens") or []}
    padding = next((added[text] for text in _ROLES["pad_token"] if text in added), 0)
    unknown = None if found.config is None else _unknown(tokenizer)
    return {
        "model_type": MODEL2VEC.model_type,
        "architectures": [MODEL2VEC.heads[0].architecture],
        "vocab_size": rows.shape[0],
        "hidden_size": rows.shape[1],
        "max_position_embeddings": longest,
        "pad_token_id": padding,
        **({} if unknown is None else {"unk_token_id": unknown}),
    }


def _plain(tokenizer: Mapping[str, Any]) -> dict[str, Any]:
    """The tokenizer without what it puts around a text; both libraries ask for none of it."""
    return {**tokenizer, "post_processor": _NOTHING_AROUND, "padding": None, "truncation": None}


def _settings(found: Static, tokenizer: Mapping[str, Any], longest: int) -> dict[str, Any]:
    added = {one["content"] for one in tokenizer.get("added_tokens") or []}
    roles = {role: text for role, texts in _ROLES.items() for text in texts if text in added}
    told = {} if found.config is not None else tokenizer.get("truncation") or {}  # Model2Vec truncates the end
    side = str(told.get("direction", "Right")).lower()
    return {"tokenizer_class": MODEL2VEC.tokenizer_class, "model_max_length": longest, "truncation_side": side, **roles}


def _write_modules(found: Static, folder: Path) -> None:
    """modules.json with the mean as the pooling, the modules after it, and the names of what nobody reads."""
    kinds = [("Transformer", ""), ("Pooling", "pooling"), *((kind, path.name) for kind, path in found.rest)]
    (folder / MODULES).write_bytes(to_json(module_list(kinds)))
    (folder / "pooling").mkdir()
    (folder / "pooling" / CONFIG).write_bytes(to_json({"pooling_mode": "mean"}))
    for _, path in found.rest:
        (folder / path.name).mkdir()
        for name in _COPIED:
            if (path / name).is_file():
                shutil.copyfile(path / name, folder / path.name / name)
    settings = found.directory / MODEL_SETTINGS
    if settings.is_file():
        (folder / settings.name).write_bytes(read_bounded(settings, MAX_CONFIG_BYTES, CheckpointError))
    for path in (path for pattern in HEADS for path in found.directory.glob(pattern)):
        (folder / path.name).touch()
