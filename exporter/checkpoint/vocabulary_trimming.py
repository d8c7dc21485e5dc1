"""Vocabulary trimming: keep the entries that the user's texts need, in the tokenizer and the embedding table.

An entry that is removed is tokenized as smaller ones, for single characters always stay. A text whose entries all stay
keeps its tokens; why is said beside each kind's `Trimming` (exporter.checkpoint.tokenizer).
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from exporter.checkpoint.checkpoint import Checkpoint
from exporter.checkpoint.tokenizer.files import vocabulary_files
from exporter.checkpoint.tokenizer.kind import Trimming
from exporter.checkpoint.tokenizer.kinds import KINDS, find_kind
from exporter.checkpoint.tokenizer.reading import TokenizerFiles
from exporter.checkpoint.tokenizer.token_ids import token_ids
from exporter.model.model import Model
from exporter.model.ops import Array
from exporter.model.tensor_table import StoredTensor
from runtimes.errors import UnsupportedError, UsageError

_TABLE, _POSITIONS = "embeddings.word", "embeddings.position"


@dataclass(frozen=True)
class Trim:
    """What is kept: the entries that occur `min_count` times in `texts`, and of those the `keep_entries` commonest.

    Those of `prompt`, which stands before every text, stay whatever the texts hold.

    `keep_entries` counts all that is kept, special tokens and single characters too; None is no limit.
    """

    texts: tuple[str, ...]
    min_count: int = 1
    keep_entries: int | None = None
    prompt: str = ""


@dataclass(frozen=True)
class _Rows:
    """Some rows of a stored table."""

    table: StoredTensor
    kept: Array

    @property
    def shape(self) -> tuple[int, ...]:
        """[kept, H]."""
        return (len(self.kept), *self.table.shape[1:])

    def read(self) -> Array:
        """The rows as float32."""
        return self.table.read()[self.kept]


def choose_entries(tokenizer: Tokenizer, trim: Trim, pad: int = 0) -> Array:
    """Ids to keep, ascending; `pad` is the one that pads a text.

    Raises UsageError for texts that use nothing of the vocabulary, or a limit too low, UnsupportedError for a
    tokenizer that cannot be trimmed.
    """
    document = json.loads(tokenizer.to_str())
    trimming, entries = _trimming(document), tokenizer.get_vocab(with_added_tokens=True)
    parts = trimming.parts(document["model"])
    counts = _counted(tokenizer, trim.texts, max(entries.values()) + 1)
    kept = np.zeros(len(counts), bool)
    prompt = tokenizer.encode(trim.prompt, add_special_tokens=False).ids
    special = {*entries.values()} & _special_ids(tokenizer, document, pad)
    kept[[*trimming.needed(document["model"]), *prompt, *special, *(one for part in prompt for one in parts(part))]] = 1
    wanted = np.flatnonzero((counts >= trim.min_count) & ~kept)
    if not len(wanted):
        raise UsageError(
            f"--trim-vocabulary: no entry beyond single characters occurs {trim.min_count} times in these "
            f"{len(trim.texts)} texts; give text of the task, in the model's language"
        )
    room = len(counts) if trim.keep_entries is None else trim.keep_entries - int(kept.sum())
    if room < 1:
        raise UsageError(
            f"--keep-tokens {trim.keep_entries}: {kept.sum()} are special tokens and characters; pass more"
        )
    _keep_commonest(kept, wanted[np.argsort(-counts[wanted], kind="stable")], parts, room)
    return np.flatnonzero(kept)


def _counted(tokenizer: Tokenizer, texts: Sequence[str], size: int) -> Array:
    """How often each id occurs."""
    counts = np.zeros(size, np.int64)
    for ids in token_ids(tokenizer, texts, special=False):
        np.add.at(counts, ids, 1)
    return counts


def _keep_commonest(kept: Array, wanted: Array, parts: Callable[[int], set[int]], room: int) -> None:
    """Mark ids in `kept`, the first of `wanted` first and each with its parts, as long as there is room for them."""
    for number in wanted.tolist():
        added = [one for one in (number, *parts(number)) if not kept[one]]
        if len(added) > room:
            return
        kept[added] = True
        room -= len(added)


def _trimming(document: Mapping[str, Any]) -> Trimming:
    """How a tokenizer.json is trimmed. Raises UnsupportedError for one that cannot be."""
    kind = find_kind(document["model"])
    if kind is None or kind.trimming is None:
        titles = " and ".join(kind.title for kind in KINDS if kind.trimmable)
        raise UnsupportedError(
            f"--trim-vocabulary: tokenizer.json is a {kind.title if kind else document['model'].get('type')}; only "
            f"{titles} can be trimmed: leave it out"
        )
    return kind.trimming


def _special_ids(tokenizer: Tokenizer, document: Mapping[str, Any], pad: int) -> set[int]:
    """What stands for no text, whether or not it is an added token: it need not be one."""
    return {pad, *tokenizer.get_added_tokens_decoder(), *_template_ids(document["post_processor"] or {})}


def _template_ids(processor: Mapping[str, Any]) -> set[int]:
    """The ids that `_renumber_special` finds."""
    found = {number for token in (processor.get("special_tokens") or {}).values() for number in token["ids"]}
    found |= {processor[key][1] for key in ("cls", "sep") if key in processor}
    return found.union(*map(_template_ids, processor.get("processors") or []))


def trim_checkpoint(checkpoint: Checkpoint, kept: Array) -> Checkpoint:
    """`checkpoint` with the entries `kept` alone, renumbered in their order; its hashes stay those of the files read.

    Raises UnsupportedError for a tokenizer or a task that cannot be trimmed.
    """
    document = json.loads(checkpoint.tokenizer.files["tokenizer.json"])
    _trimming(document)
    if "fill-mask" in checkpoint.task.name:
        raise UnsupportedError("--trim-vocabulary: a fill-mask model answers with the whole vocabulary; leave it out")
    number = {int(old): new for new, old in enumerate(kept)}
    model = checkpoint.model
    if model.geometry.pad not in number:
        raise UnsupportedError(
            f"--trim-vocabulary: pad_token_id {model.geometry.pad} is no entry of the tokenizer; correct config.json"
        )
    tables = {_TABLE: _Rows(model.tensors[_TABLE], kept), **_counted_from_padding(model, number)}
    geometry = model.geometry.renumbered(number)
    config = _renumbered_config(checkpoint.config, number)
    if _POSITIONS in tables:
        config["max_position_embeddings"] = len(tables[_POSITIONS].kept)
    return replace(
        checkpoint,
        config=config,
        model=replace(model, geometry=geometry, tensors={**model.tensors, **tables}),
        tokenizer=_renumbered_tokenizer(checkpoint.tokenizer, document, number),
    )


def _counted_from_padding(model: Model, number: Mapping[int, int]) -> dict[str, _Rows]:
    """The table of positions, where these are counted from the padding's id and that is another now."""
    pad, table = model.geometry.pad, model.tensors.get(_POSITIONS)
    if table is None:
        return {}
    rows, moved = table.shape[0], pad - number[pad]
    if not moved or rows == model.geometry.positions:
        return {}
    return {_POSITIONS: _Rows(table, np.arange(moved, rows))}


