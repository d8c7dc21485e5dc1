"""Bundles beside each other and beside PyTorch: interleaved rounds, kept as they come, one record at the end.

What is measured of a case is in runtimes/measurement/measure.py. A run that was ended goes on where it was, if host,
plan and every hash are what they were; else it starts over.
"""

import json
import logging
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from runtimes.errors import UsageError
from runtimes.files.atomic_write import write_whole
from runtimes.measurement.measure import Case, Plan, fingerprint, measure_once
from runtimes.records.reading import SCHEMA_VERSION, parse_record, valid_entry
from runtimes.records.types import BenchRecord
from runtimes.records.writing import Entry, Journal

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

    def subject(self) -> dict[str, Any]:
        """For the record, sizes included."""
        return {
            "name": self.name,
            "runtime": self.runtime,
            "status": "measured" if self.cases else "not run",
            "note": self.note,
            "disk_bytes": sum(path.stat().st_size for path in self.files),
            "compressed_bytes": compressed_bytes(self.files),
            "bundle": self.bundle,
            "files": dict(self.hashes),
        }


def run_bench(contestants: Sequence[Contestant], plan: Plan, place: Path) -> BenchRecord:
    """Measure every case in every round and write the record to `place`; what was done before is not done again.

    Raises MeasurementError when a child fails, UsageError where nothing can be written; what was measured until then
    is kept beside `place`.
    """
    if place.is_dir():
        raise UsageError(f"{place}: expected a file to write, found a folder; name a file with -o")
    header = _header(contestants, plan)
    journal = Journal.open(place.with_name(f"{place.name}.partial"), header, valid_entry)
    _measure_missing(journal, [case for one in contestants for case in one.cases], plan)
    content = json.dumps(header | {"measurements": journal.entries}, ensure_ascii=False, allow_nan=False).encode()
    record: BenchRecord = parse_record(place, content, "bench")
    write_whole(place, content + b"\n")
    journal.remove()
    return record


def compressed_bytes(files: Sequence[Path]) -> int:
    """Bytes of the files in a zip archive, as an app store sends them."""
    with TemporaryFile() as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for number, path in enumerate(files):
                archive.write(path, f"{number}/{path.name}")
        return file.tell()


def _header(contestants: Sequence[Contestant], plan: Plan) -> dict[str, Any]:
    threads = sorted({case.threads for one in contestants for case in one.cases})
    return {
        "kind": "bench",
        "schema_version": SCHEMA_VERSION,
        "host": fingerprint(),
        "versions": {name: version(name) for name in LIBRARIES},
        "plan": asdict(plan) | {"threads": threads},
        "subjects": [one.subject() for one in contestants],
    }


def _measure_missing(journal: Journal, cases: Sequence[Case], plan: Plan) -> None:
    """Fill the journal, round by round over all cases."""
    wanted = [(number, case) for number in range(plan.rounds) for case in cases]
    done = {(entry["round"], entry["subject"], entry["threads"]) for entry in journal.entries}
    sitting = datetime.now(UTC).isoformat(timespec="seconds")
    for position, (number, case) in enumerate(wanted, 1):
        if (number, case.name, case.threads) not in done:
            threads = f"{case.threads} thread{'s' * (case.threads > 1)}"
            _log.info(f"{position} of {len(wanted)}: round {number + 1}, {case.name}, {threads}")
            journal.append(_entry(case, plan, number, sitting))


def _entry(case: Case, plan: Plan, number: int, sitting: str) -> Entry:
    figures = asdict(measure_once(case, plan))
    del figures["case"]
    return {"subject": case.name, "threads": case.threads, "round": number, "sitting": sitting} | figures
