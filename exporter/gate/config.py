"""Reading bertport.toml: what `bertport check` exports, and what each bundle may cost."""

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_type_hints

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from exporter.gate.export_options import options, taken, to_request
from exporter.gate.synonyms import renamed
from exporter.options.checkpoint import model_from
from exporter.options.request import Request
from exporter.targets.registry import DEFAULT_SCHEME, DEFAULT_TARGET, find_scheme
from exporter.verification.check import Limit
from runtimes.backends.backend import NATIVE
from runtimes.backends.registry import BACKENDS
from runtimes.bundle.integrity import is_file
from runtimes.errors import UsageError
from runtimes.files.bounded_read import read_bounded

_MAX_BYTES = 1_000_000
Name = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(ge=1)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Arch = Literal["native", "arm64", "arm64-sme", "x86-64-avx2"]
"""runtimes.backends.backend.ARCHITECTURES."""
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
    min_cosine: Share | None = None
    max_size_bytes: Count | None = None
    max_peak_rss_bytes: Count | None = None
    max_drop_points: Amount | None = None
    latency: LatencyBudget | None = None

    def limit(self, given: Limit) -> Limit:
        """What is said here of parity, over what the export's own options say."""
        said = {one.name: getattr(self, one.name) for one in fields(Limit)}
        return replace(given, **{name: value for name, value in said.items() if value is not None})


@dataclass(frozen=True)
class Data:
    """Labelled rows for the accuracy, as `bertport evaluate` reads them; columns left out are guessed.

    `labels` says which value in the file is which label, `metric` what decides, `aggregation` which tokens decide a
    word's label.
    """

    file: Path
    format: Literal["csv", "tsv", "jsonl"] | None = None
    text: tuple[Name, ...] = ()
    text_pair: Name | None = None
    label: Name | None = None
    join: str = " "
    labels: Mapping[str, Name] = field(default_factory=dict)
    limit: Count | None = None
    metric: Name | None = None
    aggregation: Literal["first", "average", "max"] | None = None
    """runtimes.parity.aggregation.OF_WORDS."""


