"""Faults of what config.json and the manifest of a bundle say, whatever its target is."""

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.faults.frame import Fault
from exporter.bundling.staging import write_manifest
from runtimes.bundle.reading import read_bundle


def fact_faults(bundle: Path) -> Iterator[Fault]:
    """Each fact changed, left out, or traded for another."""
    config = json.loads((bundle / "config.json").read_text(encoding="utf-8"))
    for key, value in config.items():
        for how, other in _other_facts(value):
            yield Fault("config", f"{key}: {how}", partial(_configure, key, other))
    yield Fault("config", "not JSON", lambda folder: (folder / "config.json").write_bytes(b"{") and None)
    stated = read_bundle(bundle).manifest
    facts = {"pad_id": stated.pad_id + 1, "max_tokens": (stated.max_tokens or 1) + 1, "models": ("other",)}
    facts |= {"labels": stated.labels[::-1]} if len(stated.labels) > 1 else {}
    facts |= {"inputs": stated.inputs[::-1], "outputs": stated.outputs[:0], "problem": "other", "architecture": "Other"}
    for name, value in facts.items():
        yield Fault("manifest", f"{name}: {value!r:.40}", partial(_state, {name: value}))
    for scheme in {"none", "int8", "pq"} - {stated.recipe.scheme}:
        recipe = replace(stated.recipe, scheme=scheme)
        yield Fault("manifest", f"labelled {scheme}", partial(_state, {"recipe": recipe}))


def _other_facts(value: Any) -> Iterator[tuple[str, Any]]:
    yield "left out", None
    if isinstance(value, bool):
        yield "flipped", not value
    elif isinstance(value, int | float):
        yield "one more", value + 1
    elif isinstance(value, dict) and len(value) > 1:
        yield "reversed", dict(zip(value, list(value.values())[::-1], strict=True))
    elif isinstance(value, str):
        yield "another text", f"{value}_new"


def _configure(key: str, value: Any, folder: Path) -> None:
    path = folder / "config.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    changed = {**content, key: value}
    path.write_text(json.dumps({one: changed[one] for one in changed if one != key or value is not None}))


def _state(changes: dict[str, Any], folder: Path) -> None:
    write_manifest(folder, replace(read_bundle(folder).manifest, **changes))
