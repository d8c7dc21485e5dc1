"""Faults of what a package says of itself: its description, its version, its metadata, its list of files."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.faults.coreml_file import Spoilt, fault
from benchmarks.faults.frame import Fault

_FLOAT32, _FLOAT16, _INT32 = 65568, 65552, 131104


def description_faults(package: Spoilt) -> Iterator[Fault]:
    """Every change of every field."""
    description = package.model.description
    parts = list(description.functions) or [description]
    for part in range(len(parts)):
        for side in ("input", "output"):
            features = getattr(parts[part], side)
            for at in range(len(features)):
                yield from _feature_faults(part, side, at, features[at].name)
            for at in range(len(features) - 1):
                name = f"{features[at].name} and {features[at + 1].name} trade names"
                yield fault("description", name, partial(_trade, part, side, at))
    for key in sorted(description.metadata.userDefined):
        if key != "bertport_version":
            yield fault("metadata", f"{key} left out", partial(_forget, key))
            yield fault("metadata", f"{key} changed", partial(_remember, key, "pq"))
    labels = json.loads(description.metadata.userDefined.get("labels", "[]"))
    if len(labels) > 1:
        swapped = json.dumps([labels[1], labels[0], *labels[2:]], ensure_ascii=False)
        yield fault("metadata", "two labels swapped", partial(_remember, "labels", swapped))
    for version in {6, 7, 8, 9, 10} - {package.model.specificationVersion}:
        yield fault("version", f"specification version {version}", partial(_version, version))
    yield fault("description", "another default function", _default)
    yield fault("metadata", "shortDescription", _short)
    yield Fault("manifest", "the items of Manifest.json trade paths", _trade_items)
    yield Fault("manifest", "Manifest.json names no weights", _forget_weights)


def _feature_faults(part: int, side: str, at: int, name: str) -> Iterator[Fault]:
    changes: dict[str, Callable[[Any], None]] = {
        "renamed": lambda feature: setattr(feature, "name", "other"),
        "FLOAT16": lambda feature: setattr(feature.type.multiArrayType, "dataType", _FLOAT16),
        "FLOAT32" if side == "input" else "INT32": lambda feature: setattr(
            feature.type.multiArrayType, "dataType", _FLOAT32 if side == "input" else _INT32
        ),
        "another length": _longer,
        "one axis less": lambda feature: feature.type.multiArrayType.shape.pop(),
        "optional": lambda feature: setattr(feature.type, "isOptional", True),
        "another text": lambda feature: setattr(feature, "shortDescription", "scores"),
        "a flexible length": lambda feature: feature.type.multiArrayType.shapeRange.sizeRanges.add(
            lowerBound=1, upperBound=512
        ),
    }
    for how, change in changes.items():
        yield fault("description", f"{side} {name}: {how}", partial(_change, part, side, at, change))


def _longer(feature: Any) -> None:
    feature.type.multiArrayType.shape[-1] += 1


def _change(part: int, side: str, at: int, change: Callable[[Any], None], package: Spoilt) -> None:
    change(getattr(_part(part, package), side)[at])


def _part(part: int, package: Spoilt) -> Any:
    description = package.model.description
    return (list(description.functions) or [description])[part]


def _trade(part: int, side: str, at: int, package: Spoilt) -> None:
    features = getattr(_part(part, package), side)
    features[at].name, features[at + 1].name = features[at + 1].name, features[at].name


def _forget(key: str, package: Spoilt) -> None:
    del package.model.description.metadata.userDefined[key]


def _remember(key: str, text: str, package: Spoilt) -> None:
    package.model.description.metadata.userDefined[key] = text


def _version(version: int, package: Spoilt) -> None:
    package.model.specificationVersion = version


def _default(package: Spoilt) -> None:
    package.model.description.defaultFunctionName = "other"


def _short(package: Spoilt) -> None:
    package.model.description.metadata.shortDescription = "another model"


def _manifest(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    path = folder / "Model.mlpackage" / "Manifest.json"
    content = json.loads(path.read_bytes())
    change(content)
    path.write_text(json.dumps(content))


def _trade_items(folder: Path) -> None:
    def change(content: dict[str, Any]) -> None:
        one, other = content["itemInfoEntries"].values()
        one["path"], other["path"] = other["path"], one["path"]

    _manifest(folder, change)


def _forget_weights(folder: Path) -> None:
    def change(content: dict[str, Any]) -> None:
        entries = content["itemInfoEntries"]
        del entries[next(key for key, item in entries.items() if item["path"].endswith("weights"))]

    _manifest(folder, change)
