"""Reading a saved `.mlpackage`: manifest, model and weight files, each checked.

    X.mlpackage/Manifest.json                        names the root item
    X.mlpackage/Data/com.apple.CoreML/model.mlmodel  the protobuf
    X.mlpackage/Data/com.apple.CoreML/weights/weight.bin

Nothing outside the package is ever read, and whatever is not as it should be is a `BundleError` of one line.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runtimes.errors import BundleError, in_our_words
from runtimes.files.bounded_read import read_bounded
from runtimes.mil.blobs import BlobFile
from runtimes.mil.protobuf import model_messages
from runtimes.mil.refusal import refusal

# Specification version → the first system that reads it. ML programs exist since iOS 15.
SPECIFICATION_VERSIONS = {6: "iOS15", 7: "iOS16", 8: "iOS17", 9: "iOS18", 10: "iOS26"}

MOST_MODEL_BYTES = 1 << 26
"""Of model.mlmodel, whose weights lie beside it: a hundred times what twenty-four layers take."""

_MODEL_PREFIX = "@model_path/"

_MAX_MANIFEST_BYTES = 1_000_000


@dataclass(frozen=True)
class Metadata:
    """What the package says of itself; `user_defined` holds the keys that its author added."""

    description: str
    author: str
    license: str
    version: str
    user_defined: Mapping[str, str]


@dataclass(frozen=True)
class Package:
    """An opened package: the decoded model, and its weight files, mapped as they are asked for."""

    directory: Path
    model: Any
    model_directory: Path
    _blob_files: dict[str, BlobFile] = field(default_factory=dict, repr=False, compare=False)

    @property
    def specification_version(self) -> int:
        """The specification version, one of `SPECIFICATION_VERSIONS`."""
        return int(self.model.specificationVersion)

    @property
    def functions(self) -> tuple[str, ...]:
        """Names of the program's functions, the default one first."""
        names = sorted(self.model.mlProgram.functions)
        default = self.model.description.defaultFunctionName or "main"
        return tuple(sorted(names, key=lambda name: (name != default, name)))

    @property
    def metadata(self) -> Metadata:
        """What the package says of itself."""
        found = self.model.description.metadata
        texts = (found.shortDescription, found.author, found.license, found.versionString)
        return Metadata(*texts, user_defined=dict(found.userDefined))

    def function(self, name: str | None = None) -> tuple[str, Any]:
        """Return (name, protobuf function); None chooses the default. `BundleError` lists the names there are."""
        names = self.functions
        chosen = names[0] if name is None and names else name
        if chosen not in names:
            found = ", ".join(names) or "none"
            raise refusal(f"{self.directory}: no function {chosen!r}; the package has: {found}")
        return chosen, self.model.mlProgram.functions[chosen]

    def block(self, function: Any) -> Any:
        """Return the block of a protobuf function that its opset names. `BundleError` where there is none."""
        if function.opset not in function.block_specializations:
            found = ", ".join(function.block_specializations) or "none"
            raise refusal(f"{self.directory}: no block for opset {function.opset!r}, found {found}; export it again")
        return function.block_specializations[function.opset]

    def input_features(self, function: str) -> dict[str, Any]:
        """Return input name → protobuf `FeatureDescription` of one function."""
        description = self.model.description
        for candidate in description.functions:
            if candidate.name == function:
                return {feature.name: feature for feature in candidate.input}
        return {feature.name: feature for feature in description.input}

    @property
    def size_bytes(self) -> int:
        """Of the model and of what lies beside it: the files that constants are read from."""
        return sum(path.stat().st_size for path in self.model_directory.rglob("*") if path.is_file())

    def blob_file(self, name: str) -> BlobFile:
        """Open, once, the weight file that a program calls `@model_path/…`."""
        if name not in self._blob_files:
            if not name.startswith(_MODEL_PREFIX):
                raise refusal(f"{self.directory}: weight file {name!r} is not below {_MODEL_PREFIX}; refused")
            path = _inside(self.directory, self.model_directory, name.removeprefix(_MODEL_PREFIX))
            self._blob_files[name] = BlobFile(path)
        return self._blob_files[name]


def read_package(path: str | Path) -> Package:
    """Read the package at `path`; the weights stay on disk until a program asks for them."""
    directory = Path(path)
    if not (directory / "Manifest.json").is_file():
        raise refusal(f"{directory}: not a Core ML package (no Manifest.json); give the path of an .mlpackage folder")
    model_path = _inside(directory, directory / "Data", _root_item(directory / "Manifest.json"))
    model = _decode(model_path)
    _require_known(model, directory)
    return Package(directory, model, model_path.parent)


def _root_item(manifest: Path) -> str:
    """Return the path of the root model, relative to `Data`, as the manifest gives it."""
    try:
        content = json.loads(read_bounded(manifest, _MAX_MANIFEST_BYTES, BundleError))
        item = content["itemInfoEntries"][content["rootModelIdentifier"]]["path"]
    except OSError as error:
        raise refusal(f"{manifest}: cannot be read ({error.strerror}); export the package again") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        message = f"{manifest}: not a package manifest ({type(error).__name__}: {error}); export the package again"
        raise refusal(message) from error
    if not isinstance(item, str):
        raise refusal(f"{manifest}: the root item's path is not a text; export the package again")
    return item


def _inside(directory: Path, base: Path, relative: str) -> Path:
    """Return `base / relative` resolved; refused when it leads out of `directory`, by `..`, root or symbolic link."""
    if Path(relative).is_absolute() or ".." in Path(relative).parts:
        raise refusal(f"{directory}: path {relative!r} leads out of the package; refused")
    try:
        found = (base / relative).resolve(strict=True)
    except (OSError, ValueError, RuntimeError) as error:
        message = f"{directory}: no file {relative!r} in the package; copy the whole folder, or export it again"
        raise refusal(message) from error
    if not found.is_relative_to(directory.resolve()):
        raise refusal(f"{directory}: path {relative!r} is a link out of the package; refused")
    if not found.is_file():
        raise refusal(f"{directory}: {relative!r} is not a file; export the package again")
    return found


def _decode(path: Path) -> Any:
    model = model_messages().Model()
    try:
        content = read_bounded(path, MOST_MODEL_BYTES, BundleError)
    except OSError as error:
        raise refusal(f"{path}: cannot be read ({error.strerror}); export the package again") from error
    with in_our_words(lambda why: refusal(f"{path}: truncated or damaged model ({why}); export the package again")):
        model.ParseFromString(content)
    return model


def _require_known(model: Any, directory: Path) -> None:
    """Refuse what is no ML program, and versions this code was not written for."""
    kind = model.WhichOneof("Type")
    if kind != "mlProgram":
        message = f"{directory}: a {kind or 'model without a type'}, not an ML program"
        raise refusal(f"{message}; convert with minimum_deployment_target iOS15 or later")
    version = model.specificationVersion
    if version not in SPECIFICATION_VERSIONS:
        known = f"{min(SPECIFICATION_VERSIONS)} to {max(SPECIFICATION_VERSIONS)}"
        raise refusal(f"{directory}: specification version {version}, known are {known}; update bertport")
