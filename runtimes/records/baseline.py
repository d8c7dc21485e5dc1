"""The committed record that later checks are held against: sizes, differences and accuracy of every bundle.

Times and memory are not in it: they are never compared across hosts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field

from runtimes.records.record import Record
from runtimes.records.values import Amount, Bytes, Finite

UPDATE = "--update-baseline"


@dataclass(frozen=True)
class Difference:
    """Of one processor: how it was run, the largest difference as a share of the logit range, and the agreement."""

    status: str
    max_relative: Amount
    agreement: Amount | None


@dataclass(frozen=True)
class Figures:
    """What is kept of one bundle; `parity` is by processor, None for one that could not be run."""

    size_bytes: Bytes
    parity: Mapping[str, Difference | None]
    drop_points: Annotated[Finite | None, Field(default=None)]


@dataclass(frozen=True, kw_only=True)
class BaselineRecord(Record):
    """The file. `versions` are those of the libraries that gave the figures, for who wonders why they moved."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    kind: Literal["check-baseline"] = "check-baseline"
    versions: Mapping[str, str]
    bundles: Mapping[str, Figures]

    noun: ClassVar[str] = "a baseline"
    remedy: ClassVar[str] = f"restore it, or write it anew with `bertport check {UPDATE}`"
