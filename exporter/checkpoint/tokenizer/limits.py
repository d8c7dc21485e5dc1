"""Limits on tokenizers from untrusted files: how much longer they make a text, and a trial encoding."""

import json
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from runtimes.errors import CheckpointError, in_our_words

_GROWTH = 10_000
"""Of a text by all replacements of a normaliser together; three that turn `a` into thirty make 27,000."""
_PROBES = ("a b", "", "É 中 1!?\t")


def check_growth(path: Path, content: bytes) -> None:
    """Refuse replacements that make texts thousands of times longer. Raises CheckpointError; what is no JSON passes."""
    try:
        document = json.loads(content)
        longer = prod(1 + size for size in _replaced(document.get("normalizer"), document.get("pre_tokenizer")))
    except (ValueError, AttributeError, RecursionError):
        return  # `tokenizers` says what is wrong with it
    if longer > _GROWTH:
        raise CheckpointError(f"{path}: its replacements make a text up to {longer:,} times longer; none of BERT's do")


def _replaced(*waiting: Any) -> Iterator[int]:
    """The length of each text that a normaliser puts in."""
    parts = list(waiting)
    while parts:
        part = parts.pop()
        if isinstance(part, dict):
            yield from (len(part[key]) for key in ("content", "prepend") if isinstance(part.get(key), str))
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
