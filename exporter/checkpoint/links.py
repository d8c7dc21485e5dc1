"""Reject symbolic links that lead out of a checkpoint's folder and of the hub's cache."""

import os
from pathlib import Path, PureWindowsPath

from runtimes.errors import CheckpointError, some

_MOST_ENTRIES = 100_000


def refuse_links(directory: Path) -> None:
    """Raise CheckpointError where an entry of the folder, however deep, is a link that leads out.

    A vocabulary that is a link to somebody's keys would be read, and shipped. Folders with a dot before their names are
    an editor's or git's, not looked into: nothing that a checkpoint names may lie there (see `is_below`).
    """
    home = _home(directory)
    leading_out = sorted(str(path.relative_to(directory)) for path in _links(directory) if not _stays(path, home))
    if leading_out:
        raise CheckpointError(
            f"{directory}: links that lead out of the folder are not followed: {some(leading_out)}; put the files "
            "themselves there"
        )


def is_below(name: str) -> bool:
    """Whether a path that a checkpoint's file names stays in its folder, and out of those that `refuse_links` skips."""
    path = PureWindowsPath(name)  # which knows both kinds of slashes, and drives
    return not path.anchor and "\0" not in name and not any(part.startswith(".") for part in path.parts)


def _home(directory: Path) -> list[Path]:
    """The folder; with the cache's own, for a snapshot in it: models--OWNER--NAME/snapshots/REVISION → blobs."""
    found = directory.resolve()
    cached = found.parent.name == "snapshots" and found.parent.parent.name.startswith("models--")
    return [found, found.parent.parent / "blobs"] if cached else [found]


def _links(directory: Path) -> list[Path]:
    found, seen = list[Path](), 0
    for folder, below, files in os.walk(directory):  # which goes into no link
        seen += len(below) + len(files)
        if seen > _MOST_ENTRIES:
            raise CheckpointError(
                f"{directory}: more than {_MOST_ENTRIES:,} files below it; pass a folder of the checkpoint alone"
            )
        found += [path for name in (*below, *files) if (path := Path(folder) / name).is_symlink()]
        below[:] = [name for name in below if not name.startswith(".")]
    return found


def _stays(path: Path, home: list[Path]) -> bool:
    try:
        target = path.resolve()
    except (OSError, RuntimeError):  # a link in a circle
        return False
    return any(target.is_relative_to(one) for one in home)
