"""The registry of tokenizer kinds: lookup by the model of a tokenizer.json, or by the files in a folder."""

from collections.abc import Collection

from exporter.checkpoint.tokenizer.byte_level_bpe import BYTE_LEVEL_BPE
from exporter.checkpoint.tokenizer.kind import TokenizerKind, TokenizerModel
from exporter.checkpoint.tokenizer.wordpiece import WORDPIECE

KINDS = (WORDPIECE, BYTE_LEVEL_BPE)
"""In the order in which a folder that has the files of several is read."""
WHOLE = "tokenizer.json"
"""Holds a tokenizer of any kind."""
SETTINGS, SPECIAL, ADDED = "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"
VOCABULARIES = tuple(name for kind in KINDS for name in kind.files)
FIRST_FILES = (WHOLE, *(kind.files[0] for kind in KINDS))
"""Every folder with a tokenizer has one of these."""


def find_kind(model: TokenizerModel) -> TokenizerKind | None:
    """The kind of the `model` of a tokenizer.json; None for one that has no files but that."""
    stated = model.get("type")
    if stated is None:
        return next((kind for kind in KINDS if kind.fields <= model.keys()), None)
    return next((kind for kind in KINDS if kind.model == stated), None)


def kind_of_files(names: Collection[str]) -> TokenizerKind | None:
    """The first kind whose vocabulary files are all there."""
    return next((kind for kind in KINDS if {*kind.files} <= {*names}), None)
