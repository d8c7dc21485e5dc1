"""Writing records: atomically when finished, line by line while a run goes on."""

import json
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, Self

from runtimes.errors import UsageError
from runtimes.files.atomic_write import refusal, write_whole
from runtimes.files.bounded_read import MAX_WEIGHT_BYTES, read_bounded
from runtimes.files.json_text import to_json
from runtimes.records.record import OPTIONAL, Record

_log = logging.getLogger(__name__)

Entry = Mapping[str, Any]


def require_writable(path: Path | None) -> None:
    """Refuse, before any work, a place where no file can be written."""
    if path is None:
        return
    parent = path.absolute().parent
    if path.is_dir() or not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise UsageError(f"{path}: cannot be written; name a file in a folder that exists")


def write_record(path: Path, record: Record) -> None:
    """Write a record. Raises as `write_whole`."""
    write_whole(path, encoded(record))


def encoded(record: Record) -> bytes:
    """The content of a record's file, laid out as its kind is."""
    return _line(plain(record)) if record.bulky else to_json(plain(record))


def printed(value: Any) -> str:
    """The JSON of a record, or of a list of parts, for a terminal: without characters that it may lack."""
    return json.dumps(plain(value), indent=2, allow_nan=False)


def plain(value: Any) -> Any:
    """What JSON has of a value: a dataclass becomes an object in the order of its fields, a tuple a list."""
    if is_dataclass(value):
        held = ((one, getattr(value, one.name)) for one in fields(value))
        return {one.name: plain(found) for one, found in held if found is not None or not one.metadata.get(OPTIONAL)}
    if isinstance(value, Mapping):
        return {key: plain(found) for key, found in value.items()}
    if isinstance(value, list | tuple):
        return [plain(found) for found in value]
    return value


class Journal:
    """A file with a header and, one a line, the entries so far; each is on the disk when `append` returns."""

    def __init__(self, path: Path, entries: list[Entry]) -> None:
        self.path, self.entries = path, entries

    @classmethod
    def open(cls, path: Path, header: Entry, valid: Callable[[Entry], bool]) -> Self:
        """Go on with the journal at `path` if its header is this one and its entries are valid; else start over.

        Which of them, is said. A line that a killed process left torn is dropped. Raises as `write_whole`.
        """
        lines = _whole_lines(path)
        reason = _unusable(lines, header, valid) if lines else ""
        if reason:
            _log.info(f"{path}: starting over: {reason}")
        elif lines:
            _log.info(f"{path}: going on after {len(lines) - 1} measurements of a run that did not end")
        kept = lines if lines and not reason else [_line(header)]
        write_whole(path, b"".join(kept))
        return cls(path, [json.loads(line) for line in kept[1:]])

    def append(self, entry: Entry) -> None:
        """Add an entry. Raises as `write_whole`."""
        try:
            with self.path.open("ab") as file:
                file.write(_line(entry))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise refusal(self.path, error) from error
        self.entries.append(entry)

    def remove(self) -> None:
        """Remove the file, once what it held is kept elsewhere."""
        self.path.unlink(missing_ok=True)


def _whole_lines(path: Path) -> list[bytes]:
    try:
        lines = read_bounded(path, MAX_WEIGHT_BYTES, UsageError).splitlines(keepends=True)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise refusal(path, error) from error
    return [line for line in lines if line.endswith(b"\n")]


def _unusable(lines: list[bytes], header: Entry, valid: Callable[[Entry], bool]) -> str:
    """Why the lines cannot be gone on with; nothing if they can."""
    try:
        found, *entries = [json.loads(line) for line in lines]
    except (ValueError, RecursionError):
        return "it holds a line that is not JSON"
    if not isinstance(found, dict):
        return "it has no header"
    wanted = json.loads(_line(header))
    changed = [key for key in wanted | found if found.get(key) != wanted.get(key)]
    if changed:
        return f"{', '.join(changed)} differ from this run's"
    return "" if all(valid(entry) for entry in entries) else "it holds an entry that is no measurement"


def _line(entry: Entry) -> bytes:
    return json.dumps(entry, ensure_ascii=False, allow_nan=False).encode() + b"\n"
