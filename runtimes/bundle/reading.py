"""Reading a bundle: its manifest, its seal, and whether its files are the ones listed."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from runtimes.bundle.format_1 import upgraded
from runtimes.bundle.integrity import SEAL, is_plain_path, seal_of, strange_entries
from runtimes.bundle.manifest import FORMAT_VERSION, MAPPED, Budget, Finetuning, Manifest, Recipe, TensorSpec
from runtimes.errors import BundleError, UsageError, in_one_line
from runtimes.files.atomic_write import MANIFEST as MANIFEST
from runtimes.files.bounded_read import read_bounded
from runtimes.files.json_text import to_json

MAX_MANIFEST_BYTES = 64_000_000


@dataclass(frozen=True)
class Bundle:
    """A bundle on disk, its manifest read."""

    directory: Path
    manifest: Manifest

    @property
    def input_names(self) -> tuple[str, ...]:
        """What the model reads."""
        return tuple(spec.name for spec in self.manifest.inputs)

    @property
    def token_outputs(self) -> frozenset[str]:
        """The outputs that have an entry for each token."""
        return frozenset(spec.name for spec in self.manifest.outputs if spec.per_token)

    @property
    def identity(self) -> dict[str, str]:
        """How a record names the bundle that it is about."""
        recipe = self.manifest.recipe
        named = {"model": self.manifest.source_model, "target": recipe.target, "scheme": recipe.scheme}
        return named | {"manifest_sha256": sha256(self.directory / MANIFEST)}

    @property
    def model_files(self) -> list[Path]:
        """The files of the model alone, without tokenizer and records."""
        roots = [self.directory / name for name in self.manifest.models]
        paths = [path for root in roots for path in (root, *sorted(root.rglob("*")))]
        return [path for path in paths if path.is_file()]

    @property
    def fixed_models(self) -> list[tuple[Path, str | None, int]]:
        """(package, function, length) of each length that a Core ML model has, by the manifest alone.

        The function is None where each length has a package of its own. Raises BundleError where they do not fit.
        """
        lengths, names = self.manifest.recipe.sequence_lengths, self.manifest.models
        packages = [self.directory / name for name in names]
        if len(packages) == 1 and len(lengths) > 1:
            return [(packages[0], function_of(length), length) for length in lengths]
        if len(packages) != len(lengths):
            found = f"{len(packages)} models for {len(lengths)} lengths"
            raise BundleError(f"{self.directory / MANIFEST}: expected a model for each length, found {found}")
        return [(package, None, length) for package, length in zip(packages, lengths, strict=True)]

    @property
    def mapped_model(self) -> Path:
        """What an app opens by its path: the file whose weights are mapped where there is one, else the model."""
        return self.directory / (MAPPED if MAPPED in self.manifest.files else self.manifest.models[0])

    @property
    def size_bytes(self) -> int:
        """Bytes of the model alone."""
        return sum(path.stat().st_size for path in self.model_files)


def function_of(length: int) -> str:
    """What a package of several lengths calls the function that takes `length` tokens."""
    return f"length_{length}"


def sha256(path: Path) -> str:
    """Hash of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_files(directory: Path) -> dict[str, str]:
    """Hash of every file below `directory` but the manifest, by its path with forward slashes."""
    paths = sorted(path for path in directory.rglob("*") if path.is_file())
    names = {path.relative_to(directory).as_posix(): path for path in paths}
    return {name: sha256(path) for name, path in names.items() if name != MANIFEST}


def sealed(content: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest with the hash of the rest of it, so that a damaged one is seen."""
    rest = {key: value for key, value in content.items() if key != SEAL}
    return {**rest, SEAL: seal_of(to_json(rest))}


def read_bundle(directory: Path) -> Bundle:
    """Read a bundle's manifest. Raises UsageError where there is none, BundleError where it is damaged."""
    path = directory / MANIFEST
    if not path.is_file():
        raise UsageError(f"{directory}: not a bundle (no {MANIFEST}); pass a folder that bertport export made")
    return Bundle(directory, _parsed(path, read_bounded(path, MAX_MANIFEST_BYTES, BundleError)))


def _parsed(path: Path, content: bytes) -> Manifest:
    """The manifest, of this format or an older one."""
    try:
        raw = json.loads(content)
        raw.pop(SEAL, None)
        version = raw["format_version"]
        if version == 1:
            raw = upgraded(raw)
        elif version != FORMAT_VERSION:
            raise BundleError(f"{path}: format version {version}, this bertport reads {FORMAT_VERSION}; export again")
        for key in ("inputs", "outputs"):
            raw[key] = tuple(TensorSpec(s["name"], s["dtype"], tuple(s["shape"])) for s in raw[key])
        for key in ("labels", "models", "pooling", "left_out"):
            raw[key] = tuple(raw.get(key, ()))
        if tuned := raw.get("finetuning"):
            raw["finetuning"] = Finetuning(**{**tuned, "trained": tuple(tuned["trained"])})
        raw["recipe"], raw["budget"] = _recipe(raw["recipe"]), Budget(**raw["budget"])
        return Manifest(**raw)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BundleError(f"{path}: not a manifest of format {FORMAT_VERSION} ({error!r}); export again") from error


def _recipe(raw: dict[str, Any]) -> Recipe:
    options = {name: tuple(one) if isinstance(one, list) else one for name, one in raw["options"].items()}
    return Recipe(**{**raw, "options": options, "keep": tuple(raw.get("keep", ()))})


def check_files(bundle: Bundle) -> None:
    """Compare everything in the folder with the manifest, and the manifest with its seal.

    Raises BundleError that lists what is changed, missing, added, or no plain file.
    """
    _check_manifest(bundle)
    strange = [f"neither a plain file nor a folder: {name}" for name in strange_entries(bundle.directory)]
    found, stated = {} if strange else hash_files(bundle.directory), bundle.manifest.files
    problems = [f"changed {name}" for name in stated if name in found and found[name] != stated[name]]
    problems += [f"missing {name}" for name in stated if name not in found]
    problems += [f"not in the manifest: {name}" for name in found if name not in stated]
    if strange or problems:
        raise BundleError(f"{bundle.directory}: {'; '.join(strange or problems)}. Export again, or restore the files")


def _check_manifest(bundle: Bundle) -> None:
    """Refuse a manifest that is not, byte for byte, what `write_manifest` wrote, or that names files elsewhere."""
    path, manifest = bundle.directory / MANIFEST, bundle.manifest
    try:
        found = read_bounded(path, MAX_MANIFEST_BYTES, BundleError)
        if found != to_json(sealed(json.loads(found))) or manifest != _parsed(path, found):
            raise BundleError(f"{path}: changed since it was written (its seal does not fit); export again")
        _adapter().validate_json(to_json(asdict(manifest)), strict=True)
    except (ValueError, RecursionError) as error:  # pydantic's, NaN, and texts that are no Unicode
        reason = in_one_line(error, 200)
        raise BundleError(f"{path}: not what an export writes ({reason}); export again") from error
    outside = [name for name in (*manifest.models, *manifest.files) if not is_plain_path(name)]
    if outside or not manifest.models:
        named = ", ".join(map(repr, outside[:5])) or "none"
        raise BundleError(f"{path}: expected files and models inside the bundle, found {named}; export again")


@cache
def _adapter() -> Any:
    from pydantic import TypeAdapter  # here: a process that is measured opens bundles too

    return TypeAdapter(Manifest)
