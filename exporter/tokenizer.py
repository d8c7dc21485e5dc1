"""The tokenizer of a checkpoint: checked against the model, and carried along whole.

The reference is `tokenizers` on tokenizer.json; where a checkpoint has only vocab.txt (WordPiece), or vocab.json and
merges.txt (byte-level BPE), tokenizer.json is made from them with the settings of tokenizer_config.json.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer
from tokenizers.implementations.bert_wordpiece import BertWordPieceTokenizer
from tokenizers.implementations.byte_level_bpe import ByteLevelBPETokenizer
from tokenizers.models import BPE, WordPiece
from tokenizers.processors import RobertaProcessing

from exporter.disk import read_bounded
from exporter.documents import MAX_TOKENIZER_BYTES, parse_json, refuse_code
from exporter.errors import CheckpointError
from exporter.tokenizer_bounds import check_growth, no_panic, probe

FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
)
_SPECIAL = {
    "WordPiece": {
        "unk_token": "[UNK]",
        "sep_token": "[SEP]",
        "pad_token": "[PAD]",
        "cls_token": "[CLS]",
        "mask_token": "[MASK]",
    },
    "BPE": {
        "bos_token": "<s>",
        "eos_token": "</s>",
        "unk_token": "<unk>",
        "sep_token": "</s>",
        "pad_token": "<pad>",
        "cls_token": "<s>",
        "mask_token": "<mask>",
    },
}
"""Model of the tokenizer → what transformers calls its special tokens where nothing else is said."""
_TABLE_PADDING = 128
"""`resize_token_embeddings(pad_to_multiple_of=…)` leaves up to this many rows without a piece."""


@dataclass(frozen=True)
class TokenizerFiles:
    """A tokenizer ready to use, and the files that go with the model: name → bytes."""

    tokenizer: Tokenizer
    files: Mapping[str, bytes]
    mask_token: str = "[MASK]"  # noqa: S105 - of text


@dataclass(frozen=True)
class Reader:
    """The model that a tokenizer is for: transformers' class for it, what it reads, and the rows of its table."""

    tokenizer_class: str
    inputs: tuple[str, ...]
    vocabulary: int


def read_tokenizer(directory: Path, reader: Reader) -> TokenizerFiles:
    """Read the tokenizer in `directory`.

    Raises CheckpointError when it is missing, damaged, or speaks of more or far fewer pieces than the table has.
    """
    found = {name: _content(directory / name) for name in FILES if (directory / name).is_file()}
    settings = _settings(directory, found)
    if "tokenizer.json" in found:
        tokenizer = _load(directory / "tokenizer.json", found["tokenizer.json"])
    elif "vocab.txt" in found:
        tokenizer = _from_vocabulary(directory, settings)
    elif {"vocab.json", "merges.txt"} <= found.keys():
        tokenizer = _from_merges(directory, settings)
    else:
        raise CheckpointError(
            f"{directory}: no tokenizer; expected tokenizer.json, vocab.txt, or vocab.json with merges.txt beside "
            "config.json"
        )
    _check_size(directory, tokenizer, reader.vocabulary)
    probe(directory, tokenizer)
    mask = _special_tokens(settings, _kind(tokenizer))["mask_token"]
    return TokenizerFiles(tokenizer, {**_completed(tokenizer, settings, reader), **found}, mask)


def _kind(tokenizer: Tokenizer) -> str:
    """The tokenizer's model: WordPiece, BPE or another."""
    return str(json.loads(tokenizer.to_str())["model"]["type"])


def _settings(directory: Path, found: Mapping[str, bytes]) -> dict[str, Any]:
    path = directory / "tokenizer_config.json"
    settings = parse_json(path, found.get(path.name, b"{}"))
    if not isinstance(settings, dict):
        raise CheckpointError(f"{path}: expected an object")
    refuse_code(path, settings)
    return settings


def _content(path: Path) -> bytes:
    return read_bounded(path, MAX_TOKENIZER_BYTES, CheckpointError)


def open_tokenizer(path: Path) -> Tokenizer:
    """Read a tokenizer.json by itself, such as a bundle's own. Raises CheckpointError."""
    try:
        tokenizer = _load(path, _content(path))
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror}); export again") from error
    probe(path.parent, tokenizer)
    return tokenizer


