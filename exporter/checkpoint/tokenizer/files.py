"""The tokenizer's files in a bundle: what the checkpoint has, and what apps and older libraries expect beside it."""

import json
from collections.abc import Mapping
from typing import Any

from tokenizers import Tokenizer

from exporter.checkpoint.tokenizer.settings import canonical
from exporter.checkpoint.tokenizer.standard_bert import ROLES


def bundled_files(
    tokenizer: Tokenizer, found: Mapping[str, bytes], settings: Mapping[str, Any], special: Mapping[str, str]
) -> dict[str, bytes]:
    """Name → bytes: the checkpoint's own where they say what `tokenizer` is, and made from it where they do not.

    `settings` are tokenizer_config.json's, with what it may lack; `special` are the special tokens by their roles.
    """
    document = json.loads(tokenizer.to_str())
    pieces = tokenizer.get_vocab(with_added_tokens=True)
    known = {role: token for role, token in special.items() if token in pieces}
    made = {
        "tokenizer.json": tokenizer.to_str(pretty=True).encode(),
        "tokenizer_config.json": _json({**known, **settings}),
        "special_tokens_map.json": _json(known),
        **_vocabulary_files(document["model"], pieces),
    }
    kept = {name: content for name, content in found.items() if _still_says(name, content, document)}
    if any(settings.get(role) is None and token != ROLES.get(role) for role, token in known.items()):
        kept.pop("tokenizer_config.json", None)  # the one file in which apps and transformers.js look for roles
    return made | kept


def _vocabulary_files(model: Mapping[str, Any], pieces: Mapping[str, int]) -> dict[str, bytes]:
    if model["type"] == "WordPiece":
        return {"vocab.txt": vocabulary_lines({**pieces, **model["vocab"]})}
    if model["type"] == "BPE":
        merges = (pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"])
        return {
            "vocab.json": json.dumps(model["vocab"], ensure_ascii=False).encode(),
            "merges.txt": "".join(f"{line}\n" for line in ("#version: 0.2", *merges)).encode(),
        }
    return {}


def vocabulary_lines(pieces: Mapping[str, int]) -> bytes:
    """vocab.txt: each entry on the line of its id, an empty line where an id has none."""
    by_id = {number: piece for piece, number in pieces.items() if "\n" not in piece}
    return "".join(f"{by_id.get(number, '')}\n" for number in range(max(by_id, default=-1) + 1)).encode()


def _still_says(name: str, content: bytes, document: Mapping[str, Any]) -> bool:
    """Whether a file of the checkpoint agrees with the tokenizer that transformers made of all of them together."""
    if name == "tokenizer.json":
        loaded = json.loads(Tokenizer.from_str(content.decode()).to_str())
        return bool(canonical(loaded) == canonical(document))
    if name == "vocab.txt":
        return _lines_are_ids(content, document["model"])
    if name == "vocab.json":
        return bool(json.loads(content) == document["model"].get("vocab"))
    return True


def _lines_are_ids(content: bytes, model: Mapping[str, Any]) -> bool:
    lines = content.decode().split("\n")
    vocabulary = model["vocab"]
    return isinstance(vocabulary, dict) and all(
        number < len(lines) and lines[number].rstrip() == piece.rstrip() for piece, number in vocabulary.items()
    )


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, indent=2, sort_keys=True).encode()
