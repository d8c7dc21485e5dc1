"""The bundles of one repository: read, checked, and found to be of one checkpoint and one tokenizer."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from exporter.checkpoint.json_files import read_bundled
from exporter.targets.hub_places import HubPlaces
from exporter.targets.registry import TARGETS
from runtimes.bundle.manifest import CARD, GOLDEN, MANIFEST, PARITY, SBOM, Manifest
from runtimes.bundle.reading import Bundle, check_files, read_bundle
from runtimes.errors import ExportError, UsageError
from runtimes.records.evaluate import EvaluateRecord
from runtimes.records.writing import plain

RECORDS = (MANIFEST, PARITY, GOLDEN, SBOM, "calibration.json")
"""What is kept of every bundle beside its model: its evidence."""


@dataclass(frozen=True)
class Published:
    """One bundle with its verdict, and what `bertport evaluate` found of it."""

    bundle: Bundle
    parity: Mapping[str, Any]
    evaluations: tuple[EvaluateRecord, ...] = ()

    @property
    def name(self) -> str:
        """Its target and scheme, and the folder of its records."""
        return self.bundle.manifest.recipe.name

    @property
    def shared(self) -> dict[str, Path]:
        """The files that every bundle of the checkpoint has alike: config and tokenizer."""
        own = {*RECORDS, CARD, *self.places.files}
        names = [name for name in self.bundle.manifest.files if name.partition("/")[0] not in own]
        return {name: self.bundle.directory / name for name in names}

    @property
    def places(self) -> HubPlaces:
        """Where the repository has its model files."""
        recipe = self.bundle.manifest.recipe
        return TARGETS[recipe.target].in_repository(recipe)


@dataclass(frozen=True)
class Collection:
    """Bundles of one checkpoint."""

    bundles: tuple[Published, ...]

    @cached_property
    def manifest(self) -> Manifest:
        """Of the first bundle: what all of them share."""
        return self.bundles[0].bundle.manifest

    @property
    def evaluations(self) -> Iterator[EvaluateRecord]:
        """What was found of any of them."""
        for one in self.bundles:
            yield from one.evaluations


def collect(paths: Sequence[Path], evaluations: Sequence[EvaluateRecord]) -> Collection:
    """Read the bundles.

    Raises BundleError for a changed one, ExportError for one that did not pass parity, and UsageError where they are of
    different checkpoints, tasks or tokenizers, or two are of one target and scheme.
    """
    found = tuple(_read(path, evaluations) for path in paths)
    for other in found[1:]:
        _check_kin(found[0], other)
    names = [one.name for one in found]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UsageError(f"{twice}: there are two such bundles; name one of them")
    if lost := [one for one in evaluations if not any(one in bundle.evaluations for bundle in found)]:
        raise UsageError(
            f"an evaluation of {lost[0].recipe['target']}-{lost[0].recipe['scheme']} is of none of these bundles; "
            "evaluate the bundle that is published, or leave its record out"
        )
    return Collection(found)


def _read(path: Path, evaluations: Sequence[EvaluateRecord]) -> Published:
    bundle = read_bundle(path)
    check_files(bundle)
    parity = read_bundled(path / PARITY)
    if parity.get("verdict") != "pass":
        raise ExportError(
            f"{path}: expected a bundle that passed parity, found {parity.get('verdict')}; export it with another "
            "scheme, or without --no-verify"
        )
    return Published(bundle, parity, tuple(one for one in evaluations if _is_of(one, bundle)))


def _is_of(evaluation: EvaluateRecord, bundle: Bundle) -> bool:
    manifest = bundle.manifest
    ours = (manifest.source_model, plain(manifest.recipe), bundle.size_bytes)
    return ours == (evaluation.source.model, evaluation.recipe, evaluation.size_bytes)


def _check_kin(first: Published, other: Published) -> None:
    ours, theirs = first.bundle.manifest, other.bundle.manifest
    for what, left, right in (
        ("checkpoint", ours.source_sha256, theirs.source_sha256),
        ("task", ours.recipe.task, theirs.recipe.task),
        ("tokenizer", *(_tokenizer(one) for one in (first, other))),
    ):
        if left != right:
            raise UsageError(
                f"{other.bundle.directory}: expected the {what} of {first.bundle.directory}, found another; publish "
                "them to repositories of their own"
            )


def _tokenizer(one: Published) -> dict[str, str]:
    files = one.bundle.manifest.files
    return {name: files[name] for name in one.shared if name != "config.json"}
