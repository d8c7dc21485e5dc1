"""Statistics of a bench record: the figures shown, from the raw values of all rounds."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from runtimes.records.bench import BenchEntry, BenchRecord, BenchSubject, Latency


@dataclass(frozen=True)
class Timing:
    """Percentiles of one shape over all runs, and the rows a second that the median makes."""

    tokens: int
    rows: int
    runs: int
    p50_s: float
    p90_s: float
    p99_s: float

    @property
    def rows_per_s(self) -> float:
        """Throughput."""
        return self.rows / self.p50_s if self.p50_s else 0.0


@dataclass(frozen=True)
class Summary:
    """One subject at one number of threads: medians over the rounds; peaks are the largest seen.

    `peak_rss_bytes` is with batches of one row, what a phone runs; `batched_peak_rss_bytes` with all that were asked.
    """

    subject: BenchSubject
    threads: int
    rounds: int
    cold_start_s: float
    import_s: float
    load_s: float
    first_run_s: float
    timings: tuple[Timing, ...]
    bare_rss_bytes: int
    peak_rss_bytes: int
    batched_peak_rss_bytes: int

    def timing(self, tokens: int, rows: int = 1) -> Timing | None:
        """The timing of one shape, if it was run."""
        return next((one for one in self.timings if (one.tokens, one.rows) == (tokens, rows)), None)


def summarise(record: BenchRecord) -> list[Summary]:
    """Every subject that was run at every number of threads, in the record's order."""
    groups: dict[tuple[str, int], list[BenchEntry]] = {}
    for entry in record.measurements:
        groups.setdefault((entry.subject, entry.threads), []).append(entry)
    subjects = {subject.name: subject for subject in record.subjects}
    found = [_summary(subjects[name], threads, group) for (name, threads), group in groups.items() if name in subjects]
    return sorted(found, key=lambda one: (record.subjects.index(one.subject), one.threads))


def timing(latencies: Sequence[Latency]) -> Timing:
    """Pool the raw values of one shape."""
    values = [value for latency in latencies for value in latency.values_s]
    return Timing(latencies[0].tokens, latencies[0].rows, len(values), *percentiles(values))


def percentiles(values: Sequence[float]) -> tuple[float, float, float]:
    """50 %, 90 % and 99 %, interpolated linearly."""
    p50, p90, p99 = np.percentile(values, (50, 90, 99)).tolist()
    return p50, p90, p99


def _summary(subject: BenchSubject, threads: int, group: list[BenchEntry]) -> Summary:
    shapes: dict[tuple[int, int], list[Latency]] = {}
    for latency in (latency for entry in group for latency in entry.latencies):
        shapes.setdefault((latency.rows, latency.tokens), []).append(latency)
    single = [latency.peak_rss_bytes for (rows, _), found in shapes.items() if rows == 1 for latency in found]
    largest = max(entry.peak_rss_bytes for entry in group)
    return Summary(
        subject=subject,
        threads=threads,
        rounds=len(group),
        cold_start_s=median(entry.cold_start_s for entry in group),
        import_s=median(entry.import_s for entry in group),
        load_s=median(entry.load_s for entry in group),
        first_run_s=median(entry.first_run_s for entry in group),
        timings=tuple(timing(shapes[shape]) for shape in sorted(shapes)),
        bare_rss_bytes=int(median(entry.bare_rss_bytes for entry in group)),
        peak_rss_bytes=max(single, default=largest),
        batched_peak_rss_bytes=largest,
    )