def _load(path: Path, content: bytes) -> Tokenizer:
    check_growth(path, content)
    try:
        with no_panic():
            tokenizer = Tokenizer.from_str(content.decode("utf-8"))
    except Exception as error:  # `tokenizers` raises nothing narrower than Exception
        raise CheckpointError(f"{path}: cannot be read: {error}") from error
    tokenizer.no_padding()  # each reader pads and cuts as it needs; a file's own padding may be of any size
    tokenizer.no_truncation()
    return tokenizer


def _from_vocabulary(directory: Path, settings: Mapping[str, Any]) -> Tokenizer:
    path = directory / "vocab.txt"
    try:
        made = BertWordPieceTokenizer(
            WordPiece.read_file(str(path)),  # a path itself is deprecated
            lowercase=bool(settings.get("do_lower_case", True)),
            strip_accents=settings.get("strip_accents"),
            handle_chinese_chars=bool(settings.get("tokenize_chinese_chars", True)),
        )
        return Tokenizer.from_str(made.to_str())
    except Exception as error:  # as above
        raise CheckpointError(f"{path}: not a WordPiece vocabulary, one piece a line: {error}") from error


def _from_merges(directory: Path, settings: Mapping[str, Any]) -> Tokenizer:
    """RoBERTa's byte-level BPE (Radford et al. 2019), as transformers' RobertaTokenizer made it up to its version 4."""
    prefix, trim = bool(settings.get("add_prefix_space", False)), bool(settings.get("trim_offsets", True))
    try:
        made = Tokenizer.from_str(
            ByteLevelBPETokenizer(
                *BPE.read_file(str(directory / "vocab.json"), str(directory / "merges.txt")),
                add_prefix_space=prefix,
            ).to_str()
        )
        special = _special_tokens(settings, "BPE")
        mask = AddedToken(special.pop("mask_token"), lstrip=True, normalized=False)  # it takes the space before it
        made.add_special_tokens([*dict.fromkeys(special.values()), mask])
        pieces = made.get_vocab()
        separator, first = ((special[name], pieces[special[name]]) for name in ("sep_token", "cls_token"))
        made.post_processor = RobertaProcessing(separator, first, trim_offsets=trim, add_prefix_space=prefix)
    except Exception as error:  # as above
        raise CheckpointError(f"{directory}: vocab.json and merges.txt are no byte-level BPE: {error}") from error
    return made


def _special_tokens(settings: Mapping[str, Any], model: str) -> dict[str, str]:
    """The special tokens by their roles: as tokenizer_config.json has them, a text or an object, or the usual ones."""
    usual = _SPECIAL.get(model, _SPECIAL["WordPiece"])
    stated = {name: settings.get(name) for name in usual}
    texts = {name: one.get("content") if isinstance(one, Mapping) else one for name, one in stated.items()}
    return {name: text if isinstance(text, str) else usual[name] for name, text in texts.items()}


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


def _completed(tokenizer: Tokenizer, settings: Mapping[str, Any], reader: Reader) -> dict[str, bytes]:
    """The files that apps and older libraries expect, for those that the checkpoint lacks."""
    model = json.loads(tokenizer.to_str())["model"]
    pieces = tokenizer.get_vocab(with_added_tokens=True)
    special = {key: token for key, token in _special_tokens(settings, model["type"]).items() if token in pieces}
    inputs = {"tokenizer_class": reader.tokenizer_class, "model_input_names": list(reader.inputs)}
    lowered = {"do_lower_case": True} if model["type"] == "WordPiece" else {}
    made = {
        "tokenizer.json": tokenizer.to_str(pretty=True).encode(),
        "tokenizer_config.json": _json({**inputs, **lowered, **special, **settings}),
        "special_tokens_map.json": _json(special),
    }
    if model["type"] == "WordPiece":
        by_id = sorted(pieces, key=lambda piece: pieces[piece])
        made["vocab.txt"] = "".join(f"{piece}\n" for piece in by_id).encode()
    elif model["type"] == "BPE":
        made["vocab.json"] = json.dumps(model["vocab"], ensure_ascii=False).encode()
        merges = (pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"])
        made["merges.txt"] = "".join(f"{line}\n" for line in ("#version: 0.2", *merges)).encode()
    return made


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, indent=2, sort_keys=True).encode()
