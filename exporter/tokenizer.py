"""The tokenizer of a checkpoint: checked against the model, and carried along whole.

The reference is `tokenizers` on tokenizer.json; where a checkpoint has only vocab.txt, tokenizer.json is made from
it with the settings of tokenizer_config.json.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from tokenizers.implementations.bert_wordpiece import BertWordPieceTokenizer

from exporter.errors import CheckpointError

FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt")
_SPECIAL = {
    "unk_token": "[UNK]",
    "sep_token": "[SEP]",
    "pad_token": "[PAD]",
    "cls_token": "[CLS]",
    "mask_token": "[MASK]",
}
_TABLE_PADDING = 128
"""`resize_token_embeddings(pad_to_multiple_of=…)` leaves up to this many rows without a piece."""


@dataclass(frozen=True)
class TokenizerFiles:
    """A tokenizer ready to use, and the files that go with the model: name → bytes."""

    tokenizer: Tokenizer
    files: Mapping[str, bytes]
    mask_token: str = "[MASK]"  # noqa: S105 - of text


def read_tokenizer(directory: Path, vocabulary: int) -> TokenizerFiles:
    """Read the tokenizer in `directory` for a table of `vocabulary` rows.

    Raises CheckpointError when it is missing, damaged, or speaks of more or far fewer pieces than the table has.
    """
    found = {name: (directory / name).read_bytes() for name in FILES if (directory / name).is_file()}
    settings = _settings(directory, found)
    if "tokenizer.json" in found:
        tokenizer = _load(directory, found["tokenizer.json"])
    elif "vocab.txt" in found:
        tokenizer = _from_vocabulary(directory, settings)
    else:
        raise CheckpointError(f"{directory}: no tokenizer; expected tokenizer.json or vocab.txt beside config.json")
    _check_size(directory, tokenizer, vocabulary)
    return TokenizerFiles(tokenizer, {**_completed(tokenizer, settings), **found}, _mask_token(settings))


def _mask_token(settings: Mapping[str, Any]) -> str:
    """As tokenizer_config.json calls it: a text, or an object that holds it."""
    told = settings.get("mask_token", _SPECIAL["mask_token"])
    return str(told.get("content") if isinstance(told, dict) else told)


def _settings(directory: Path, found: Mapping[str, bytes]) -> dict[str, Any]:
    try:
        settings = json.loads(found.get("tokenizer_config.json", b"{}"))
    except ValueError as error:
        raise CheckpointError(f"{directory / 'tokenizer_config.json'}: not JSON: {error}") from error
    if not isinstance(settings, dict):
        raise CheckpointError(f"{directory / 'tokenizer_config.json'}: expected an object")
    return settings


def _load(directory: Path, content: bytes) -> Tokenizer:
    try:
        return Tokenizer.from_str(content.decode("utf-8"))
    except Exception as error:  # `tokenizers` raises nothing narrower than Exception
        raise CheckpointError(f"{directory / 'tokenizer.json'}: cannot be read: {error}") from error


def _from_vocabulary(directory: Path, settings: Mapping[str, Any]) -> Tokenizer:
    path = directory / "vocab.txt"
    try:
        made = BertWordPieceTokenizer(
            str(path),
            lowercase=bool(settings.get("do_lower_case", True)),
            strip_accents=settings.get("strip_accents"),
            handle_chinese_chars=bool(settings.get("tokenize_chinese_chars", True)),
        )
        return Tokenizer.from_str(made.to_str())
    except Exception as error:  # as above
        raise CheckpointError(f"{path}: not a WordPiece vocabulary, one piece a line: {error}") from error


def _check_size(directory: Path, tokenizer: Tokenizer, table: int) -> None:
    pieces = max(tokenizer.get_vocab(with_added_tokens=True).values(), default=-1) + 1
    if pieces > table:
        raise CheckpointError(
            f"{directory}: the tokenizer has {pieces:,} pieces and the embedding table {table:,} rows; "
            "resize_token_embeddings was not called or the tokenizer belongs to another model"
        )
    if table - pieces >= _TABLE_PADDING:
        raise CheckpointError(
            f"{directory}: the tokenizer has only {pieces:,} pieces for {table:,} rows of the embedding table; "
            "put the tokenizer that the model was trained with beside it"
        )


def _completed(tokenizer: Tokenizer, settings: Mapping[str, Any]) -> dict[str, bytes]:
    """The four files as apps and older libraries expect them, for those that the checkpoint lacks."""
    pieces = tokenizer.get_vocab(with_added_tokens=True)
    by_id = sorted(pieces, key=lambda piece: pieces[piece])
    special = {key: token for key, token in _SPECIAL.items() if token in pieces}
    config = {"tokenizer_class": "BertTokenizer", "do_lower_case": True, **special, **settings}
    return {
        "tokenizer.json": tokenizer.to_str(pretty=True).encode(),
        "tokenizer_config.json": json.dumps(config, indent=2, sort_keys=True).encode(),
        "special_tokens_map.json": json.dumps(special, indent=2, sort_keys=True).encode(),
        "vocab.txt": "".join(f"{piece}\n" for piece in by_id).encode(),
    }
