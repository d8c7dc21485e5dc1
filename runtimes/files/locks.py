"""Locks of folders that exclude other processes and threads, on every system, and end with their process.

`filelock` locks what is open as the system does: flock(2), LockFileEx. Where folders can be opened that is the folder
itself: nothing is written, and a full disk, too, is cleared of what a killed process left. Windows opens none: there it
is a file in the folder, which goes with the lock, since Windows removes no file that another has opened meanwhile.
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

FILE = ".bertport-lock"
"""In a folder that is locked, on Windows."""
_POLL_S = 0.01
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[bool]:
    """Keep every other process and thread out of such a block for the same folder; yield False where that cannot be."""
    handle = lock(folder, wait=True)
    try:
        yield handle is not None
    finally:
        if handle is not None:
            unlock(handle, folder)


def lock(folder: Path, wait: bool) -> int | None:
    """Lock a folder; None if another has it, or where there is none, or it cannot be locked."""
    from filelock import lock_descriptor  # here: below 4 it brings asyncio along, and most commands lock nothing

    try:
        handle = os.open(folder / FILE, os.O_RDWR | os.O_CREAT) if sys.platform == "win32" else os.open(folder, _FOLDER)
    except OSError:
        return None
    held = False
    try:
        held = lock_descriptor(handle, blocking=wait, poll_interval=_POLL_S)
    except OSError:  # a system or a disk without locks
        return None
    finally:
        if not held:
            unlock(handle, folder)
    return handle if held else None


def unlock(handle: int, folder: Path) -> None:
    """Unlock what `lock` locked."""
    os.close(handle)
    if sys.platform == "win32":
        with contextlib.suppress(OSError):  # another has it open, or had and removed it
            (folder / FILE).unlink()
