"""Checking and reading a Core AI asset before Apple's runtime opens it, which a damaged one brings down.

    Model.aimodel/main.mlirb      the program, MLIR bytecode
    Model.aimodel/main.hash       SHA-256 of that file, 32 bytes; Apple's runtime does not look
    Model.aimodel/metadata.json   what is said of the model

Nothing outside the folder is read, and nothing else may be in it. Whatever is not as it should be is one line.
"""

import hashlib
import os
from pathlib import Path

import numpy as np

from runtimes.aimodel.bytecode import read_bytecode
from runtimes.aimodel.metadata import read_metadata
from runtimes.aimodel.model import Asset
from runtimes.aimodel.names import FILES, HASH, METADATA, PROGRAM
from runtimes.aimodel.program import read_program
from runtimes.errors import BundleError, some
from runtimes.files.bounded_read import MAX_WEIGHT_BYTES, read_bounded

_HASH_BYTES = 32


def read_asset(path: Path) -> Asset:
    """Read the asset at `path`, a folder. Raises BundleError where it is not what it should be, or cannot be read."""
    try:
        return _read_asset(path)
    except OSError as error:
        raise BundleError(f"{path}: cannot be read ({error.strerror or error}); give the path of an asset") from error


def _read_asset(path: Path) -> Asset:
    _check_files(path)
    view = _mapped(path / PROGRAM)
    if hashlib.sha256(view).digest() != _read(path / HASH, _HASH_BYTES):
        raise BundleError(f"{path}: {HASH} is not the SHA-256 of {PROGRAM}: one of them is damaged; export it again")
    metadata = read_metadata(path / METADATA)
    return read_program(path, read_bytecode(path / PROGRAM, view), metadata)


def _check_files(path: Path) -> None:
    """Three plain files and nothing else: links lead elsewhere, and a runtime may look for more than these."""
    if not path.is_dir():
        raise BundleError(f"{path}: expected a folder with {', '.join(sorted(FILES))}; give the path of an asset")
    entries = {one.name: one for one in os.scandir(path)}
    if missing := sorted(FILES - entries.keys()):
        raise BundleError(f"{path}: {', '.join(missing)} is missing; copy the whole folder, or export it again")
    if others := sorted(entries.keys() - FILES):
        raise BundleError(f"{path}: holds {some([*map(repr, others)])} besides; take away what is not of the asset")
    if strange := sorted(name for name, one in entries.items() if not one.is_file(follow_symlinks=False)):
        raise BundleError(f"{path}: {', '.join(strange)} is a link or no plain file; put the file itself there")


def _mapped(path: Path) -> memoryview:
    """The bytes of a file, which stay on disk."""
    size_bytes = path.stat().st_size
    if not 0 < size_bytes <= MAX_WEIGHT_BYTES:
        raise BundleError(f"{path}: {size_bytes:,} bytes, and a program has 1 to {MAX_WEIGHT_BYTES:,}; export it again")
    return np.memmap(path, dtype=np.uint8, mode="r").data


def _read(path: Path, most_bytes: int) -> bytes:
    return read_bounded(path, most_bytes, BundleError)
