"""Benchmarks of bundles and PyTorch: interleaved rounds, raw values kept, one record at the end.

What is measured of a case is in runtimes/measurement/measure.py. A run that was ended goes on where it was, if host,
plan and every hash are what they were; else it starts over.
"""

import logging
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryFile

from runtimes.errors import UsageError
from runtimes.measurement.host import fingerprint, versions
from runtimes.measurement.measure import Case, Plan, measure_once
from runtimes.process.progress import track
from runtimes.records.bench import BenchEntry, BenchPlan, BenchRecord, BenchSubject, Latency
from runtimes.records.reading import parse_entry, valid_entry
from runtimes.records.subjects import BundleName
from runtimes.records.writing import Journal, plain, write_record

_log = logging.getLogger(__name__)

LIBRARIES = ("onnxruntime", "torch", "transformers", "coremltools", "numpy")


@dataclass(frozen=True)
class Contestant:
    """A bundle, or PyTorch on a checkpoint.

    `files` are the model's, `hashes` what must not change between two sittings; `cases` has one for each number of
    threads, and none where it cannot be timed here: `note` says why.
    """

    name: str
    runtime: str
    files: tuple[Path, ...]
    hashes: Mapping[str, str]
    cases: tuple[Case, ...]
    bundle: Mapping[str, str] | None = None
    note: str = ""

    def subject(self) -> BenchSubject:
        """For the record, sizes included."""
        return BenchSubject(
            name=self.name,
            runtime=self.runtime,
            status="measured" if self.cases else "not run",
            note=self.note,
            disk_bytes=sum(path.stat().st_size for path in self.files),
            compressed_bytes=compressed_bytes(self.files),
            bundle=BundleName(**self.bundle) if self.bundle else None,
            files=dict(self.hashes),
        )


def run_bench(contestants: Sequence[Contestant], plan: Plan, place: Path) -> BenchRecord:
    """Measure every case in every round and write the record to `place`; what was done before is not done again.

    Raises MeasurementError when a child fails, UsageError where nothing can be written; what was measured until then
    is kept beside `place`.
    """
    if place.is_dir():
        raise UsageError(f"{place}: expected a file to write, found a folder; name a file with -o")
    begun = _begun(contestants, plan)
    header = {name: part for name, part in plain(begun).items() if name != "measurements"}
    journal = Journal.open(place.with_name(f"{place.name}.partial"), header, valid_entry)
    _measure_missing(journal, [case for one in contestants for case in one.cases], plan)
    record = replace(begun, measurements=tuple(map(parse_entry, journal.entries)))
    write_record(place, record)
    journal.remove()
    return record


def compressed_bytes(files: Sequence[Path]) -> int:
    """Bytes of the files in a zip archive, as an app store sends them."""
    with TemporaryFile() as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for number, path in enumerate(files):
                archive.write(path, f"{number}/{path.name}")
        return file.tell()


def _begun(contestants: Sequence[Contestant], plan: Plan) -> BenchRecord:
    """The record before anything was measured."""
    threads = tuple(sorted({case.threads for one in contestants for case in one.cases}))
    return BenchRecord(
        host=fingerprint(),
        versions=versions(*LIBRARIES),
        plan=BenchPlan(**vars(plan), threads=threads),
        subjects=tuple(one.subject() for one in contestants),
        measurements=(),
    )


def _measure_missing(journal: Journal, cases: Sequence[Case], plan: Plan) -> None:
    """Fill the journal, round by round over all cases."""
    wanted = [(number, case) for number in range(plan.rounds) for case in cases]
    done = {(entry["round"], entry["subject"], entry["threads"]) for entry in journal.entries}
    sitting = datetime.now(UTC).isoformat(timespec="seconds")
    for position, (number, case) in enumerate(track(wanted, "measurements"), 1):
        if (number, case.name, case.threads) not in done:
            threads = f"{case.threads} thread{'s' * (case.threads > 1)}"
            _log.info(f"{position} of {len(wanted)}: round {number + 1}, {case.name}, {threads}")
            journal.append(plain(_entry(case, plan, number, sitting)))


def _entry(case: Case, plan: Plan, number: int, sitting: str) -> BenchEntry:
    figures = vars(measure_once(case, plan)) | {"round": number, "sitting": sitting}
    case, latencies = figures.pop("case"), tuple(Latency(**vars(one)) for one in figures.pop("latencies"))
    return BenchEntry(subject=case.name, threads=case.threads, latencies=latencies, **figures)
