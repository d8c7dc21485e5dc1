"""The parts of a tokenizer.json that decide how text is cut, and where two of them differ."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tokenizers import Tokenizer

_PARTS = ("normalizer", "pre_tokenizer", "model", "post_processor", "decoder", "truncation", "padding")
_SHOWN = 60
"""Characters of a value in a message."""


def parts_of(tokenizer: Tokenizer) -> dict[str, Any]:
    """The settings by part, written in one way; added tokens by their text."""
    return canonical(json.loads(tokenizer.to_str()))


def canonical(document: Mapping[str, Any]) -> dict[str, Any]:
    """A tokenizer.json as `tokenizers` writes it, so that what cuts alike is alike.

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


def differing(expected: Any, found: Any, at: str = "") -> Iterator[str]:
    """One line for each setting that differs: its place, what was expected and what was found."""
    if expected == found:
        return
    if isinstance(expected, Mapping) and isinstance(found, Mapping) and expected.get("type") == found.get("type"):
        keys = [key for key in {**expected, **found} if expected.get(key, _ABSENT) != found.get(key, _ABSENT)]
        if len(keys) > _MANY:
            yield f"{at} differs in {len(keys):,} entries: {next(_of_key(expected, found, keys[0], at))}"
            return
        for key in keys:
            yield from _of_key(expected, found, key, at)
    else:
        yield f"{at} expected {_told(expected)}, found {_told(found)}"


def _of_key(expected: Mapping[str, Any], found: Mapping[str, Any], key: str, at: str) -> Iterator[str]:
    place = f"{at}.{key}" if at else key
    yield from differing(expected.get(key, _ABSENT), found.get(key, _ABSENT), place)


def _told(value: Any) -> str:
    if value is _ABSENT:
        return "none"
    text = str(value["type"]) if isinstance(value, Mapping) and "type" in value else json.dumps(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


_ABSENT = object()
_MANY = 8