def _renumbered_config(config: Mapping[str, Any], number: Mapping[int, int]) -> dict[str, Any]:
    ids = {key: number.get(value) for key, value in config.items() if key.endswith("_token_id") and value is not None}
    return {**config, **ids, "vocab_size": len(number)}


def _renumbered_tokenizer(
    original: TokenizerFiles, document: dict[str, Any], number: Mapping[int, int]
) -> TokenizerFiles:
    document["model"] = _trimming(document).kept(document["model"], number)
    for token in document.get("added_tokens") or []:
        token["id"] = number[token["id"]]
    _renumber_special(document.get("post_processor") or {}, number)
    if document.get("padding"):
        document["padding"]["pad_id"] = number[document["padding"]["pad_id"]]
    content = json.dumps(document, ensure_ascii=False, indent=2)
    settings = json.loads(original.files["tokenizer_config.json"])
    if decoder := settings.get("added_tokens_decoder"):
        kept = {str(new): decoder.get(str(old)) for old, new in number.items()}
        settings["added_tokens_decoder"] = {new: token for new, token in kept.items() if token is not None}
    tokenizer = _numbered(Tokenizer.from_str(content), original.tokenizer, number)
    changed = {
        "tokenizer.json": content.encode(),
        "tokenizer_config.json": json.dumps(settings, indent=2, sort_keys=True).encode(),
        **vocabulary_files(document["model"], tokenizer.get_vocab(with_added_tokens=True)),
    }
    return TokenizerFiles(tokenizer, {**original.files, **changed}, original.mask_token)


def _numbered(trimmed: Tokenizer, original: Tokenizer, number: Mapping[int, int]) -> Tokenizer:
    """`trimmed`, once each of its entries has the id that it was given: `tokenizers` numbers added tokens by itself."""
    found = trimmed.get_vocab(with_added_tokens=True)
    given = {entry: number[old] for entry, old in original.get_vocab(with_added_tokens=True).items() if old in number}
    wrong = sorted(entry for entry in {**given, **found} if given.get(entry) != found.get(entry))
    if wrong:
        raise UnsupportedError(
            f"--trim-vocabulary: the tokenizer gives one id to two entries, such as {wrong[0]!r}: an entry is in the "
            "vocabulary twice; leave it out"
        )
    return trimmed


def _renumber_special(processor: dict[str, Any], number: Mapping[int, int]) -> None:
    """The ids in a template's special tokens, in BertProcessing's `cls` and `sep`, and in a sequence of processors."""
    for token in (processor.get("special_tokens") or {}).values():
        token["ids"] = [number[old] for old in token["ids"]]
    for key in ("cls", "sep"):
        if key in processor:
            processor[key] = [processor[key][0], number[processor[key][1]]]
    for part in processor.get("processors") or []:
        _renumber_special(part, number)


def kept_ids(original: Tokenizer, trimmed: Tokenizer) -> Array:
    """The original id of each entry of a trimmed tokenizer, by its id.

    Raises UnsupportedError for entries that the original lacks, and for ids that do not run in its order
    without holes, as trimming gives them.
    """
    given = {number: entry for entry, number in trimmed.get_vocab(with_added_tokens=True).items()}
    ids = [original.token_to_id(given.get(number, "")) for number in range(len(given))]
    known = [number for number in ids if number is not None]
    if len(known) < len(ids):
        raise UnsupportedError("the bundle's tokenizer has entries that the checkpoint's has not; export again")
    if known != sorted(set(known)):
        raise UnsupportedError(
            "the bundle's tokenizer numbers its entries in another order than the checkpoint's; export again"
        )
    return np.array(known, np.int64)
