"""What is inside a bundle, or a model file by itself: facts, operators, weights, and what no accelerator takes."""

from pathlib import Path

from exporter.targets.registry import TARGETS
from exporter.targets.target import Inspection
from runtimes.backends.registry import backend_of
from runtimes.bundle.manifest import MANIFEST
from runtimes.bundle.reading import Bundle, check_files, read_bundle


def inspect(path: Path) -> Inspection:
    """Inspect a bundle, or a model file or package by itself.

    Raises UsageError where `path` is none of them, BundleError where it is not what it should be.
    """
    if not (path / MANIFEST).is_file() and (backend := backend_of(path)):
        return TARGETS[backend.name].inspect(path)
    return _inspect_bundle(read_bundle(path))


def _inspect_bundle(bundle: Bundle) -> Inspection:
    check_files(bundle)
    manifest = bundle.manifest
    found = TARGETS[manifest.recipe.target].inspect(bundle.directory / manifest.models[0])
    facts = {
        "source": manifest.source_model,
        "task": f"{manifest.recipe.task} ({manifest.problem})",
        "target": f"{manifest.recipe.target}, {manifest.recipe.scheme}",
        "labels": ", ".join(manifest.labels),
        "models": f"{', '.join(manifest.models)}, {bundle.size_bytes:,} bytes",
    }
    facts |= {f"input {spec.name}": f"{spec.dtype} {list(spec.shape)}" for spec in manifest.inputs}
    facts |= {f"output {spec.name}": f"{spec.dtype} {list(spec.shape)}" for spec in manifest.outputs}
    return Inspection(facts | found.facts, found.operators, found.weights, found.findings)
