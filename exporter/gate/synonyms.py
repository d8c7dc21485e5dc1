"""Keys of bertport.toml by the names that the command line's options have."""

from collections.abc import Mapping
from typing import Any

from runtimes.errors import UsageError

SYNONYMS: Mapping[str, Mapping[str, str]] = {
    "export": {
        "target": "targets",
        "quantize": "schemes",
        "arch": "archs",
        "sequence_lengths": "sequence_length",
        "keep_pieces": "keep_tokens",
        "atol": "max_absolute",
    },
    "budget": {"atol": "max_absolute", "max_drop": "max_drop_points"},
    "data": {"data": "file"},
    "timing": {"lengths": "tokens"},
}
"""Table → what an option calls a key of it, or an older file does → the key."""


def renamed(table: Any, name: str, where: str) -> Any:
    """A table called `name` with its keys as ours; what is no table as it is. Raises UsageError for one given twice."""
    if not isinstance(table, dict):
        return table
    made: dict[str, Any] = {}
    for given, value in table.items():
        key = SYNONYMS[name].get(given, given)
        if key in made:
            raise UsageError(f"{where}.{given}: is there twice, for it is {key}; say it once")
        made[key] = value
    return made