@dataclass(frozen=True)
class Export:
    """Bundles of one model that share settings and budgets: every target × scheme.

    `model` is a folder, a hub id or "demo", called `name` if that is given; `archs` are those of `bertport verify`.
    Every other option of `bertport export` is a key too, here or in `settings`: see export_options; `request` is what
    they ask for.
    """

    model: Name
    name: Annotated[str, Field(pattern=r"^\w[\w.-]*$")] | None = None
    targets: Annotated[tuple[Name, ...], Field(min_length=1)] = (DEFAULT_TARGET,)
    schemes: Annotated[tuple[Name, ...], Field(min_length=1)] = (DEFAULT_SCHEME,)
    archs: Annotated[tuple[Arch, ...], Field(min_length=1)] = ("native",)
    settings: Mapping[str, Any] = field(default_factory=dict)
    budget: Budgets = field(default_factory=Budgets)
    data: Data | None = None

    @cached_property
    def request(self) -> Request:
        """What `bertport export` is asked for; once the file is read, it can be."""
        return to_request(self.model, self.targets, self.schemes, self.settings)

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
        raw = tomllib.loads(content.decode("utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}); name the file: bertport check FILE") from error
    except (ValueError, RecursionError) as error:  # TOML's and Unicode's
        reason = "nested too deeply" if isinstance(error, RecursionError) else error
        raise UsageError(f"{path}: not TOML: {reason}") from error
    try:
        config: Config = _ADAPTER.validate_json(json.dumps(_gathered(path, raw), default=str))
    except ValidationError as error:
        raise UsageError(f"{path}: {_first(error)}") from None
    _check_names(path, config)
    return _checked_requests(path, _located(path, config))


_ADAPTER: TypeAdapter[Any] = TypeAdapter(Config)
_UNKNOWN = "unexpected_keyword_argument"
"""pydantic's name for it."""


def _first(error: ValidationError) -> str:
    every = error.errors(include_url=False)
    found = next((one for one in every if one["type"] == _UNKNOWN), every[0])  # a misspelt key is a missing one too
    key = ".".join(str(part + 1) if isinstance(part, int) else part for part in found["loc"])
    if found["type"] == _UNKNOWN:
        return f"{key}: unknown key; there are {', '.join(_keys(found['loc'][:-1]))}"
    if found["type"] in ("missing", "missing_argument"):
        return f"{key}: missing"
    return f"{key}: {found['msg']}, found {str(found['input'])[:60]!r}"


def _gathered(path: Path, raw: dict[str, Any]) -> dict[str, Any]:
    """The file with the options of `export` in `settings`, wherever they were, each value of its option's type."""
    entries = raw.get("export")
    if "timing" in raw:
        raw = raw | {"timing": renamed(raw["timing"], "timing", f"{path}: timing")}
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        return raw  # which is refused next
    return raw | {"export": [_settled(path, f"export.{at}", entry) for at, entry in enumerate(entries, 1)]}


def _settled(path: Path, key: str, entry: dict[str, Any]) -> dict[str, Any]:
    settings = entry.get("settings", {})
    if not isinstance(settings, dict):
        return entry
    above, below = renamed(entry, "export", f"{path}: {key}"), renamed(settings, "export", f"{path}: {key}.settings")
    above |= {name: renamed(above[name], name, f"{path}: {key}.{name}") for name in ("budget", "data") if name in above}
    above.pop("settings", None)
    given: dict[str, Any] = {}
    for where, table in ((key, above), (f"{key}.settings", below)):
        for name in [name for name in table if name in options()]:
            if name in given:
                raise UsageError(f"{path}: {where}.{name}: is there twice; say it once")
            given[name] = taken(name, table[name], f"{path}: {where}.{name}", path.parent)
    if unknown := [name for name in below if name not in options()]:
        raise UsageError(f"{path}: {key}.settings.{unknown[0]}: unknown key; there are {', '.join(options())}")
    return {name: value for name, value in above.items() if name not in options()} | {"settings": given}


def _keys(place: Sequence[str | int]) -> list[str]:
    """The keys that there are at some place in the file."""
    here: Any = Config
    for part in place:
        here = here if isinstance(part, int) else get_type_hints(here)[part]
        here = next((one for one in (here, *_inside(here)) if is_dataclass(one)), here)
    return [*(one.name for one in fields(here)), *(options() if here is Export else ())]


def _inside(hint: Any) -> Iterator[Any]:
    """The types that a tuple or a union is of."""
    for one in get_args(hint):
        yield one
        yield from _inside(one)


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
    """Targets have the schemes, and not every runtime has kernels for other processors."""
    for target, scheme in product(export.targets, export.schemes):
        try:
            find_scheme(target, scheme)
        except UsageError as error:
            raise UsageError(f"{key}: {error}") from None
    others = [arch for arch in export.archs if arch != NATIVE]
    if others and (found := [target for target in export.targets if BACKENDS[target].emulated is None]):
        raise UsageError(f"{key}.archs: {others[0]}: {found[0]} has no kernels to emulate; write another export for it")


def _located(path: Path, config: Config) -> Config:
    """Paths from the file's folder, those that must be there checked."""
    folder, exports = path.parent, []
    for number, export in enumerate(config.export, 1):
        key = f"{path}: export.{number}"
        name, model = (
            export.name or Path(export.model).name or "model",
            model_from(f"{key}.model", folder, export.model),
        )
        data = export.data
        if data is not None:
            data = replace(data, file=_existing(f"{key}.data.file", folder / data.file))
        exports.append(replace(export, data=data, name=name, model=model))
    baseline = None if config.baseline is None else folder / config.baseline
    return replace(config, export=tuple(exports), baseline=baseline)


def _checked_requests(path: Path, config: Config) -> Config:
    """The same, once the options fit each other."""
    for number, export in enumerate(config.export, 1):
        try:
            _ = export.request
        except UsageError as error:
            raise UsageError(f"{path}: export.{number}: {error}") from None
    return config


def _existing(key: str, path: Path) -> Path:
    if not is_file(path):
        raise UsageError(f"{key}: no file {path}")
    return path
