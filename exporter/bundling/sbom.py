"""The software bill of materials of a bundle: CycloneDX 1.6, what it was made from and by what.

No time and no chance in it: the serial number is derived from what it says. `bertport verify --strict` compares it.
"""

import hashlib
import json
import uuid
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from runtimes.bundle.manifest import SBOM, Manifest
from runtimes.files.json_text import to_json

_TOOL = "bertport"


def write_bill(directory: Path, manifest: Manifest, hashes: Mapping[str, str]) -> dict[str, str]:
    """Write the bill of a bundle whose files so far have these SHA-256; return them with its own, as `hash_files`."""
    bill = bill_of_materials(manifest, hashes)
    (directory / SBOM).write_bytes(bill)
    every = {**hashes, SBOM: hashlib.sha256(bill).hexdigest()}
    return {name: every[name] for name in sorted(every, key=PurePosixPath)}


def bill_of_materials(manifest: Manifest, hashes: Mapping[str, str]) -> bytes:
    """CycloneDX JSON: the bundle with its files, the checkpoint with its files, and the libraries that wrote it."""
    name = f"{manifest.source_model} {manifest.recipe.name}"
    content: dict[str, Any] = {
        "metadata": {
            "tools": {"components": [_library(_TOOL, manifest.versions[_TOOL]) | {"type": "application"}]},
            "component": _model("bundle", name, hashes),
        },
        "components": [
            _model("checkpoint", manifest.source_model, manifest.source_sha256, manifest.source_revision),
            *(_library(name, version) for name, version in sorted(manifest.versions.items()) if name != _TOOL),
        ],
        "dependencies": [{"ref": "bundle", "dependsOn": ["checkpoint"]}, {"ref": "checkpoint"}],
    }
    serial = uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(content, sort_keys=True))
    head = {"bomFormat": "CycloneDX", "specVersion": "1.6", "serialNumber": f"urn:uuid:{serial}", "version": 1}
    return to_json(head | content)


def _model(reference: str, name: str, hashes: Mapping[str, str], revision: str | None = None) -> dict[str, Any]:
    version = {} if revision is None else {"version": revision}
    files = [_file(reference, path, digest) for path, digest in sorted(hashes.items())]
    return {"type": "machine-learning-model", "bom-ref": reference, "name": name, **version, "components": files}


def _file(owner: str, path: str, digest: str) -> dict[str, Any]:
    hashes = [{"alg": "SHA-256", "content": digest}]
    return {"type": "file", "bom-ref": f"{owner}/{path}", "name": path, "hashes": hashes}


def _library(name: str, version: str) -> dict[str, Any]:
    """A library that wrote the bundle; no part of it ships, hence excluded."""
    found = {"type": "library", "bom-ref": f"pypi/{name}", "name": name, "version": version, "scope": "excluded"}
    return found | {"purl": f"pkg:pypi/{name}@{version}"}
