"""What an export is asked for: one checkpoint, and every target × scheme to make of it."""

from dataclasses import dataclass, field
from pathlib import Path

from exporter.checkpoint.source import HubOptions
from exporter.targets.registry import (
    DEFAULT_SCHEME,
    DEFAULT_TARGET,
)
from exporter.targets.target import Settings
from exporter.verification.check import Answering, Limit


@dataclass(frozen=True)
class Request:
    """One call of the exporter; every target × scheme is one bundle. `texts_file`: see `verification.check.Check`."""

    model: str
    targets: tuple[str, ...] = (DEFAULT_TARGET,)
    schemes: tuple[str, ...] = (DEFAULT_SCHEME,)
    destination: Path | None = None
    task: str = "auto"
    hub: HubOptions = field(default_factory=HubOptions)
    settings: Settings = field(default_factory=Settings)
    verify: bool = True
    keep_failing: bool = False
    limit: Limit = field(default_factory=Limit)
    texts: tuple[str, ...] = ()
    pairs: bool = False
    texts_file: Path | None = None
    answering: Answering = field(default_factory=Answering)
