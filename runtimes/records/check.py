"""The record of `bertport check`: every bundle's figures, and the judgement of each budget."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from runtimes.records.parity import ParityRecord
from runtimes.records.record import Record
from runtimes.records.values import Amount, Bytes, Finite, Strings, Text, Verdict


@dataclass(frozen=True, kw_only=True)
class CheckedBundle:
    """One bundle: its parity by processor, and ratios of latency by tokens; what was not asked for is None."""

    size_bytes: Bytes
    parity: dict[str, ParityRecord]
    drop_points: Annotated[Finite | None, Field(default=None)]
    peak_rss_bytes: Annotated[Bytes | None, Field(default=None)]
    latency_ratios: Annotated[dict[str, Amount] | None, Field(default=None)]


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One judgement: see runtimes.reporting.junit.Finding."""

    suite: Text
    name: Text
    verdict: Verdict
    message: Text
    detail: Text


@dataclass(frozen=True, kw_only=True)
class CheckRecord(Record):
    """What `bertport check --json` prints."""

    kind: Literal["check"] = "check"
    host: Strings
    versions: Strings
    bundles: dict[str, CheckedBundle]
    findings: tuple[Judged, ...]
