"""Reading metadata.json of a Core AI asset: bounded, and every entry of the kind that it should be."""

import json
from pathlib import Path
from typing import Any

from runtimes.aimodel.model import Metadata
from runtimes.errors import BundleError, excerpt
from runtimes.files.bounded_read import read_bounded

ASSET_VERSION = "2.0"
"""Of what coreai-core 1.0.0b3 writes."""
_MOST_BYTES = 1_000_000
_TEXTS = ("description", "author", "license", "creationDate", "producer")
_OWN = "creatorDefinedMetadata"


def read_metadata(path: Path) -> Metadata:
    """Read the file at `path`. Raises BundleError for what is no metadata, and for an asset of another version."""
    found = _parsed(path)
    version = found.pop("assetVersion", None)
    if version != ASSET_VERSION:
        raise BundleError(
            f"{path}: an asset of version {excerpt(version)}, bertport reads {ASSET_VERSION}; update bertport"
        )
    own = found.pop(_OWN, {})
    wrong = [name for name, value in found.items() if name not in _TEXTS or not isinstance(value, str)]
    if wrong or not isinstance(own, dict):
        raise _refused(path, f"{excerpt(wrong[0] if wrong else _OWN)} is none of its entries, or of another kind")
    description, author, licence, created, producer = (found.get(name, "") for name in _TEXTS)
    return Metadata(description, author, licence, created, producer, own)


def _parsed(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(read_bounded(path, _MOST_BYTES, BundleError))
    except (ValueError, RecursionError) as error:
        raise _refused(path, f"not JSON ({type(error).__name__})") from error
    if not isinstance(found, dict):
        raise _refused(path, "not a JSON object")
    return found


def _refused(path: Path, reason: str) -> BundleError:
    return BundleError(f"{path}: {reason}; the asset is damaged, export it again")
