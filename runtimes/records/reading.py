"""Reading records: bounded, validated, of a known kind and schema version.

A record is a JSON object with a `kind` and a `schema_version`; runtimes/records/types.py lists the kinds.
`python -m runtimes.records.reading` writes them as JSON Schema to runtimes/records/schemas/, for those who write
records in other languages.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from runtimes.errors import RecordError
from runtimes.files.bounded_read import read_bounded as read_plain
from runtimes.files.json_text import to_json
from runtimes.records.bench import BenchEntry
from runtimes.records.record import Record
from runtimes.records.types import KINDS

MAX_RECORD_BYTES = 64_000_000
SCHEMAS = Path(__file__).parent / "schemas"

_ALWAYS = ("kind", "schema_version")
R = TypeVar("R", bound=Record)


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
        head = _adapter(_Head).validate_json(content, strict=True)
    except ValidationError as error:
        if error.errors()[0]["type"] == "json_invalid":
            raise _unreadable(path, error) from None
        return None
    known = KINDS.get(head.kind)
    if known is None:
        return None
    version = head.format_version if head.schema_version is None else head.schema_version  # the app kits' word for it
    if version != known.schema_version:
        found = repr(version)[:40]
        raise RecordError(
            f"{path}: a {head.kind} record of schema version {found}, and this bertport reads {known.schema_version}; "
            "make it again with this bertport, or report it with the one that made it"
        )
    return parse_record(path, content, known)


def parse_record(path: Path, content: bytes, kind: type[R]) -> R:
    """Take `content` for a record of `kind`. Raises RecordError that names `path` and the first thing wrong."""
    try:
        record: R = _adapter(cast("Any", kind)).validate_json(content, strict=True)
    except ValidationError as error:
        raise _unreadable(path, error, kind) from None
    return record


def read_bounded(path: Path) -> bytes:
    """The bytes of a file. Raises RecordError where it cannot be read or is larger than a record can be."""
    try:
        return read_plain(path, MAX_RECORD_BYTES, RecordError)
    except OSError as error:
        raise RecordError(f"{path}: cannot be read: {error.strerror or error}") from error


def parse_entry(entry: Any) -> BenchEntry:
    """Take a line of a bench run's journal for a measurement. Raises ValueError where it is none."""
    found: BenchEntry = _adapter(BenchEntry).validate_json(json.dumps(entry), strict=True)
    return found


def valid_entry(entry: Any) -> bool:
    """Whether it is a measurement of a bench run."""
    try:
        parse_entry(entry)
    except ValueError:
        return False
    return True


def json_schema(kind: str) -> dict[str, Any]:
    """The schema of one kind, as JSON Schema; who writes a record of it now says both kind and version."""
    schema = _adapter(cast("Any", KINDS[kind])).json_schema()
    return schema | {"required": [*_ALWAYS, *schema["required"]]}


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _unreadable(path: Path, error: ValidationError, kind: type[Record] = Record) -> RecordError:
    """The first finding alone, without the input, which may be anything."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(map(str, first["loc"]))
    return RecordError(f"{path}: not {kind.noun}: {where + ': ' if where else ''}{first['msg']}; {kind.remedy}")


def _write_schemas() -> None:
    SCHEMAS.mkdir(exist_ok=True)
    for kind in KINDS:
        (SCHEMAS / f"{kind}.json").write_bytes(to_json(json_schema(kind)))


if __name__ == "__main__":
    _write_schemas()
