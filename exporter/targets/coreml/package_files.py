"""The files of a package folder, and the list of them that it holds."""

import hashlib
import json
import uuid
from pathlib import Path

_ROOT = "com.apple.CoreML"
MODEL, WEIGHTS = f"{_ROOT}/model.mlmodel", f"{_ROOT}/weights"
"""Paths below `Data`."""


def contents() -> bytes:
    """The list of a package's two items under identifiers that follow from their paths."""
    items = {
        _identifier(path): {"author": _ROOT, "description": text, "name": Path(path).name, "path": path}
        for path, text in ((MODEL, "CoreML Model Specification"), (WEIGHTS, "CoreML Model Weights"))
    }
    root = {"fileFormatVersion": "1.0.0", "itemInfoEntries": items, "rootModelIdentifier": _identifier(MODEL)}
    return (json.dumps(root, indent=4) + "\n").encode()


def _identifier(path: str) -> str:
    """A UUID as the format asks for, always the same."""
    return str(uuid.UUID(bytes=hashlib.sha256(path.encode()).digest()[:16], version=4)).upper()
