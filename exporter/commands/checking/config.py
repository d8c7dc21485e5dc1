"""bertport.toml: what `bertport check` exports, and what each bundle may cost. Strict: an unknown key is refused."""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from exporter.errors import UsageError
from exporter.integrity import is_file, is_folder, read_bounded
from exporter.lowering import Settings
from exporter.schemes import find_budget
from exporter.source import DEMO

_MAX_BYTES = 1_000_000
Name = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(ge=1)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Arch = Literal["native", "arm64", "x86-64-avx2"]
"""runtimes.processors.ARCHITECTURES."""
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


@dataclass(frozen=True)
class LatencyBudget:
    """At most `max_ratio` times the latency of the bundle called `to`, measured in the same run."""

    to: Name
    max_ratio: Annotated[float, Field(gt=0, allow_inf_nan=False)]


@dataclass(frozen=True)
class Budgets:
    """What a bundle may cost. Of parity the scheme's own budget holds where nothing is said here."""

    max_absolute: Amount | None = None
    max_relative: Amount | None = None
    min_agreement: Share | None = None
    max_size_bytes: Count | None = None
    max_peak_rss_bytes: Count | None = None
    max_drop_points: Amount | None = None
    latency: LatencyBudget | None = None


@dataclass(frozen=True)
class Data:
    """Labelled rows for the accuracy, as `bertport evaluate` reads them; columns left out are guessed.

    `labels` says which value in the file is which label.
    """

    file: Path
    text: tuple[Name, ...] = ()
    text_pair: Name | None = None
    label: Name | None = None
    join: str = " "
    labels: Mapping[str, Name] = field(default_factory=dict)
    limit: Count | None = None


@dataclass(frozen=True)
class Export:
    """Bundles of one model that share settings and budgets: every target × scheme.

    `model` is a folder, a hub id or "demo", called `name` if that is given; `archs` are those of `bertport verify`.
    """

    model: Name
    name: Annotated[str, Field(pattern=r"^\w[\w.-]*$")] | None = None
    targets: Annotated[tuple[Name, ...], Field(min_length=1)] = ("onnx",)
    schemes: Annotated[tuple[Name, ...], Field(min_length=1)] = ("none",)
    task: Name = "auto"
    revision: Name | None = None
    texts: Path | None = None
    archs: Annotated[tuple[Arch, ...], Field(min_length=1)] = ("native",)
    settings: Settings = field(default_factory=Settings)
    budget: Budgets = field(default_factory=Budgets)
    data: Data | None = None

    @property
    def names(self) -> list[str]:
        """What its bundles are called, in the order of targets, then schemes."""
        name = self.name or Path(self.model).name or "model"
        return [f"{name} {target}-{scheme}" for target in self.targets for scheme in self.schemes]


@dataclass(frozen=True)
class Tolerance:
    """How far a figure may move from the baseline: size as a share of it, differences as a share of the logit range."""

    size: Share = 0.01
    parity: Share = 0.002
    agreement: Share = 0.01
    drop_points: Amount = 0.1


@dataclass(frozen=True)
class Timing:
    """How latency and memory are measured: tokens of one row, runs of each, rounds over all bundles."""

    tokens: Annotated[tuple[Count, ...], Field(min_length=1)] = (128,)
    runs: Count = 30
    rounds: Count = 3


@dataclass(frozen=True)
class Config:
    """The whole file. `baseline` is the committed record that figures are compared with."""

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)  # holds for the tables inside too

    export: Annotated[tuple[Export, ...], Field(min_length=1)]
    baseline: Path | None = None
    tolerance: Tolerance = field(default_factory=Tolerance)
    timing: Timing = field(default_factory=Timing)


def read_config(path: Path) -> Config:
    """Read the file; paths in it start at its folder. Raises UsageError in one line that names file and key."""
    try:
        content = read_bounded(path, _MAX_BYTES, UsageError)
        raw = json.dumps(tomllib.loads(content.decode("utf-8")), default=str)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}); name the file: bertport check FILE") from error
    except (ValueError, RecursionError) as error:  # TOML's and Unicode's
        reason = "nested too deeply" if isinstance(error, RecursionError) else error
        raise UsageError(f"{path}: not TOML: {reason}") from error
    try:
        config: Config = _ADAPTER.validate_json(raw)
    except ValidationError as error:
        raise UsageError(f"{path}: {_first(error)}") from None
    _check_names(path, config)
    return _located(path, config)


_ADAPTER: TypeAdapter[Any] = TypeAdapter(Config)


def _first(error: ValidationError) -> str:
    found = error.errors(include_url=False)[0]
    key = ".".join(str(part + 1) if isinstance(part, int) else part for part in found["loc"])
    if found["type"] == "unexpected_keyword_argument":
        return f"{key}: unknown key; remove it, or see README for those there are"
    if found["type"] in ("missing", "missing_argument"):
        return f"{key}: missing"
    return f"{key}: {found['msg']}, found {str(found['input'])[:60]!r}"


def _check_names(path: Path, config: Config) -> None:
    names = [name for export in config.export for name in export.names]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UsageError(f"{path}: export: {twice!r} is there twice; if they are different models, give one a name")
    for number, export in enumerate(config.export, 1):
        _check_kinds(f"{path}: export.{number}", export)
        budget = export.budget
        if budget.latency is not None and budget.latency.to not in names:
            found = f"{budget.latency.to!r} is no bundle of this file"
            raise UsageError(f"{path}: export.{number}.budget.latency.to: {found}; it has {', '.join(names)}")
        if budget.max_drop_points is not None and export.data is None:
            raise UsageError(f"{path}: export.{number}.budget.max_drop_points: needs export.data.file, labelled rows")


def _check_kinds(key: str, export: Export) -> None:
    """Targets have the schemes, and other processors' kernels are ONNX Runtime's."""
    for target, scheme in product(export.targets, export.schemes):
        try:
            find_budget(target, scheme)
        except UsageError as error:
            raise UsageError(f"{key}: {error}") from None
    others = [arch for arch in export.archs if arch != "native"]
    if others and (found := [target for target in export.targets if target != "onnx"]):
        raise UsageError(f"{key}.archs: {others[0]} is for ONNX bundles, found target {found[0]}; write another export")


def _located(path: Path, config: Config) -> Config:
    """Paths from the file's folder, those that must be there checked."""
    folder, exports = path.parent, []
    for number, export in enumerate(config.export, 1):
        key = f"{path}: export.{number}"
        texts = None if export.texts is None else _existing(f"{key}.texts", folder / export.texts)
        name, model = export.name or Path(export.model).name or "model", _model(f"{key}.model", folder, export.model)
        data = export.data
        if data is not None:
            data = replace(data, file=_existing(f"{key}.data.file", folder / data.file))
        exports.append(replace(export, texts=texts, data=data, name=name, model=model))
    baseline = None if config.baseline is None else folder / config.baseline
    return replace(config, export=tuple(exports), baseline=baseline)


def _model(key: str, folder: Path, model: str) -> str:
    """A folder from the file's own; a hub id or the demo as it is."""
    if model == DEMO or not is_folder(folder / model):
        if model.startswith((".", "/")):
            raise UsageError(f"{key}: no folder {folder / model}")
        return model
    return str(folder / model)


def _existing(key: str, path: Path) -> Path:
    if not is_file(path):
        raise UsageError(f"{key}: no file {path}")
    return path
