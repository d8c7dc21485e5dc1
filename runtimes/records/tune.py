"""The record of `bertport tune`: what was tried, what it cost, and what was taken."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from runtimes.records.parity import ParityRecord
from runtimes.records.record import Record
from runtimes.records.subjects import Rows, Source
from runtimes.records.values import Bytes, Count, Finite, Interval, Recipe, Seconds, Strings, Text


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One bundle that a search tried; scores over the rows that decide. `latency_s` holds every run.

    `dominated`: another one is as small, as good and as fast, and better in one of them.
    """

    name: Text
    recipe: Recipe
    size_bytes: Bytes
    metric: Text
    pytorch: Finite
    exported: Finite
    drop_points: Finite
    interval_points: Interval
    held_out_points: Annotated[Finite | None, Field(default=None)]
    tried_s: Annotated[Seconds, Field(default=0.0)]
    latency_s: Annotated[tuple[Seconds, ...], Field(default=())]
    dominated: Annotated[bool, Field(default=False)]


@dataclass(frozen=True)
class Group:
    """Weights that are rounded or kept together: patterns of their names, and how many numbers they hold."""

    name: Text
    patterns: tuple[Text, ...]
    numbers: Count


@dataclass(frozen=True)
class Sensitivity:
    """What rounding one group does: the mean |difference| of the outputs over `rows` rows of the data."""

    group: Group
    mean_absolute: Finite
    rows: Count
    measured_s: Seconds


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What a search took for one target; `name`, `directory` and `parity` are None where nothing held the budget.

    `untimed`: why latency had no say in it; empty where it had.
    """

    target: Text
    name: Text | None
    directory: Annotated[str | None, Field(default=None)]
    parity: Annotated[ParityRecord | None, Field(default=None)]
    why: Annotated[Text, Field(default="")]
    untimed: Annotated[Text, Field(default="")]


@dataclass(frozen=True, kw_only=True)
class TuneRecord(Record):
    """What `bertport tune --record FILE` keeps.

    `left_out` maps what was not tried to the reason, `sensitivities` a candidate to its groups of weights; `holdout`
    is the share of the rows that did not decide.
    """

    kind: Literal["tune"] = "tune"
    host: Strings
    versions: Strings
    source: Source
    data: Rows
    max_drop_points: Finite
    holdout: Annotated[Finite, Field(default=0.0)]
    deciding_rows: Annotated[Count, Field(default=0)]
    candidates: tuple[Candidate, ...]
    left_out: Strings
    sensitivities: Annotated[dict[str, tuple[Sensitivity, ...]], Field(default_factory=dict)]
    chosen: tuple[Choice, ...]
    warnings: Annotated[tuple[Text, ...], Field(default=())]
    took_s: Annotated[Seconds, Field(default=0.0)]

    bulky: ClassVar[bool] = True
