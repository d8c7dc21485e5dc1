"""Limits on tokenizers from untrusted files: how much longer they make a text, what fails, and a trial encoding."""

import json
from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from exporter.checkpoint.tokenizer.charsmap import longest_replacement
from exporter.checkpoint.tokenizer.kinds import find_kind
from runtimes.errors import CheckpointError, in_one_line, in_our_words

_GROWTH = 10_000
"""Of a text by all replacements of a normaliser together; three that turn `a` into thirty make 27,000."""
_IDS = 1 << 24
"""Rows of the largest table; `tokenizers` counts up to the largest id when it writes a vocabulary."""
_MAP = "precompiled_charsmap"
_PROBES = ("a b", "", "É 中 1!?\t")


def check_document(path: Path, content: bytes) -> None:
    """Refuse a tokenizer.json that can be read and not be used: what makes texts grow, fail, or differ each time.

    Raises CheckpointError; what is no JSON passes.
    """
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return  # `tokenizers` says what is wrong with it
    if isinstance(document, dict):
        _check_growth(path, document)
        _check_model(path, document.get("model"))


def _check_growth(path: Path, document: Mapping[str, Any]) -> None:
    try:
        longer = prod(1 + size for size in _replaced(document.get("normalizer"), document.get("pre_tokenizer")))
    except ValueError as error:
        raise CheckpointError(
            f"{path}: precompiled_charsmap: {in_one_line(error, 200)}; save the tokenizer again"
        ) from error
    if longer > _GROWTH:
        raise CheckpointError(f"{path}: its replacements make a text up to {longer:,} times longer; none of BERT's do")


def _check_model(path: Path, model: Any) -> None:
    if not isinstance(model, dict):
        return
    entries = model.get("vocab")
    for number in entries.values() if isinstance(entries, dict) else ():
        if isinstance(number, int) and number >= _IDS:
            raise CheckpointError(f"{path}: an entry has the id {number:,}, and no table so many rows; save it again")
    kind = find_kind(model)
    for problem in kind.problems(model) if kind else ():
        raise CheckpointError(f"{path}: {problem}")


def _replaced(*waiting: Any) -> Iterator[int]:
    """The length of each text that a normaliser puts in; raises ValueError as `longest_replacement`."""
    parts = list(waiting)
    while parts:
        part = parts.pop()
        if isinstance(part, dict):
            yield from (len(part[key]) for key in ("content", "prepend") if isinstance(part.get(key), str))
            if isinstance(part.get(_MAP), str):
                yield longest_replacement(part[_MAP])
            parts += part.values()
        elif isinstance(part, list):
            parts += part


def probe(directory: Path, tokenizer: Tokenizer) -> None:
    """Encode a few texts, alone and in pairs. Raises CheckpointError where that fails."""
    with in_our_words(
        lambda why: CheckpointError(f"{directory}: its tokenizer cannot encode a text ({why}); save it again")
    ):
        for text in _PROBES:
            tokenizer.encode(text)
            tokenizer.encode(text, "b")
