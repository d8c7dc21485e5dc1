"""The folder that ships: its records and its manifest."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

from runtimes.bundle.integrity import SEAL, is_plain_path, seal_of, strange_entries
from runtimes.errors import BundleError, UsageError, in_one_line
from runtimes.files.atomic_write import MANIFEST as MANIFEST
from runtimes.files.atomic_write import read_bounded

GOLDEN, PARITY, CARD = "golden.json", "parity.json", "README.md"
MAPPED, SBOM = "model.mapped.onnx", "sbom.cdx.json"
FORMAT_VERSION = 1
MAX_MANIFEST_BYTES = 64_000_000
SEQUENCE = "sequence_length"
"""The symbolic size of an axis with one entry for each token."""


@dataclass(frozen=True)
class Budget:
    """What a scheme may cost. Absolute in logits; relative as a share of the reference's logit range.

    `min_cosine` holds for what gives vectors.
    """

    max_absolute: float | None = None
    max_relative: float | None = None
    min_agreement: float = 1.0
    min_cosine: float | None = None


@dataclass(frozen=True)
class Recipe:
    """What was asked of the export; what only another target or scheme knows stays at None or empty.

    `keep`: see `keep.Keep`; `pieces` is the size of a vocabulary that was cut; hashes are of texts; `float_channels` is
    how many channels of what a linear layer reads are computed in floats at most
    (`exporter.compression.outlier_channels`); `hidden_states`: an embedding's model gives the vectors of the tokens
    too.
    """

    target: str
    scheme: str
    task: str
    opset: int | None = None
    int32_inputs: bool = True
    sequence_lengths: tuple[int, ...] = ()
    compute_units: str | None = None
    deployment_target: str | None = None
    keep: tuple[str, ...] = ()
    pq_dims: int | None = None
    frequencies_sha256: str | None = None
    pieces: int | None = None
    finetuned_sha256: str | None = None
    finetune_epochs: int | None = None
    float_channels: int | None = None
    hidden_states: bool = False

    @property
    def name(self) -> str:
        """The subfolder of this combination when several are exported."""
        return f"{self.target}-{self.scheme}"


@dataclass(frozen=True)
class TensorSpec:
    """An input or output; symbolic sizes are names."""

    name: str
    dtype: str
    shape: tuple[str | int, ...]

    @property
    def per_token(self) -> bool:
        """Whether it has an entry for each token."""
        return SEQUENCE in self.shape


@dataclass(frozen=True)
class Finetuning:
    """What was trained after a table was coded, on what, and what it gave.

    `before` and `after` are figures beside the float model over texts that were held out: `loss` is the mean squared
    difference of the outputs over their variance, the rest what a user sees. The bundle is as after `best_epoch`; 0:
    nothing was gained, and nothing changed.
    """

    texts_sha256: str
    learnt_texts: int
    held_out_texts: int
    epochs: int
    best_epoch: int
    seed: int
    trained: tuple[str, ...]
    before: Mapping[str, float]
    after: Mapping[str, float]


@dataclass(frozen=True)
class Manifest:
    """bertport.json.

    `source_kind` is folder, hub or demo; of a folder only the name is kept. `source_sha256` and `files` map a file's
    name to its hash; `files` leaves out the manifest itself. `models` names the model files or packages; `pad_id` is
    the token id that pads a text, `max_tokens` where one is cut, special ones included.

    `activation` makes scores of a text classifier's logits: sigmoid, softmax or none. `prompt` stands before a text,
    and before the first of two. `pooling` and what follows it make one vector. `pairs`: a classifier reads two texts.
    `truncation_side` is the end of a text that is dropped; `left_out` files are never read. Older ones lack these.
    """

    source_kind: str
    source_model: str
    source_revision: str | None
    source_sha256: Mapping[str, str]
    architecture: str
    problem: str
    labels: tuple[str, ...]
    recipe: Recipe
    models: tuple[str, ...]
    budget: Budget
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    versions: Mapping[str, str]
    files: Mapping[str, str]
    pad_id: int = 0
    format_version: int = FORMAT_VERSION
    max_tokens: int | None = None
    finetuning: Finetuning | None = None
    activation: str | None = None
    prompt: str = ""
    pooling: tuple[str, ...] = ()
    pairs: bool = False
    truncation_side: str = "right"
    tokenizer_file: str = ""
    left_out: tuple[str, ...] = ()


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
    def door(self) -> Path:
        """What an app opens by its path: the file whose weights are mapped where there is one, else the model."""
        return self.directory / (MAPPED if MAPPED in self.manifest.files else self.manifest.models[0])

    @property
    def size_bytes(self) -> int:
        """Bytes of the model alone."""
        return sum(path.stat().st_size for path in self.model_files)


def function_of(length: int) -> str:
    """What a package of several lengths calls the function that takes `length` tokens."""
    return f"length_{length}"


def to_json(value: Any) -> bytes:
    """Render JSON that is the same for the same value; read by people too."""
    return (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def sha256(path: Path) -> str:
    """Hash of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_files(directory: Path) -> dict[str, str]:
    """Hash of every file below `directory` but the manifest, by its path with forward slashes."""
    paths = sorted(path for path in directory.rglob("*") if path.is_file())
    names = {path.relative_to(directory).as_posix(): path for path in paths}
    return {name: sha256(path) for name, path in names.items() if name != MANIFEST}


