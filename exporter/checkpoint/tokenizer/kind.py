"""`TokenizerKind`: a subword algorithm with its files, its special tokens, and what app kits need for it."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Vocabulary = Mapping[str, int]
"""Vocabulary entry → id."""
TokenizerModel = Mapping[str, Any]
"""`model` of a tokenizer.json: the vocabulary, and what the algorithm needs beside it."""


BYTE = re.compile("<0x[0-9A-F]{2}>")
"""What a byte is called where a character is no entry (`byte_fallback`)."""
ANGLED_TOKENS: Mapping[str, str] = {
    "bos_token": "<s>",
    "eos_token": "</s>",
    "unk_token": "<unk>",
    "sep_token": "</s>",
    "pad_token": "<pad>",
    "cls_token": "<s>",
    "mask_token": "<mask>",
}
"""Role → text, in RoBERTa and all that came after it."""


def no_problems(_model: TokenizerModel) -> Iterator[str]:
    """Of a kind whose models `tokenizers` checks by itself."""
    return iter(())


@dataclass(frozen=True)
class Trimming:
    """How entries are removed from a model of one kind, so that texts that do not need them keep their tokens.

    `needed` are the ids that stay whatever the texts hold; it raises UnsupportedError for a model that cannot be
    trimmed. `parts` of an id are those of the entries that it is made of while a text is tokenized, which stay with it.
    `kept` is the model with the entries alone that `number` has: old id → new one.
    """

    needed: Callable[[TokenizerModel], set[int]]
    parts: Callable[[TokenizerModel], Callable[[int], set[int]]]
    kept: Callable[[TokenizerModel, Mapping[int, int]], dict[str, Any]]


@dataclass(frozen=True)
class TokenizerKind:
    """One algorithm, as `tokenizers` and transformers store it.

    `model` is the `type` of such a model in tokenizer.json, by `fields` it is recognised where an old file has no type;
    `title` is what an error calls it. `file_sets` hold its vocabulary in a checkpoint without tokenizer.json, each by
    itself, and transformers needs the `packages` to read them; `classes` are transformers' classes for it that all
    build one tokenizer of the same files. `special_tokens`: role → text, where a checkpoint says nothing else.
    `trimming` is None for a kind whose entries cannot be removed.

    `kit_parts` are the parts of tokenizer.json that the app kits' own tokenizers implement: part → types, None for a
    part that is not there. Empty: no app kit has a tokenizer of this kind.

    `read_files` reads such a set in a folder and raises CheckpointError; `write_files` makes of a model and of all
    entries, added ones too, what ships beside tokenizer.json for apps and older libraries; `agrees` says whether a
    file, by its name and content, says what the model says. `problems` are what is wrong with the model of a
    tokenizer.json that `tokenizers` reads all the same, each with what to do.
    """

    model: str
    title: str
    fields: frozenset[str]
    file_sets: tuple[tuple[str, ...], ...]
    special_tokens: Mapping[str, str]
    read_files: Callable[[Path], Vocabulary]
    write_files: Callable[[TokenizerModel, Vocabulary], dict[str, bytes]]
    agrees: Callable[[str, bytes, TokenizerModel], bool]
    problems: Callable[[TokenizerModel], Iterator[str]] = no_problems
    packages: tuple[str, ...] = ()
    classes: frozenset[str] = frozenset()
    trimming: Trimming | None = None
    kit_parts: Mapping[str, tuple[str | None, ...]] = field(default_factory=dict)

    @property
    def trimmable(self) -> bool:
        """Whether entries can be removed."""
        return self.trimming is not None

    @property
    def files(self) -> tuple[str, ...]:
        """The names of all its files."""
        return tuple(name for names in self.file_sets for name in names)
