"""Writing files and folders atomically: hidden beside their place, synced, then moved in one step.

Files are read here too, never more of one than its kind can have: a file may be of holes, which cost nothing until
somebody reads them.

A hidden folder is locked while its process lives, and the system unlocks what a killed one held: whoever writes to the
same place next removes those that nobody holds. On a disk without locks nothing of that kind is removed.
"""

import contextlib
import errno
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from runtimes.errors import BertportError, ExportError, UsageError
from runtimes.files.locks import lock, locked, unlock

MANIFEST = "bertport.json"
"""The file that makes a folder a bundle."""
OLD = "old"
"""What a hidden folder holds while two moves take the place of one."""

_PLACE = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.EACCES, errno.EPERM, errno.EROFS)
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


def refuse_inside_bundle(path: Path) -> None:
    """Raise UsageError where `path` lies in a bundle, which holds what its manifest lists and nothing else."""
    try:
        place = path.parent.resolve() / path.name  # what is written takes the place of a link
        inside = next((folder for folder in place.parents if (folder / MANIFEST).is_file()), None)
    except (OSError, RuntimeError):  # no place where anything can be written: the one who tries says why
        return
    if inside:
        raise UsageError(f"{path}: lies in the bundle {inside}, which would be changed; name a place outside of it")


def write_whole(path: Path, content: bytes) -> None:
    """Write a file, and what folders it needs. Raises UsageError for its place, ExportError for a disk that refuses.

    A device or a pipe is written to: a file in the place of /dev/null would be there for everyone.
    """
    refuse_inside_bundle(path)
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            with path.open("wb") as device:
                device.write(content)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with sibling(path) as hidden:
            new = hidden / "new"
            with new.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            new.replace(path)
            sync(path.absolute().parent)
    except OSError as error:
        raise refusal(path, error) from error


def refusal(path: Path, error: OSError) -> BertportError:
    """The error that says why a file cannot be written."""
    if error.errno in _PLACE:
        return UsageError(f"{path}: cannot be written ({error.strerror or error}); name another place with -o")
    return ExportError(f"{path}: could not be written ({error.strerror or error})")


@contextlib.contextmanager
def sibling(place: Path) -> Iterator[Path]:
    """Yield an empty folder beside `place`, on its disk, that goes with the block; those of dead processes go first."""
    place = place.absolute()
    with locked(place.parent) as alone:
        if alone:
            _clear(place)
        hidden = Path(tempfile.mkdtemp(prefix=_prefix(place), dir=place.parent))
        held = lock(hidden, wait=True)
    try:
        yield hidden
    finally:
        if held is not None:
            unlock(held, hidden)  # first: Windows removes nothing that is open
        _discard(hidden, place)


def move_in(content: Path, place: Path, hidden: Path) -> None:
    """Put a folder in the place of another, or where there was none; what was there ends in `hidden`.

    One step where the system swaps folders; else two, and what a killed process left half done, the next one undoes.
    """
    if not place.exists():
        content.rename(place)
    elif not exchange(content, place):
        _move_in_two_steps(content, place, hidden / OLD)
    sync(place.parent)


def exchange(one: Path, other: Path) -> bool:
    """Swap two folders in one step: renameat2(2) of Linux. False where that is not to be had."""
    import ctypes

    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError, TypeError):
        return False
    return not renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE)


def sync(path: Path) -> None:
    """Have a file or the names in a folder on the disk, so that a power cut does not undo a move."""
    if sys.platform == "win32" and path.is_dir():
        return
    handle = os.open(path, os.O_RDWR if sys.platform == "win32" else os.O_RDONLY)  # Windows syncs what it may write
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _move_in_two_steps(content: Path, place: Path, old: Path) -> None:
    place.rename(old)
    try:
        content.rename(place)
    except BaseException:
        old.rename(place)
        raise


def _prefix(place: Path) -> str:
    return f".{place.name}.bertport-"


def _clear(place: Path) -> None:
    """Discard what dead processes left beside a place."""
    for path in sorted(path for path in place.parent.iterdir() if path.name.startswith(_prefix(place))):
        held = None if path.is_symlink() else lock(path, wait=False)
        if held is not None:
            unlock(held, path)
            _discard(path, place)


def _discard(hidden: Path, place: Path) -> None:
    """Remove a hidden folder, after putting back what was moved away to it and has no successor."""
    if (hidden / OLD).exists() and not place.exists():
        (hidden / OLD).rename(place)
    shutil.rmtree(hidden, ignore_errors=True)
