"""Audit of config.json and the manifest, against the checkpoint and the recipe."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from exporter.bundling.contents import config_content, make_manifest
from exporter.checkpoint.json_files import MAX_CONFIG_BYTES, is_utf8, parse_json
from exporter.compression.calibration import TRAINED
from exporter.targets.audit.findings import Audit, Finding
from exporter.targets.audit.subject import Audited
from exporter.targets.registry import find_scheme, find_target
from runtimes.bundle.manifest import MANIFEST, Manifest
from runtimes.errors import BertportError, CheckpointError
from runtimes.files.bounded_read import read_bounded

CONFIG = "config.json"
_HELD_ELSEWHERE = {"source_kind", "source_model", "source_revision", "source_sha256", "budget", "files", "finetuning"}
"""The source by its hashes, the budget by `answers`, files by theirs."""
_FREE = {"versions"}


def audit_description(audited: Audited) -> Audit:
    """Compare config.json and bertport.json with what an export of the checkpoint writes."""
    config = _Facts(CONFIG)
    config.compare(_config(audited, config), json.loads(config_content(audited.checkpoint)))
    return config.audit + _manifest(audited)


class _Facts:
    """Facts of one file that were compared."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.audit = Audit()

    def compare(self, found: Mapping[str, Any] | None, expected: Mapping[str, Any]) -> None:
        """Compare every key of both; `found` is None where there is nothing to compare."""
        if found is None:
            return
        findings = [
            Finding(self.file, key, f"expected {_shown(expected, key)}, found {_shown(found, key)}")
            for key in sorted({*expected, *found})
            if not (key in expected and key in found and _same(expected[key], found[key]))
        ]
        self.audit += Audit(tuple(findings), facts=len(expected))

    def wrong(self, subject: str, problem: str) -> None:
        """Note a finding."""
        self.audit += Audit((Finding(self.file, subject, problem),))


def _config(audited: Audited, facts: _Facts) -> dict[str, Any] | None:
    path = audited.bundle.directory / CONFIG
    try:
        content = read_bounded(path, MAX_CONFIG_BYTES, CheckpointError)
        found = parse_json(path, content, constants=True)
    except (BertportError, OSError) as error:
        facts.wrong("file", f"expected the checkpoint's config.json, found none that can be read ({error})")
        return None
    if not isinstance(found, dict) or not is_utf8(content):
        facts.wrong("file", f"expected an object in UTF-8, found {type(found).__name__}")
        return None
    return found


def _manifest(audited: Audited) -> Audit:
    stated, facts = audited.bundle.manifest, _Facts(MANIFEST)
    models = find_target(audited.recipe.target).model_names(audited.recipe)
    made = make_manifest(audited.checkpoint, audited.recipe, stated.budget, models)
    names = {field.name for field in fields(Manifest)} - _HELD_ELSEWHERE - _FREE
    facts.compare(*({name: getattr(one, name) for name in names} for one in (stated, made)))
    for subject, problem in _recipe(audited):
        facts.wrong(subject, problem)
    return facts.audit


def _recipe(audited: Audited) -> Iterator[tuple[str, str]]:
    """What of the recipe no file of the bundle shows."""
    recipe, tuned = audited.recipe, audited.bundle.manifest.finetuning
    if recipe.vocabulary_size is not None and recipe.vocabulary_size != audited.checkpoint.geometry.vocabulary:
        rows = audited.checkpoint.geometry.vocabulary
        yield (
            "recipe.vocabulary_size",
            f"expected {rows:,}, as many as the tokenizer has, found {recipe.vocabulary_size:,}",
        )
    if (tuned is None) != (recipe.finetuned_sha256 is None):
        yield "finetuning", "expected a record of it where the recipe asks for it, and only there"
    elif tuned is not None:
        stated = (tuned.texts_sha256, tuned.epochs, tuned.trained)
        asked = (recipe.finetuned_sha256, recipe.finetune_epochs, TRAINED)
        if not find_scheme(recipe.target, recipe.scheme).codes or stated != asked:
            yield "finetuning", f"expected {asked} as the recipe of pq asks, found {stated} of {recipe.scheme}"


def _same(one: Any, other: Any) -> bool:
    """Equal, and of one kind: 1, 1.0 and True are three things in JSON. NaN is itself."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and (one == other or (one != one and other != other))


def _shown(values: Mapping[str, Any], key: str) -> str:
    return f"{values[key]!r:.80}" if key in values else "nothing"
