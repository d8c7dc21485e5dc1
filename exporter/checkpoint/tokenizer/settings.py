"""Compare tokenizer.json files by the parts that decide token ids, in canonical form."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from tokenizers import Tokenizer

_PARTS = ("normalizer", "pre_tokenizer", "model", "post_processor", "decoder", "truncation", "padding")
ID_PARTS = ("normalizer", "pre_tokenizer", "model", "post_processor", "added_tokens")
"""Those that decide which ids a text has."""
_SHOWN = 60
"""Characters of a value in a message."""


def parts_of(tokenizer: Tokenizer) -> dict[str, Any]:
    """The settings by part, written in one way; added tokens by their text."""
    return canonical(json.loads(tokenizer.to_str()))


def canonical(document: Mapping[str, Any]) -> dict[str, Any]:
    """A tokenizer.json as `tokenizers` writes it, so that tokenizers that give the same ids are equal.

    BertProcessing is the template that it stands for (tokenizers, processors/bert.rs).
    """
    parts = {part: document.get(part) for part in _PARTS}
    processor = parts["post_processor"]
    if processor and processor.get("type") == "BertProcessing":
        parts["post_processor"] = bert_template(processor["cls"], processor["sep"])
    return parts | {"added_tokens": {token["content"]: token for token in document.get("added_tokens") or []}}


def bert_template(cls: list[Any], sep: list[Any]) -> dict[str, Any]:
    """BERT's template over (text, id) of its first and last token."""
    start, end = _special(cls[0], 0), _special(sep[0], 0)
    single = [start, _sequence("A", 0), end]
    return {
        "type": "TemplateProcessing",
        "single": single,
        "pair": [*single, _sequence("B", 1), _special(sep[0], 1)],
        "special_tokens": {text: {"id": text, "ids": [number], "tokens": [text]} for text, number in (cls, sep)},
    }


def _special(text: str, type_id: int) -> dict[str, Any]:
    return {"SpecialToken": {"id": text, "type_id": type_id}}


def _sequence(name: str, type_id: int) -> dict[str, Any]:
    return {"Sequence": {"id": name, "type_id": type_id}}


class Difference(NamedTuple):
    """A setting by its place, and what was expected and found there."""

    place: str
    problem: str

    def __str__(self) -> str:
        """One line."""
        return f"{self.place}: {self.problem}"


def differing(expected: Any, found: Any, at: str = "") -> Iterator[Difference]:
    """Each setting that differs; of many entries of one table the first, and how many."""
    if expected == found:
        return
    if not (isinstance(expected, Mapping) and isinstance(found, Mapping) and expected.get("type") == found.get("type")):
        yield Difference(at or "content", f"expected {_shown(expected)}, found {_shown(found)}")
        return
    keys = [key for key in {**expected, **found} if expected.get(key, _ABSENT) != found.get(key, _ABSENT)]
    for key in keys if len(keys) <= _MANY else keys[:1]:
        yield from differing(expected.get(key, _ABSENT), found.get(key, _ABSENT), f"{at}.{key}" if at else key)
    if len(keys) > _MANY:
        yield Difference(at or "content", f"{len(keys):,} entries differ")


def _shown(value: Any) -> str:
    if value is _ABSENT:
        return "none"
    text = str(value["type"]) if isinstance(value, Mapping) and "type" in value else json.dumps(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


_ABSENT = object()
_MANY = 8
"""Differences of one table that are shown one by one."""
