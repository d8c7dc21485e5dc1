"""The tokenizer files of a bundle: the checkpoint's, and those that apps and older libraries expect beside them."""

import json
from collections.abc import Mapping
from typing import Any

from tokenizers import Tokenizer

from exporter.checkpoint.tokenizer.kind import TokenizerModel, Vocabulary
from exporter.checkpoint.tokenizer.kinds import KINDS, find_kind
from exporter.checkpoint.tokenizer.settings import canonical
from exporter.checkpoint.tokenizer.standard_bert import ROLES


def bundled_files(
    tokenizer: Tokenizer, found: Mapping[str, bytes], settings: Mapping[str, Any], special: Mapping[str, str]
) -> dict[str, bytes]:
    """Name → bytes: the checkpoint's own where they say what `tokenizer` is, and made from it where they do not.

    `settings` are tokenizer_config.json's, with what it may lack; `special` are the special tokens by their roles.
    """
    document = json.loads(tokenizer.to_str())
    entries = tokenizer.get_vocab(with_added_tokens=True)
    known = {role: token for role, token in special.items() if token in entries}
    made = {
        "tokenizer.json": tokenizer.to_str(pretty=True).encode(),
        "tokenizer_config.json": _json({**known, **settings}),
        "special_tokens_map.json": _json(known),
        **vocabulary_files(document["model"], entries),
    }
    kept = {name: content for name, content in found.items() if _still_says(name, content, document)}
    if any(settings.get(role) is None and token != ROLES.get(role) for role, token in known.items()):
        kept.pop("tokenizer_config.json", None)  # the one file in which apps and transformers.js look for roles
    return made | kept


def vocabulary_files(model: TokenizerModel, entries: Vocabulary) -> dict[str, bytes]:
    """What ships beside tokenizer.json for apps and older libraries."""
    kind = find_kind(model)
    return kind.write_files(model, entries) if kind else {}


def _still_says(name: str, content: bytes, document: Mapping[str, Any]) -> bool:
    """Whether a file of the checkpoint agrees with the tokenizer that transformers made of all of them together."""
    if name == "tokenizer.json":
        loaded = json.loads(Tokenizer.from_str(content.decode()).to_str())
        return bool(canonical(loaded) == canonical(document))
    kind = next((kind for kind in KINDS if name in kind.files), None)
    return kind is None or kind.agrees(name, content, document["model"])


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, indent=2, sort_keys=True).encode()
