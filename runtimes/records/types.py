"""The schema of every kind of record that a report reads.

What a record holds beyond its schema is left alone; what the schema names must be there, of its type, and finite.
"""

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Field

from runtimes.records.values import Amount, Bytes, Count, Finite, Seconds, Status, Text


@dataclass(frozen=True)
class BundleName:
    """Which bundle a record is about; see runtimes.bundle.reading.Bundle.identity."""

    model: Text
    target: Text
    scheme: Text
    manifest_sha256: Text = ""


@dataclass(frozen=True)
class TensorError:
    """One named tensor of both sides; `relative` is None where one of them holds NaN or infinity."""

    name: Text
    relative: Amount | None
    beyond: bool


@dataclass(frozen=True)
class Explanation:
    """Our float32 graph against PyTorch, and the saved file against our graph, on one case of the battery."""

    case: Text
    graph: tuple[TensorError, ...]
    file: tuple[TensorError, ...]


@dataclass(frozen=True)
class ParityRecord:
    """parity.json of a bundle, and what `bertport verify -o FILE` keeps; differences in logits."""

    verdict: Literal["pass", "fail", "not run"]
    status: Status
    rows: Count
    max_absolute: Amount
    mean_absolute: Amount
    logit_range: Amount
    max_relative: Amount
    min_cosine: Finite | None
    agreement: Amount | None
    padding_max_absolute: Amount
    worst_case: Text
    failures: tuple[Text, ...]
    warnings: tuple[Text, ...]
    note: Text = ""
    absolute_quantiles: dict[str, Amount] = field(default_factory=dict)
    coverage: dict[str, Count] = field(default_factory=dict)
    agreement_interval: tuple[Amount, Amount] | None = None
    bundle: BundleName | None = None
    explanation: Explanation | None = None
    kind: Literal["parity"] = "parity"
    schema_version: Literal[1] = 1


@dataclass(frozen=True)
class Latency:
    """Every raw value of one shape; `peak_rss_bytes` is the process's peak when they were done."""

    tokens: Annotated[int, Field(ge=1)]
    rows: Annotated[int, Field(ge=1)]
    values_s: Annotated[tuple[Seconds, ...], Field(min_length=1)]
    peak_rss_bytes: Bytes = 0


@dataclass(frozen=True)
class BenchPlan:
    """What was asked of a bench run."""

    lengths: tuple[Count, ...]
    batches: tuple[Count, ...]
    threads: tuple[Count, ...]
    runs: Count
    rounds: Count


@dataclass(frozen=True)
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


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class BenchRecord:
    """What `bertport bench` keeps."""

    kind: Literal["bench"]
    schema_version: Literal[1]
    host: dict[str, Text]
    versions: dict[str, Text]
    plan: BenchPlan
    subjects: tuple[BenchSubject, ...]
    measurements: tuple[BenchEntry, ...]


@dataclass(frozen=True)
class Source:
    """The checkpoint that a bundle was made from."""

    model: Text


@dataclass(frozen=True)
class RecipeName:
    """What of a recipe names a bundle."""

    target: Text
    scheme: Text


@dataclass(frozen=True)
class Rows:
    """Which labelled rows were read."""

    file: Text
    rows: Annotated[int, Field(ge=1)]


@dataclass(frozen=True)
class Scores:
    """Figures of one side by name; shares, or what the metric is in."""

    figures: dict[str, Finite]


@dataclass(frozen=True)
class EvaluateRecord:
    """What `bertport evaluate -o FILE` keeps. The drop, in points, is PyTorch's score less the bundle's."""

    kind: Literal["evaluate"]
    schema_version: Literal[1]
    source: Source
    recipe: RecipeName
    size_bytes: Bytes
    status: Status
    data: Rows
    metric: Text
    pytorch: Scores
    exported: Scores
    drop_points: Finite
    interval_points: tuple[Finite, Finite]
    interval_method: Text = ""
    agreement: Amount | None = None
    warnings: tuple[Text, ...] = ()
    bundle: Text = ""
    host: dict[str, Text] = field(default_factory=dict)


@dataclass(frozen=True)
class Candidate:
    """One bundle that a search tried; scores over the rows that decide. `latency_s` holds every run."""

    name: Text
    recipe: RecipeName
    size_bytes: Bytes
    metric: Text
    pytorch: Finite
    exported: Finite
    drop_points: Finite
    interval_points: tuple[Finite, Finite]
    held_out_points: Finite | None = None
    latency_s: tuple[Seconds, ...] = ()


@dataclass(frozen=True)
class Choice:
    """What a search took for one target; None where nothing held the budget."""

    target: Text
    name: Text | None
    why: Text = ""


@dataclass(frozen=True)
class TuneRecord:
    """What `bertport tune -o FILE` keeps. `left_out` maps what was not tried to the reason."""

    kind: Literal["tune"]
    schema_version: Literal[1]
    source: Source
    data: Rows
    max_drop_points: Finite
    candidates: tuple[Candidate, ...]
    chosen: tuple[Choice, ...]
    left_out: dict[str, Text] = field(default_factory=dict)
    host: dict[str, Text] = field(default_factory=dict)


@dataclass(frozen=True)
class DeviceHost:
    """The machine, such as iPhone15,2; a simulator computes on the machine around it."""

    device: Text
    system: Text
    cores: Count
    simulator: bool


@dataclass(frozen=True)
class DeviceRun:
    """golden.json replayed on one compute unit; both differences are -1 where a number was not finite."""

    compute_units: Text
    tokens: Annotated[int, Field(ge=1)]
    max_absolute: Finite
    mean_absolute: Finite
    verdict: Literal["pass", "fail"]
    load_s: Seconds
    latency_s: tuple[Seconds, ...]


@dataclass(frozen=True)
class DeviceRecord:
    """What an app kit's own tests write; of the kits for ONNX Runtime, of one compute unit called cpu."""

    kind: Literal["device"]
    source: Text
    scheme: Text
    manifest_sha256: Text
    host: DeviceHost
    vectors: Count
    tolerance_absolute: Amount
    runs: tuple[DeviceRun, ...]
    peak_rss_bytes: Bytes
    status: Status = "measured"
    target: Text = "coreml"


@dataclass(frozen=True)
class CheckedBundle:
    """One bundle of a `bertport check`: its parity by processor."""

    size_bytes: Bytes
    parity: dict[str, ParityRecord]


@dataclass(frozen=True)
class Judged:
    """One judgement of a `bertport check`: see runtimes.reporting.junit.Finding."""

    suite: Text
    name: Text
    verdict: Literal["pass", "fail", "not run"]
    message: Text
    detail: Text


@dataclass(frozen=True)
class CheckRecord:
    """What `bertport check --json` prints, as far as a report shows it."""

    kind: Literal["check"]
    schema_version: Literal[1]
    bundles: dict[str, CheckedBundle]
    findings: tuple[Judged, ...]


Record = ParityRecord | BenchRecord | EvaluateRecord | TuneRecord | DeviceRecord | CheckRecord
KINDS: dict[str, type[Any]] = {
    "parity": ParityRecord,
    "bench": BenchRecord,
    "evaluate": EvaluateRecord,
    "tune": TuneRecord,
    "device": DeviceRecord,
    "check": CheckRecord,
}
