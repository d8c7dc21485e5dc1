"""Integrity of a bundle: the manifest's seal, and which names and entries a folder may hold.

A seal is no signature: who changes a bundle on purpose can seal it again. What such a bundle says of itself is held
against the checkpoint by `bertport verify`.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

SEAL = "seal"
_DEVICES = {"CON", "PRN", "AUX", "NUL", *(f"{port}{number}" for port in ("COM", "LPT") for number in range(1, 10))}
"""What Windows takes for a device, whatever the folder and the suffix."""


def seal_of(content: bytes) -> str:
    """The hash of a manifest's bytes without its seal."""
    return hashlib.sha256(content).hexdigest()


def is_plain_path(name: str) -> bool:
    """Whether `name` stays below the folder that it is looked for in: relative, with forward slashes, without `..`.

    On every system: a colon is a drive or a stream on Windows, and a device such as NUL is there in every folder.
    """
    path = PurePosixPath(name)
    odd = not name or any(character in "\\:" or not character.isprintable() for character in name)
    odd = odd or any(part.split(".")[0].rstrip().upper() in _DEVICES for part in path.parts)
    return not odd and not path.is_absolute() and ".." not in path.parts and path.as_posix() == name


def strange_entries(directory: Path) -> list[str]:
    """Whatever is neither a folder nor a plain file: links lead elsewhere, pipes and devices have no end."""
    return sorted(path.relative_to(directory).as_posix() for path in _entries(directory) if not _is_plain(path))


def _entries(directory: Path) -> Iterator[Path]:
    for folder, below, files in os.walk(directory):  # which follows no link
        yield from (Path(folder) / name for name in (*below, *files))


def _is_plain(path: Path) -> bool:
    return not path.is_symlink() and (path.is_file() or path.is_dir())


def is_file(path: Path) -> bool:
    """Whether a plain file is there. A name that is too long for the disk is none: `Path.is_file` raises for it."""
    return os.path.isfile(path)  # noqa: PTH113


def is_folder(path: Path) -> bool:
    """Whether a folder is there; as `is_file`."""
    return os.path.isdir(path)  # noqa: PTH112


def differences(stated: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """The keys of `stated` whose value in `found` is another."""
    return sorted(key for key, value in stated.items() if found.get(key) != value)
