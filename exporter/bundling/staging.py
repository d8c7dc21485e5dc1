"""Writing a bundle atomically: a hidden folder that takes the place of its destination, or leaves no trace."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from runtimes.bundle.manifest import MANIFEST, Manifest
from runtimes.bundle.reading import sealed
from runtimes.errors import ExportError, UsageError, in_unicode
from runtimes.files.atomic_write import move_in, refuse_inside_bundle, sibling, sync
from runtimes.files.json_text import to_json
from runtimes.files.locks import locked

_Version = tuple[int, int] | None


@dataclass(frozen=True)
class Staging:
    """`directory` takes the destination's place when it is published, or vanishes; `found` is what was there before."""

    directory: Path
    destination: Path
    found: _Version

    def publish(self) -> None:
        """Move the finished folder to its destination; the bundle that was there goes only now.

        Raises ExportError if the destination is no longer what it was when the block began.
        """
        for path in (*self.directory.rglob("*"), self.directory):
            sync(path)
        with locked(self.destination.absolute().parent):
            if _version(self.destination) != self.found:
                raise ExportError(
                    f"{self.destination}: another process wrote there meanwhile; what it wrote is kept, and this "
                    "export is dropped: run it again to replace that"
                )
            move_in(self.directory, self.destination.absolute(), self.directory.parent)


@contextlib.contextmanager
def staged(destination: Path) -> Iterator[Staging]:
    """Yield a folder beside `destination`, on the same disk.

    Whatever ends the block, Ctrl-C, a full disk and a SIGKILL included, the destination holds what it held before or
    all of the new; what a killed process leaves is hidden, and goes with the next export to the same place.
    """
    check_destination(destination)
    parent = destination.absolute().parent
    missing = [path for path in (parent, *parent.parents) if not path.exists()]
    try:
        parent.mkdir(parents=True, exist_ok=True)
        with sibling(destination) as hidden:
            directory = hidden / "bundle"  # made with the user's umask, which the hidden folder ignores
            directory.mkdir()
            yield Staging(directory, destination, _version(destination))
    except OSError as error:
        reason = error.strerror or error
        raise ExportError(f"{destination}: could not be written ({reason}); nothing was left there") from error
    finally:
        for path in missing:  # innermost first; one that holds a bundle by now stays
            with contextlib.suppress(OSError):
                path.rmdir()


def _version(place: Path) -> _Version:
    """What tells a folder from the one that takes its place, or from itself after a change; None: there is none."""
    try:
        found = place.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_ctime_ns


def check_destination(destination: Path) -> None:
    """Refuse a destination that a bundle cannot replace: a file, or a folder that is no bundle and not empty."""
    if (shown := in_unicode(str(destination))) != str(destination):
        raise UsageError(f"{shown}: expected a name in UTF-8, which all libraries can open; pass another with -o")
    try:
        _check_destination(destination)
    except OSError as error:  # a name that is too long for the disk
        reason = error.strerror or error
        raise UsageError(f"{destination}: cannot be written ({reason}); pass another folder with -o") from error


def _check_destination(destination: Path) -> None:
    if destination.is_symlink() or (destination.exists() and not destination.is_dir()):
        raise UsageError(f"{destination}: expected a folder to write, found a file or a link; pass another with -o")
    if destination.is_dir() and any(destination.iterdir()) and not (destination / MANIFEST).is_file():
        raise UsageError(f"{destination}: not empty and not a bundle; empty it or pass another folder with -o")
    refuse_inside_bundle(destination)
    parent = next(path for path in destination.absolute().parents if path.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise UsageError(f"{destination}: cannot be written in {parent}; pass another folder with -o")


def write_manifest(directory: Path, manifest: Manifest) -> None:
    """Write bertport.json, the last file of a bundle."""
    (directory / MANIFEST).write_bytes(to_json(sealed(asdict(manifest))))
