"""The record of an app kit's own tests, written by the kit in its language and read here."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from runtimes.records.record import Record
from runtimes.records.values import Amount, Bytes, Count, Finite, Seconds, Status, Text


@dataclass(frozen=True)
class DeviceHost:
    """The machine, such as iPhone15,2; a simulator computes on the machine around it."""

    device: Text
    system: Text
    cores: Count
    simulator: bool


@dataclass(frozen=True, kw_only=True)
class DeviceRun:
    """golden.json replayed on one compute unit; both differences are -1 where a number was not finite."""

    compute_units: Text
    tokens: Annotated[int, Field(ge=1)]
    max_absolute: Finite
    mean_absolute: Finite
    verdict: Literal["pass", "fail"]
    load_s: Seconds
    latency_s: tuple[Seconds, ...]


@dataclass(frozen=True, kw_only=True)
class DeviceRecord(Record):
    """What an app kit's own tests write; of the kits for ONNX Runtime, of one compute unit called cpu.

    One without a target is of a kit for Core ML, from before there was another. `bertport` is the version that made it.
    """

    kind: Literal["device"] = "device"
    status: Annotated[Status, Field(default="measured")]
    bertport: Annotated[Text, Field(default="")]
    source: Text
    target: Annotated[Text, Field(default="coreml")]
    task: Annotated[Text, Field(default="")]
    scheme: Text
    manifest_sha256: Text
    host: DeviceHost
    vectors: Count
    tolerance_absolute: Amount
    runs: tuple[DeviceRun, ...]
    peak_rss_bytes: Bytes
