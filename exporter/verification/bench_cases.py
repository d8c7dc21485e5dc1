"""The cases of a benchmark: PyTorch on each checkpoint, and the bundles made from it."""

import json
import logging
import platform
from collections.abc import Sequence

from exporter.checkpoint.checkpoint import Checkpoint
from exporter.checkpoint.weight_files import weight_files
from exporter.verification.check import Check
from exporter.verification.measured_cases import bundle_case, pytorch_case
from exporter.verification.origin import find_checkpoint
from runtimes.backends.pytorch.installed import require_pytorch
from runtimes.backends.registry import find_backend
from runtimes.bundle.reading import Bundle
from runtimes.errors import RuntimeUnavailable, in_unicode
from runtimes.measurement.bench import Contestant

_log = logging.getLogger(__name__)

Threads = Sequence[int]


def original(checks: Sequence[Check], threads: Threads) -> list[Contestant]:
    """PyTorch on the checkpoint of every bundle, each once, on each of its devices.

    One that is not here is said, and has no cases. Raises BundleError where the checkpoint is another one.
    """
    several = len({_key(check.bundle.manifest.source_sha256) for check in checks}) > 1
    found: dict[str, list[Contestant]] = {}
    for check in checks:
        manifest = check.bundle.manifest
        name = f"PyTorch ({manifest.source_model})" if several else "PyTorch"
        if (key := _key(manifest.source_sha256)) in found:
            continue
        try:
            require_pytorch()
            checkpoint = find_checkpoint(check)
            found[key] = [_on_device(checkpoint, check.allow_pickle, name, threads, device) for device in _devices()]
        except RuntimeUnavailable as error:
            _log.info(f"{name} is not run: {error}")
            found[key] = [Contestant(name, "pytorch", (), manifest.source_sha256, (), note=str(error))]
    return [contestant for ones in found.values() for contestant in ones]


def exported(bundles: Sequence[Bundle], threads: Threads) -> list[Contestant]:
    """Every bundle; those that cannot be timed here say why and have no cases."""
    return [_bundle(name, bundle, threads) for name, bundle in zip(_names(bundles), bundles, strict=True)]


def _key(hashes: object) -> str:
    return json.dumps(hashes, sort_keys=True)


def _devices() -> list[str]:
    if platform.system() != "Darwin":
        return ["cpu"]
    import torch

    return ["cpu", "mps"] if torch.backends.mps.is_available() else ["cpu"]


def _on_device(checkpoint: Checkpoint, allow_pickle: bool, name: str, threads: Threads, device: str) -> Contestant:
    name = name if device == "cpu" else f"{name}, {device}"

    counts = threads if device == "cpu" else threads[:1]
    cases = [pytorch_case(name, checkpoint, count, device) for count in counts]
    files = tuple(weight_files(checkpoint.source.directory, allow_pickle))
    return Contestant(name, "pytorch", files, checkpoint.sha256, tuple(cases))


def _bundle(name: str, bundle: Bundle, threads: Threads) -> Contestant:
    target, backend = bundle.manifest.recipe.target, find_backend(bundle)
    note = backend.cannot_time_here()
    counts = threads if backend.sets_threads else threads[:1]
    return Contestant(
        name=name,
        runtime=target,
        files=tuple(bundle.model_files),
        hashes=bundle.manifest.files,
        cases=() if note else tuple(bundle_case(name, bundle, count) for count in counts),
        bundle=bundle.identity,
        note=note,
    )


def _names(bundles: Sequence[Bundle]) -> list[str]:
    """The recipe's name; with the model's where there are several, and the folder where that is not enough."""
    several = len({bundle.manifest.source_model for bundle in bundles}) > 1
    manifests = [bundle.manifest for bundle in bundles]
    names = [f"{one.source_model} {one.recipe.name}" if several else one.recipe.name for one in manifests]
    pairs = zip(names, bundles, strict=True)
    return [
        name if names.count(name) == 1 else f"{name} in {in_unicode(str(bundle.directory))}" for name, bundle in pairs
    ]
