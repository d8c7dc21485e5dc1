"""The record of `bertport bench`: every raw value of every child process."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from runtimes.records.record import Record
from runtimes.records.subjects import BundleName
from runtimes.records.values import Bytes, Count, Seconds, Text


@dataclass(frozen=True)
class Latency:
    """Every raw value of one shape; `peak_rss_bytes` is the process's peak when they were done."""

    tokens: Annotated[int, Field(ge=1)]
    rows: Annotated[int, Field(ge=1)]
    values_s: Annotated[tuple[Seconds, ...], Field(min_length=1)]
    peak_rss_bytes: Annotated[Bytes, Field(default=0)]


@dataclass(frozen=True, kw_only=True)
class BenchPlan:
    """What was asked of a bench run."""

    lengths: tuple[Count, ...]
    runs: Count
    rounds: Count
    batches: tuple[Count, ...]
    threads: tuple[Count, ...]


@dataclass(frozen=True, kw_only=True)
class BenchSubject:
    """One bundle, or PyTorch on a checkpoint; `files` maps what is measured to its hash."""

    name: Text
    runtime: Text
    status: Literal["measured", "not run"]
    note: Text
    disk_bytes: Bytes
    compressed_bytes: Bytes
    bundle: BundleName | None
    files: dict[str, Text]


@dataclass(frozen=True, kw_only=True)
class BenchEntry:
    """One child process. `sitting` is when the run that made it began: a run that was ended goes on in another."""

    subject: Text
    threads: Annotated[int, Field(ge=1)]
    round: Count
    sitting: Text
    cold_start_s: Seconds
    import_s: Seconds
    load_s: Seconds
    first_run_s: Seconds
    latencies: tuple[Latency, ...]
    bare_rss_bytes: Bytes
    peak_rss_bytes: Bytes


@dataclass(frozen=True, kw_only=True)
class BenchRecord(Record):
    """What `bertport bench` keeps."""

    kind: Literal["bench"] = "bench"
    host: dict[str, Text]
    versions: dict[str, Text]
    plan: BenchPlan
    subjects: tuple[BenchSubject, ...]
    measurements: tuple[BenchEntry, ...]

    bulky: ClassVar[bool] = True
