"""Finding the checkpoint that a bundle was made from, and checking it against the manifest."""

from collections.abc import Mapping
from dataclasses import replace

from exporter.checkpoint.checkpoint import Checkpoint, load
from exporter.checkpoint.source import HubOptions, Source, resolve
from exporter.checkpoint.tokenizer.reading import open_tokenizer
from exporter.checkpoint.vocabulary_trimming import kept_ids
from exporter.model.ops import Array
from exporter.targets.embedding_outputs import for_recipe
from exporter.verification.check import Check
from exporter.verification.reference.early_start import start_for
from runtimes.bundle.integrity import differences
from runtimes.bundle.manifest import Manifest
from runtimes.bundle.reading import Bundle, check_files
from runtimes.errors import BundleError, CheckpointError, RuntimeUnavailable


def find_checkpoint(check: Check, compared: bool = False) -> Checkpoint:
    """The checkpoint that a bundle was made from, once the bundle's files are found unchanged. Raises as `verify`.

    Where the bundle is to be `compared`, PyTorch is started meanwhile.
    """
    manifest = check.bundle.manifest
    check_files(check.bundle)
    source = _find_source(check)
    if compared:
        start_for(source.directory, check.answering.cached)
    checkpoint = load(source, manifest.recipe.task, check.allow_pickle)
    _check_source(manifest, checkpoint)
    return _as_exported(checkpoint, manifest)


def kept_pieces(bundle: Bundle, checkpoint: Checkpoint) -> Array:
    """The checkpoint's id of every token of a bundle whose vocabulary was trimmed."""
    own = open_tokenizer(bundle.directory / "tokenizer.json")
    return kept_ids(checkpoint.tokenizer.tokenizer, own)


def _find_source(check: Check) -> Source:
    manifest = check.bundle.manifest
    options = HubOptions(revision=manifest.source_revision, allow_pickle=check.allow_pickle)
    if check.model is not None:
        return resolve(check.model, options)
    if manifest.source_kind == "folder":
        made_from = f"made from a folder called {manifest.source_model}"
        raise RuntimeUnavailable(f"{check.bundle.directory}: {made_from}; name it with --checkpoint")
    try:
        return resolve(manifest.source_model, options)
    except CheckpointError as error:
        raise RuntimeUnavailable(f"{error}; or name a copy of it with --checkpoint") from error


def _as_exported(checkpoint: Checkpoint, manifest: Manifest) -> Checkpoint:
    """The same checkpoint under the name that the export knew it by, which files say; it may lie elsewhere now."""
    kind, model, revision = manifest.source_kind, manifest.source_model, manifest.source_revision
    return replace(checkpoint, source=replace(checkpoint.source, kind=kind, model=model, revision=revision))


def _check_source(manifest: Manifest, checkpoint: Checkpoint) -> None:
    """Hold what the manifest says of its source against the checkpoint: its files, and what is read off them."""
    stated = manifest.source_sha256
    different = differences(stated, checkpoint.sha256) + sorted(_unstated(stated, checkpoint))
    if different:
        raise BundleError(
            f"{checkpoint.source.model}: not the checkpoint that this bundle was made from "
            f"({', '.join(different)} differ); name the right one with --checkpoint"
        )
    facts = _facts(checkpoint)
    wrong = differences(facts, {name: getattr(manifest, name) for name in facts})
    if {spec.name for spec in manifest.outputs} != for_recipe(checkpoint, manifest.recipe).model.outputs.keys():
        wrong.append("outputs")
    if wrong:
        raise BundleError(
            f"bertport.json: {', '.join(wrong)} are not the checkpoint's, though the files are; export again"
        )


def _unstated(stated: Mapping[str, str], checkpoint: Checkpoint) -> set[str]:
    """Files of the checkpoint that the manifest leaves out; beside an adapter anything may have come to lie since."""
    return set() if checkpoint.source.made_from else set(checkpoint.sha256) - set(stated)


def _facts(checkpoint: Checkpoint) -> dict[str, object]:
    """What a manifest copies from its checkpoint, whatever target, scheme and settings are."""
    return {
        "architecture": checkpoint.model.head.architecture,
        "problem": checkpoint.problem,
        "labels": checkpoint.labels,
        "max_tokens": checkpoint.max_tokens,
        "prompt": checkpoint.prompt,
    }
