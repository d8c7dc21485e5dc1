"""The one place where a file is taken for a record: bounded, validated, and of a schema that is known.

A record is a JSON object with a `kind` and a `schema_version`; runtimes/records/types.py has the schemas.
`python -m runtimes.records.reading` writes them as JSON Schema to runtimes/records/schemas/, for those who write
records in other languages.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from runtimes.errors import RecordError
from runtimes.files.bounded_read import read_bounded as read_plain
from runtimes.files.json_text import to_json
from runtimes.records.types import KINDS, BenchEntry, Record

SCHEMA_VERSION = 1
MAX_RECORD_BYTES = 64_000_000
SCHEMAS = Path(__file__).parent / "schemas"


@dataclass(frozen=True)
class _Head:
    """What tells a record from any other JSON."""

    kind: str
    schema_version: Any = None
    format_version: Any = None


def read_record(path: Path) -> Record | None:
    """Read a record; None for JSON of another kind, which is nobody's mistake.

    Raises RecordError, in one line, for what cannot be read, is not JSON, or is a record of another schema.
    """
    content = read_bounded(path)
    try:
        head = _adapter("head").validate_json(content, strict=True)
    except ValidationError as error:
        if error.errors()[0]["type"] == "json_invalid":
            raise _unreadable(path, error) from None
        return None
    if head.kind not in KINDS:
        return None
    version = head.format_version if head.schema_version is None else head.schema_version  # the app kits' word for it
    if version != SCHEMA_VERSION:
        found = repr(version)[:40]
        raise RecordError(
            f"{path}: a {head.kind} record of schema version {found}, and this bertport reads {SCHEMA_VERSION}; "
            "make it again with this bertport, or report it with the one that made it"
        )
    record: Record = parse_record(path, content, head.kind)
    return record


def parse_record(path: Path, content: bytes, kind: str) -> Any:
    """Take `content` for a record of `kind`. Raises RecordError that names `path` and the first thing wrong."""
    try:
        return _adapter(kind).validate_json(content, strict=True)
    except ValidationError as error:
        raise _unreadable(path, error) from None


def read_bounded(path: Path) -> bytes:
    """The bytes of a file. Raises RecordError where it cannot be read or is larger than a record can be."""
    try:
        return read_plain(path, MAX_RECORD_BYTES, RecordError)
    except OSError as error:
        raise RecordError(f"{path}: cannot be read: {error.strerror or error}") from error


def valid_entry(entry: Any) -> bool:
    """Whether it is a measurement of a bench run."""
    try:
        _adapter("entry").validate_python(entry)
    except ValidationError:
        return False
    return True


def json_schema(kind: str) -> dict[str, Any]:
    """The schema of one kind, as JSON Schema."""
    return _adapter(kind).json_schema()


@cache
def _adapter(name: str) -> TypeAdapter[Any]:
    return TypeAdapter({**KINDS, "head": _Head, "entry": BenchEntry}[name])


def _unreadable(path: Path, error: ValidationError) -> RecordError:
    """The first finding alone, without the input, which may be anything."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(map(str, first["loc"]))
    return RecordError(f"{path}: not a record: {where + ': ' if where else ''}{first['msg']}; make it again")


def _write_schemas() -> None:
    SCHEMAS.mkdir(exist_ok=True)
    for kind in KINDS:
        (SCHEMAS / f"{kind}.json").write_bytes(to_json(json_schema(kind)))


if __name__ == "__main__":
    _write_schemas()
