"""Files that hold what a command found: written whole, or not at all."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from exporter.errors import ExportError, UsageError


def check_record(path: Path | None) -> None:
    """Refuse, before any work, a place where no file can be written."""
    if path is None:
        return
    parent = path.absolute().parent
    if path.is_dir() or not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise UsageError(f"{path}: cannot be written; name a file in a folder that exists")


def write_record(path: Path, record: Any) -> None:
    """Write JSON beside its place, then move it there; on one line, for it may hold the answers to every row.

    Raises ExportError where the disk refuses.
    """
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.absolute().parent)
        beside = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(json.dumps(record, ensure_ascii=False, allow_nan=False).encode() + b"\n")
            beside.chmod(0o666 & ~_umask())
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise ExportError(f"{path}: could not be written ({error.strerror or error})") from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
