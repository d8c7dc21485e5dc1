"""The record of `bertport evaluate`: the figures of both sides, and the answers that they are computed from."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import Field, JsonValue

from runtimes.records.record import Record
from runtimes.records.subjects import Rows, Source
from runtimes.records.values import Amount, Bytes, Count, Finite, Interval, Recipe, Status, Strings, Text


@dataclass(frozen=True, kw_only=True)
class EvaluatedRows(Rows):
    """Both sides read `positions` tokens at most: `cut_rows` were longer, `changed_rows` are tokenized differently."""

    positions: Annotated[Count, Field(default=0)]
    cut_rows: Annotated[Count, Field(default=0)]
    changed_rows: Annotated[Count, Field(default=0)]


@dataclass(frozen=True)
class Scores:
    """Figures of one side by name, shares or what the metric is in; and F1 by label or entity."""

    figures: dict[str, Finite]
    per_class: Annotated[dict[str, Finite], Field(default_factory=dict)]


@dataclass(frozen=True, kw_only=True)
class DifferingRow:
    """A row that the two sides answer differently; `text` is the part of it that their answers are about."""

    row: Count
    line: Count
    text: str
    expected: JsonValue
    pytorch: JsonValue
    exported: JsonValue


@dataclass(frozen=True, kw_only=True)
class RowAnswers:
    """What is right in each row, and both sides' answers, in the order of the rows."""

    expected: tuple[JsonValue, ...]
    pytorch: tuple[JsonValue, ...]
    exported: tuple[JsonValue, ...]


@dataclass(frozen=True, kw_only=True)
class EvaluateRecord(Record):
    """What `bertport evaluate -o FILE` keeps. The drop, in points, is PyTorch's score less the bundle's.

    `aggregation` is what was asked to decide a word's label, if anything.
    """

    kind: Literal["evaluate"] = "evaluate"
    host: Strings
    versions: Strings
    bundle: Annotated[Text, Field(default="")]
    source: Source
    recipe: Recipe
    size_bytes: Bytes
    problem: Annotated[Text, Field(default="")]
    labels: Annotated[tuple[str, ...], Field(default=())]
    status: Status
    data: EvaluatedRows
    metric: Text
    aggregation: Annotated[Text, Field(default="")]
    pytorch: Scores
    exported: Scores
    drop_points: Finite
    interval_points: Interval
    interval_method: Annotated[Text, Field(default="")]
    agreement: Annotated[Amount | None, Field(default=None)]
    differing: Annotated[tuple[DifferingRow, ...], Field(default=())]
    warnings: Annotated[tuple[Text, ...], Field(default=())]
    rows: Annotated[RowAnswers | None, Field(default=None)]

    bulky: ClassVar[bool] = True
