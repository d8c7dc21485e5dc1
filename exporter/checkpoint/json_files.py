"""Read JSON files with a size limit; malformed or unsafe content becomes an error of one line."""

import json
from pathlib import Path
from typing import Any

from runtimes.errors import BundleError, CheckpointError, UnsupportedError, in_one_line
from runtimes.files.bounded_read import read_bounded

MAX_CONFIG_BYTES = 4_000_000
"""Of config.json and what is like it: 20,000 labels with long names are half of that."""
MAX_TOKENIZER_BYTES = 64_000_000
"""Of tokenizer.json and vocab.txt: those of 250,000 entries have 17 MB."""


def read_object(
    path: Path, missing: str, most_bytes: int = MAX_CONFIG_BYTES, constants: bool = False
) -> dict[str, Any]:
    """The object in a JSON file; see `parse_json`.

    Raises CheckpointError, in the words of `missing` where there is no file.
    """
    content = read_json(path, missing, most_bytes, constants)
    if not isinstance(content, dict):
        raise CheckpointError(f"{path}: expected an object, found {type(content).__name__}; save it again")
    return content


def read_json(path: Path, missing: str, most_bytes: int = MAX_CONFIG_BYTES, constants: bool = False) -> Any:
    """Whatever a JSON file holds; see `parse_json`. Raises CheckpointError."""
    try:
        return parse_json(path, read_bounded(path, most_bytes, CheckpointError), constants)
    except FileNotFoundError as error:
        raise CheckpointError(missing) from error
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror or error}); fetch it again") from error


def read_bundled(path: Path) -> dict[str, Any]:
    """The object in a JSON file of a bundle. Raises BundleError."""
    try:
        content = json.loads(read_bounded(path, MAX_TOKENIZER_BYTES, BundleError))
    except (OSError, ValueError, RecursionError) as error:
        raise BundleError(f"{path}: cannot be read ({in_one_line(error, 200)}); export again") from error
    if not isinstance(content, dict):
        raise BundleError(f"{path}: expected an object; export again")
    return content


def parse_json(path: Path, content: bytes, constants: bool = False) -> Any:
    """Parse a file's bytes; text must be Unicode, for it is written again. Raises CheckpointError that names `path`.

    With `constants` NaN and Infinity are read, which Python writes and JSON does not know.
    """
    try:
        found = json.loads(content, parse_constant=float if constants else _refuse_constant)
        json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else in_one_line(error, 200)
        raise CheckpointError(f"{path}: not JSON: {reason}; save it again") from error
    return found


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is none of its numbers")


def is_utf8(content: bytes) -> bool:
    """Whether JSON is in UTF-8 without a byte order mark, as apps read it: Python reads UTF-16 and UTF-32 too."""
    return json.detect_encoding(content) == "utf-8"


def find_nested(content: Any, key: str) -> bool:
    """Whether an object in a document has something under `key`, however deep."""
    waiting = [content]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict) and one.get(key):
            return True
        if isinstance(one, dict | list):
            waiting += one.values() if isinstance(one, dict) else one
    return False


def refuse_code(path: Path, content: dict[str, Any]) -> None:
    """Raise UnsupportedError where a file asks for code of its own, or for weights that lie elsewhere."""
    for key, what in FORBIDDEN.items():
        if content.get(key):
            raise UnsupportedError(f"{path}: {key} {what}, which is never done; save the model without it")


FORBIDDEN = {
    "auto_map": "asks for code from the checkpoint to be run",
    "custom_pipelines": "asks for code from the checkpoint to be run",
    "trust_remote_code": "asks for code from the checkpoint to be run",
    "transformers_weights": "asks for weights from another file than the usual",
    "quantization_config": "asks for a library that takes the weights for something else",
}
"""Keys of config.json, tokenizer_config.json and adapter_config.json by which libraries would run or read more."""
