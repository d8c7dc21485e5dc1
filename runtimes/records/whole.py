"""Files that hold what a command found: written whole, or not at all."""

import json
import os
from pathlib import Path
from typing import Any

from runtimes.errors import UsageError
from runtimes.files.atomic_write import write_whole


def check_record(path: Path | None) -> None:
    """Refuse, before any work, a place where no file can be written."""
    if path is None:
        return
    parent = path.absolute().parent
    if path.is_dir() or not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise UsageError(f"{path}: cannot be written; name a file in a folder that exists")


def write_record(path: Path, record: Any) -> None:
    """Write JSON; on one line, for it may hold the answers to every row. Raises as `write_whole`."""
    write_whole(path, json.dumps(record, ensure_ascii=False, allow_nan=False).encode() + b"\n")
