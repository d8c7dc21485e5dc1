"""A folder of entries by their keys, in the user's cache: written atomically, bounded in size, and never trusted.

An entry holds its own key and a hash over all of it. One that is damaged, a link, another's, or too large counts as not
there, and so does a folder that others may write to; what cannot be written is left unwritten. Nothing here fails.
"""

import hashlib
import os
import shutil
import stat
import time
from contextlib import suppress
from pathlib import Path

from runtimes.errors import BertportError
from runtimes.files.atomic_write import write_whole

PLACE = "BERTPORT_CACHE"
"""The environment variable that names another folder; empty: nothing is kept."""
MAX_ENTRY_BYTES = 64_000_000
MAX_BYTES = 512_000_000
"""Of all entries together: the oldest go first."""

_MAGIC = b"bertport entry 1\n"
_DIGEST = hashlib.sha256().digest_size
_HEADER = len(_MAGIC) + 2 * _DIGEST
_SUFFIX = ".entry"
_STALE_S = 86_400.0
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def home() -> Path | None:
    """The folder of entries: $BERTPORT_CACHE, or in the user's cache; None where nothing is to be kept."""
    if (named := os.environ.get(PLACE)) is not None:
        return Path(named) if named.strip() else None
    from platformdirs import user_cache_path  # here: whoever names a folder needs none of it

    return user_cache_path("bertport", appauthor=False) / "answers"


def has_any(group: str) -> bool:
    """Whether entries of a group are there, whatever they hold."""
    folder = home()
    with suppress(OSError):
        return folder is not None and any(path.name.startswith(f"{group}-") for path in folder.iterdir())
    return False


def read(group: str, key: str) -> bytes | None:
    """The content of an entry; None where there is none that is whole and of this key."""
    folder = home()
    if folder is None or not _is_ours(folder):
        return None
    with suppress(OSError):
        found = _read_file(folder / _name(group, key))
        start, held, digest = found[: len(_MAGIC)], found[len(_MAGIC) :][:_DIGEST], found[_HEADER - _DIGEST : _HEADER]
        content = found[_HEADER:]
        if start == _MAGIC and held.hex() == key and hashlib.sha256(held + content).digest() == digest:
            return content
    return None


def write(group: str, key: str, content: bytes) -> None:
    """Keep an entry, and let the oldest go where they are too many; nothing where it is too large or cannot be kept."""
    folder, held = home(), bytes.fromhex(key)
    if folder is None or len(content) + _HEADER > MAX_ENTRY_BYTES:
        return
    with suppress(OSError, BertportError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _is_ours(folder):
            write_whole(folder / _name(group, key), _MAGIC + held + hashlib.sha256(held + content).digest() + content)
            _evict(folder)


def _name(group: str, key: str) -> str:
    return f"{group}-{key[:32]}{_SUFFIX}"


def _is_ours(folder: Path) -> bool:
    """Whether nobody but this user may write to a folder; where there are no users, or modes, all are one's own."""
    with suppress(OSError):
        found = folder.stat()
        if not stat.S_ISDIR(found.st_mode):
            return False
        geteuid = getattr(os, "geteuid", None)
        return geteuid is None or (found.st_uid == geteuid() and not found.st_mode & _OTHERS_WRITE)
    return False


def _read_file(path: Path) -> bytes:
    """A plain file, and no link to one. Raises OSError for all else, and for one that is too large."""
    handle = os.open(path, _FLAGS)
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or found.st_size > MAX_ENTRY_BYTES:
            raise OSError(f"{path}: no entry")
        return file.read(MAX_ENTRY_BYTES)


def _evict(folder: Path) -> None:
    """Remove the oldest entries beyond MAX_BYTES, and what killed processes left a day ago."""
    entries = []
    for path in folder.iterdir():
        with suppress(OSError):  # another process evicts too
            found = path.lstat()
            if path.name.endswith(_SUFFIX) and stat.S_ISREG(found.st_mode):
                entries.append((found.st_mtime, found.st_size, path))
            elif path.name.startswith(".") and found.st_mtime < time.time() - _STALE_S:
                shutil.rmtree(path, ignore_errors=True)
    total = 0
    for _, size, path in sorted(entries, key=lambda one: one[:2], reverse=True):
        total += size
        if total > MAX_BYTES:
            path.unlink(missing_ok=True)
