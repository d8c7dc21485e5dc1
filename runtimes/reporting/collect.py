"""Collecting records below some folders, each read, validated, and checked against the others."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from runtimes.bundle.manifest import MANIFEST, PARITY
from runtimes.bundle.reading import Bundle, check_files, read_bundle
from runtimes.errors import RecordError, UsageError
from runtimes.records.bench import BenchRecord
from runtimes.records.check import CheckRecord
from runtimes.records.device import DeviceRecord
from runtimes.records.evaluate import EvaluateRecord
from runtimes.records.parity import ParityRecord
from runtimes.records.reading import parse_record, read_bounded, read_record
from runtimes.records.record import Record
from runtimes.records.subjects import BundleName
from runtimes.records.tune import TuneRecord

T = TypeVar("T")


@dataclass(frozen=True)
class Found(Generic[T]):
    """A record, and the path that it was read from."""

    place: Path
    record: T


@dataclass(frozen=True)
class FoundBundle:
    """A bundle whose files are what its manifest says, and its parity.json."""

    bundle: Bundle
    name: BundleName
    parity: ParityRecord


@dataclass(frozen=True)
class Findings:
    """All that was found, in the order of paths.

    `checks` are parity records that lie outside a bundle, `gates` what `bertport check` found.
    """

    bundles: tuple[FoundBundle, ...]
    checks: tuple[Found[ParityRecord], ...]
    benches: tuple[Found[BenchRecord], ...]
    evaluations: tuple[Found[EvaluateRecord], ...]
    tunes: tuple[Found[TuneRecord], ...]
    devices: tuple[Found[DeviceRecord], ...]
    gates: tuple[Found[CheckRecord], ...]

    @property
    def count(self) -> int:
        """Number of records."""
        others = (self.checks, self.benches, self.evaluations, self.tunes, self.devices, self.gates)
        return len(self.bundles) + sum(map(len, others))


def collect(directories: Sequence[Path]) -> Findings:
    """Read every record below `directories`; a folder whose name begins with a dot is left alone.

    Raises UsageError where there is none, BundleError for a bundle whose files are not its manifest's, RecordError
    for what cannot be read or was timed on another host.
    """
    bundles: dict[Path, FoundBundle] = {}
    records: dict[Path, Record] = {}
    for directory in directories:
        if not directory.is_dir():
            raise UsageError(f"{directory}: no such folder; pass folders that hold bundles or records")
        for path in _candidates(directory):
            _take(path, bundles, records)
    findings = _sorted(bundles, records)
    if not findings.count:
        names = ", ".join(map(str, directories))
        raise UsageError(f"{names}: no record there; `bertport export` and `bertport bench -o FILE` write some")
    _check_hosts(findings)
    return findings


def _candidates(directory: Path) -> Iterator[Path]:
    """Folders that are bundles, and JSON files outside of them; links are not followed."""
    for folder, below, files in os.walk(directory):
        below[:] = sorted(name for name in below if not name.startswith("."))
        if MANIFEST in files:
            below.clear()
            yield Path(folder)
        else:
            yield from (Path(folder) / name for name in sorted(files) if name.endswith(".json"))


def _take(path: Path, bundles: dict[Path, FoundBundle], records: dict[Path, Record]) -> None:
    key = path.resolve()
    if key in bundles or key in records:
        return
    if path.is_dir():
        bundles[key] = _read_bundle(path)
    elif (record := read_record(path)) is not None:
        records[key] = record


def _read_bundle(directory: Path) -> FoundBundle:
    bundle = read_bundle(directory)
    check_files(bundle)
    parity = parse_record(directory / PARITY, read_bounded(directory / PARITY), ParityRecord)
    return FoundBundle(bundle, BundleName(**bundle.identity), parity)


def _sorted(bundles: Mapping[Path, FoundBundle], records: Mapping[Path, Record]) -> Findings:
    def of(kind: type[T]) -> tuple[Found[T], ...]:
        return tuple(Found(path, record) for path, record in records.items() if isinstance(record, kind))

    return Findings(
        tuple(bundles.values()),
        of(ParityRecord),
        of(BenchRecord),
        of(EvaluateRecord),
        of(TuneRecord),
        of(DeviceRecord),
        of(CheckRecord),
    )


def _check_hosts(findings: Findings) -> None:
    """Times of two hosts do not belong on one page."""
    hosts = [(found.place, found.record.host) for found in findings.benches]
    hosts += [(found.place, found.record.host) for found in findings.tunes]
    timed = [(place, host) for place, host in hosts if host]
    for place, host in timed[1:]:
        first_place, first = timed[0]
        different = sorted(key for key in first | host if first.get(key) != host.get(key))
        if different:
            key = different[0]
            raise RecordError(
                f"{place}: timed on another host than {first_place} ({key} {_short(host.get(key))}, "
                f"there {_short(first.get(key))}); times of two hosts are not compared: report them apart"
            )


def _short(text: str | None) -> str:
    return repr(text)[:80]
