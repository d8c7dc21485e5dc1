"""Where the files of a checkpoint may lie: in its folder, or where the hub's cache keeps what its folders link to."""

import os
from pathlib import Path

from exporter.errors import CheckpointError


def refuse_links(directory: Path) -> None:
    """Raise CheckpointError where an entry of the folder, or of a folder in it, is a link that leads out.

    A vocabulary that is a link to somebody's keys would be read, and shipped.
    """
    home = _home(directory)
    leading_out = sorted(str(path.relative_to(directory)) for path in _links(directory) if not _stays(path, home))
    if leading_out:
        raise CheckpointError(
            f"{directory}: links that lead out of the folder are not followed: {', '.join(leading_out[:5])}; "
            "put the files themselves there"
        )


def _home(directory: Path) -> list[Path]:
    """The folder; with the cache's own, for a snapshot in it: models--OWNER--NAME/snapshots/REVISION → blobs."""
    found = directory.resolve()
    cached = found.parent.name == "snapshots" and found.parent.parent.name.startswith("models--")
    return [found, found.parent.parent / "blobs"] if cached else [found]


def _links(directory: Path) -> list[Path]:
    with os.scandir(directory) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    links = [Path(entry.path) for entry in found if entry.is_symlink()]
    below = [Path(entry.path) for entry in found if entry.is_dir(follow_symlinks=False)]
    return links + [path for folder in below for path in folder.iterdir() if path.is_symlink()]


def _stays(path: Path, home: list[Path]) -> bool:
    try:
        target = path.resolve()
    except (OSError, RuntimeError):  # a link in a circle
        return False
    return any(target.is_relative_to(one) for one in home)
