"""The verifier of bundles under changed files, with the manifest as it was or sealed again by a forger."""

import json
import random
from collections.abc import Hashable
from functools import cached_property
from pathlib import Path

from benchmarks.fuzz import seeds
from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import Source
from exporter.verification.check import Check
from exporter.verification.inspection import inspect
from exporter.verification.origin import find_checkpoint
from exporter.verification.reference.reference import Reference
from exporter.verification.verify import check_bundle
from runtimes.bundle.manifest import MANIFEST
from runtimes.bundle.reading import hash_files, read_bundle, sealed, sha256
from runtimes.errors import BundleError
from runtimes.files.json_text import to_json
from runtimes.parity.compare import Verdict

TEXTS = ("the cat sings", "a dog")
FORGED = 1 / 3


class BundleReader:
    """What passes is held to what the honest bundle does: the verdict is `pass` within the scheme's own budget."""

    name = "bundle"
    strict = True

    def __init__(self, targets: tuple[str, ...] = ("onnx", "coreml", "litert")) -> None:
        self._targets = targets

    def seeds(self, folder: Path) -> list[Path]:
        """Bundles in the precise and the rounded scheme of each target, and their checkpoint beside them."""
        self._checkpoint = seeds.write_checkpoint(folder / "checkpoint")
        found = seeds.write_bundles(folder, self._checkpoint, self._targets)
        for one in found:
            self.read(one)  # PyTorch's side, once
        return found

    @cached_property
    def _reference(self) -> Reference:
        return Reference(load(Source("folder", "checkpoint", None, self._checkpoint)), TEXTS)

    def finish(self, folder: Path, choice: random.Random) -> None:
        """In a third of the cases what a forger would do: put the hashes of the changed files into the manifest."""
        if choice.random() < FORGED:
            seal(folder)

    def read(self, folder: Path) -> Hashable:
        """What `bertport verify` and `inspect` do, PyTorch's answers kept from the first time."""
        check = Check(read_bundle(folder), str(self._checkpoint), TEXTS)
        find_checkpoint(check)
        parity = check_bundle(check, self._reference).parity
        if check.bundle.manifest.recipe.target == "onnx" or sha256(folder / MANIFEST)[0] == "0":
            inspect(folder)  # a package's takes half a second: one forgery in sixteen
        if parity.verdict is not Verdict.PASS:
            raise BundleError(f"{folder}: {'; '.join(parity.failures)}")
        return "pass"


def seal(folder: Path) -> None:
    """Write the hashes of the files as they are into the manifest, where it still is one."""
    path = folder / MANIFEST
    try:
        raw = json.loads(path.read_bytes())
        raw["files"] = hash_files(folder)
        path.write_bytes(to_json(sealed(raw)))
    except (ValueError, TypeError, AttributeError, RecursionError):
        return
