"""`verify --strict`: makes every file of a bundle again from its checkpoint and compares bytes.

Records of what was measured depend on the processor, and are held to the manifest's hashes only: what PyTorch answered
(parity.json, golden.json and the card that quotes them), and the errors in calibration.json. All else is made again and
compared.
"""

from collections.abc import Iterator
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from exporter.bundling.contents import make_manifest, write_files
from exporter.bundling.sbom import bill_of_materials
from exporter.checkpoint.vocabulary_trimming import trim_checkpoint
from exporter.compression.calibration import Calibration, texts_sha256
from exporter.targets.embedding_outputs import for_recipe
from exporter.targets.registry import find_scheme
from exporter.verification.audit.recipe import check_recipe
from exporter.verification.reference.reference import Reference
from runtimes.bundle.manifest import CALIBRATION, CARD, GOLDEN, MANIFEST, PARITY, SBOM, Manifest
from runtimes.bundle.reading import Bundle
from runtimes.errors import BundleError, RuntimeUnavailable
from runtimes.files.bounded_read import MAX_WEIGHT_BYTES, read_bounded

_MEASURED = (PARITY, GOLDEN, CARD, CALIBRATION)
_WHERE = ("source_kind", "source_model", "source_revision")
"""Where the checkpoint was then; it may be elsewhere now, and its hashes say that it is the same."""


def check_provenance(bundle: Bundle, reference: Reference, frequent_texts: tuple[str, ...] = ()) -> list[str]:
    """Make every file again that is no answer of PyTorch's; return their names.

    `reference` is of the bundle, from `verify.find_reference`; `frequent_texts` are what `--frequency-from` read,
    where the recipe has their hash. Raises BundleError that names the files that differ, and RuntimeUnavailable where
    the recipe lacks what it takes to repeat it.
    """
    recipe, checkpoint, kept = bundle.manifest.recipe, reference.checkpoint, reference.kept
    check_recipe(bundle, checkpoint)
    check_repeatable(bundle, frequent_texts)
    made_from = for_recipe(checkpoint if kept is None else trim_checkpoint(checkpoint, kept), recipe)
    calibration = Calibration(made_from, reference.samples, recipe.pq_dims or 0, frequent_texts)
    with TemporaryDirectory() as folder:
        models = write_files(made_from, recipe, Path(folder), calibration)
        made = {name: _content(Path(folder) / name) for name in _names(bundle) if (Path(folder) / name).is_file()}
    made[SBOM] = _bill(bundle.manifest)
    different = [name for name in _names(bundle) if made.get(name) != _content(bundle.directory / name)]
    different += _misdescribed(bundle.manifest, make_manifest(made_from, recipe, bundle.manifest.budget, models))
    if different:
        raise BundleError(
            f"{bundle.directory}: {', '.join(different)} are not what this bertport makes of "
            f"{checkpoint.source.model}{_other_versions(bundle.manifest)}; export again"
        )
    return list(made)


def _content(path: Path) -> bytes:
    return read_bounded(path, MAX_WEIGHT_BYTES, BundleError)


def _names(bundle: Bundle) -> list[str]:
    """The files that are made again."""
    return [name for name in bundle.manifest.files if name not in _MEASURED]


def _bill(manifest: Manifest) -> bytes:
    return bill_of_materials(manifest, {name: digest for name, digest in manifest.files.items() if name != SBOM})


def _misdescribed(stated: Manifest, made: Manifest) -> list[str]:
    """What the manifest says that the checkpoint does not: all but hashes, versions, and what training did."""
    names = {field.name for field in fields(Manifest)} - {"files", "versions", "finetuning", *_WHERE}
    return [f"{name} of {MANIFEST}" for name in sorted(names) if getattr(stated, name) != getattr(made, name)]


def check_repeatable(bundle: Bundle, frequent_texts: tuple[str, ...]) -> None:
    """Raise RuntimeUnavailable where a recipe's weights cannot be made again."""
    recipe = bundle.manifest.recipe
    if recipe.finetuned_sha256 is not None:
        raise RuntimeUnavailable(f"{bundle.directory}: its codes were trained (--finetune-codes); that is not repeated")
    if find_scheme(recipe.target, recipe.scheme).codes and texts_sha256(frequent_texts) != recipe.frequencies_sha256:
        raise RuntimeUnavailable(
            f"{bundle.directory}: its codes were weighed by other texts than given; pass the same --frequency-from FILE"
        )


def _other_versions(manifest: Manifest) -> str:
    """The versions that differ from those that made it: they may be why."""
    here: Iterator[tuple[str, str, str]] = ((name, stated, version(name)) for name, stated in manifest.versions.items())
    words = [f"{name} {found} here, {stated} then" for name, stated, found in here if found != stated]
    return f" ({'; '.join(words)})" if words else ""
