"""`TokenizerKind`: a subword algorithm with its files, its special tokens, and what app kits need for it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Vocabulary = Mapping[str, int]
"""Vocabulary entry → id."""
TokenizerModel = Mapping[str, Any]
"""`model` of a tokenizer.json: the vocabulary, and what the algorithm needs beside it."""


@dataclass(frozen=True)
class TokenizerKind:
    """One algorithm, as `tokenizers` and transformers store it.

    `model` is the `type` of such a model in tokenizer.json, by `fields` it is recognised where an old file has no type;
    `title` is what an error calls it. `files` hold its vocabulary in a checkpoint without tokenizer.json, and ship
    beside that for apps and older libraries; `classes` are transformers' classes for it that all build one tokenizer of
    the same files. `special_tokens`: role → text, where a checkpoint says nothing else. `trimmable`: entries can be
    removed, and texts that do not need them keep their tokens.

    `kit_parts` are the parts of tokenizer.json that the app kits' own tokenizers implement: part → types, None for a
    part that is not there. Empty: no app kit has a tokenizer of this kind.

    `read_files` reads `files` in a folder and raises CheckpointError; `write_files` makes them of a model and of all
    entries, added ones too; `agrees` says whether a file, by its name and content, says what the model says.
    """

    model: str
    title: str
    fields: frozenset[str]
    files: tuple[str, ...]
    special_tokens: Mapping[str, str]
    read_files: Callable[[Path], Vocabulary]
    write_files: Callable[[TokenizerModel, Vocabulary], dict[str, bytes]]
    agrees: Callable[[str, bytes, TokenizerModel], bool]
    classes: frozenset[str] = frozenset()
    trimmable: bool = False
    kit_parts: Mapping[str, tuple[str | None, ...]] = field(default_factory=dict)