def write_manifest(directory: Path, manifest: Manifest) -> None:
    """Write bertport.json, the last file of a bundle."""
    (directory / MANIFEST).write_bytes(to_json(sealed(asdict(manifest))))


def sealed(content: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest with the hash of the rest of it, so that a damaged one is seen."""
    rest = {key: value for key, value in content.items() if key != SEAL}
    return {**rest, SEAL: seal_of(to_json(rest))}


def read_bundle(directory: Path) -> Bundle:
    """Read a bundle's manifest. Raises UsageError where there is none, BundleError where it is damaged."""
    path = directory / MANIFEST
    if not path.is_file():
        raise UsageError(f"{directory}: not a bundle (no {MANIFEST}); pass a folder that bertport export made")
    try:
        raw = json.loads(read_bounded(path, MAX_MANIFEST_BYTES, BundleError))
        raw.pop(SEAL, None)
        version = raw.pop("format_version")
        if version != FORMAT_VERSION:
            raise BundleError(f"{path}: format version {version}, this bertport reads {FORMAT_VERSION}; export again")
        for key in ("inputs", "outputs"):
            raw[key] = tuple(TensorSpec(s["name"], s["dtype"], tuple(s["shape"])) for s in raw[key])
        for key in ("labels", "models", "pooling", "left_out"):
            raw[key] = tuple(raw.get(key, ()))
        raw["recipe"]["sequence_lengths"] = tuple(raw["recipe"]["sequence_lengths"])
        raw["recipe"]["keep"] = tuple(raw["recipe"].get("keep", ()))
        if tuned := raw.get("finetuning"):
            raw["finetuning"] = Finetuning(**{**tuned, "trained": tuple(tuned["trained"])})
        raw["recipe"], raw["budget"] = Recipe(**raw["recipe"]), Budget(**raw["budget"])
        return Bundle(directory, Manifest(**raw))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BundleError(f"{path}: not a manifest of format {FORMAT_VERSION} ({error!r}); export again") from error


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
        content, whole = to_json(asdict(manifest)), to_json(sealed(_as_then(manifest, found)))
        if found != whole:
            raise BundleError(f"{path}: changed since it was written (its seal does not fit); export again")
        _adapter().validate_json(content, strict=True)
    except (ValueError, RecursionError) as error:  # pydantic's, NaN, and texts that are no Unicode
        reason = in_one_line(error, 200)
        raise BundleError(f"{path}: not what an export writes ({reason}); export again") from error
    outside = [name for name in (*manifest.models, *manifest.files) if not is_plain_path(name)]
    if outside or not manifest.models:
        named = ", ".join(map(repr, outside[:5])) or "none"
        raise BundleError(f"{path}: expected files and models inside the bundle, found {named}; export again")


def _as_then(manifest: Manifest, found: bytes) -> dict[str, Any]:
    """The manifest without the fields that came after it was written, where they say nothing."""
    written, told = json.loads(found), asdict(manifest)
    parts = {"recipe": _told(Recipe, told["recipe"], written["recipe"])}
    return _told(Manifest, told | parts, written)


def _told(record: type[Any], values: dict[str, Any], written: dict[str, Any]) -> dict[str, Any]:
    nothing = {one.name: one.default for one in fields(record)}
    return {key: value for key, value in values.items() if key in written or value != nothing[key]}


@cache
def _adapter() -> Any:
    from pydantic import TypeAdapter  # here: a process that is measured opens bundles too

    return TypeAdapter(Manifest)
