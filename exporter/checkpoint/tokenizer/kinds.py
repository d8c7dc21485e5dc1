"""The registry of tokenizer kinds: lookup by the model of a tokenizer.json, or by the files in a folder."""

from collections.abc import Collection

from exporter.checkpoint.tokenizer.byte_level_bpe import BYTE_LEVEL_BPE
from exporter.checkpoint.tokenizer.kind import TokenizerKind, TokenizerModel
from exporter.checkpoint.tokenizer.unigram import UNIGRAM
from exporter.checkpoint.tokenizer.wordpiece import WORDPIECE

KINDS = (WORDPIECE, BYTE_LEVEL_BPE, UNIGRAM)
"""In the order in which a folder that has the files of several is read."""
WHOLE = "tokenizer.json"
"""Holds a tokenizer of any kind."""
SETTINGS, SPECIAL, ADDED = "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"
VOCABULARIES = tuple(name for kind in KINDS for name in kind.files)
FILE_SETS = tuple(names for kind in KINDS for names in kind.file_sets)
FIRST_FILES = (WHOLE, *(names[0] for names in FILE_SETS))
"""Every folder with a tokenizer has one of these."""


def find_kind(model: TokenizerModel) -> TokenizerKind | None:
    """The kind of the `model` of a tokenizer.json; None for one that has no files but that."""
    stated = model.get("type")
    if stated is None:
        return next((kind for kind in KINDS if kind.fields <= model.keys()), None)
    return next((kind for kind in KINDS if kind.model == stated), None)


def kind_of_files(names: Collection[str]) -> TokenizerKind | None:
    """The first kind with a set of vocabulary files that is all there."""
    return next((kind for kind in KINDS if any({*one} <= {*names} for one in kind.file_sets)), None)
