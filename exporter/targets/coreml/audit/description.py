"""Audit of a package's description: texts, metadata, versions and file list."""

import json
from pathlib import Path
from typing import Any

from exporter.targets.apple_metadata import VERSION
from exporter.targets.audit.tally import Tally
from exporter.targets.coreml.metadata import Card
from exporter.targets.coreml.package_files import MODEL, WEIGHTS, contents
from runtimes.errors import BundleError
from runtimes.files.bounded_read import read_bounded
from runtimes.mil.package import SPECIFICATION_VERSIONS, Package

_MOST_BYTES = 1_000_000


def audit_description(package: Package, card: Card, deployment_target: str, tally: Tally) -> None:
    """Note every text, fact and version of a package that is not what an export writes.

    Which bertport wrote it is not compared: another version's package may hold the same.
    """
    expected = next(number for number, system in SPECIFICATION_VERSIONS.items() if system == deployment_target)
    tally.expect("specification version", f"of {deployment_target}", expected, package.specification_version)
    metadata = package.metadata
    for what in ("description", "author"):
        tally.expect(f"metadata {what}", "text", getattr(card, what), getattr(metadata, what))
    tally.expect("metadata license", "text", card.licence, metadata.license)
    for key in sorted({*card.facts, *metadata.user_defined} - {VERSION}):
        tally.expect(f"metadata {key}", "text", card.facts.get(key), metadata.user_defined.get(key))
    for described in list(package.model.description.functions) or [package.model.description]:
        _features("input", described.input, card.inputs, tally)
        _features("output", described.output, card.outputs, tally)


def _features(kind: str, described: Any, texts: Any, tally: Tally) -> None:
    for feature in described:
        if feature.name in texts:  # names are held against the program's
            tally.expect(f"{kind} {feature.name}", "text", texts[feature.name], feature.shortDescription)
            tally.expect(f"{kind} {feature.name}", "kind", "multiArrayType", feature.type.WhichOneof("Type"))
            tally.expect(f"{kind} {feature.name}", "optional", False, feature.type.isOptional)


def audit_contents(directory: Path, tally: Tally) -> None:
    """Note a Manifest.json that does not list what an export writes, and files that it does not."""
    expected = {"Manifest.json", f"Data/{MODEL}", f"Data/{WEIGHTS}/weight.bin"}
    found = {path.relative_to(directory).as_posix() for path in directory.rglob("*") if not path.is_dir()}
    tally.expect("files", "names", sorted(expected), sorted(found))
    try:
        stated = json.loads(read_bounded(directory / "Manifest.json", _MOST_BYTES, BundleError))
    except (BundleError, ValueError, RecursionError) as error:
        tally.find("Manifest.json", f"cannot be read ({error})")
        return
    tally.expect("Manifest.json", "content", json.loads(contents()), stated)
