"""Dataclasses as JSON with camelCase keys, which Swift, Kotlin and JavaScript read as they are."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any


def camel(name: str) -> str:
    """`clean_text` as Swift, JavaScript and Kotlin spell it: cleanText."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def camel_json(value: Any) -> Any:
    """`value` with an object for each dataclass; a field that is None is left out."""
    if is_dataclass(value):
        own = {camel(field.name): getattr(value, field.name) for field in fields(value)}
        return {name: camel_json(one) for name, one in own.items() if one is not None}
    if isinstance(value, Mapping):
        return {name: camel_json(one) for name, one in value.items()}
    return [camel_json(one) for one in value] if isinstance(value, list | tuple) else value
