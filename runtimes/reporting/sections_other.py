"""Report sections on searches and on tests of app kits on devices."""

from collections.abc import Iterator
from statistics import median

from runtimes.measurement.statistics import percentiles
from runtimes.parity.compare import Verdict
from runtimes.records.device import DeviceRecord, DeviceRun
from runtimes.records.tune import Candidate, TuneRecord
from runtimes.reporting.charts import Point, scatter
from runtimes.reporting.collect import Findings
from runtimes.reporting.document import MEGABYTE, Figure, Section, Table, difference, megabytes, milliseconds
from runtimes.reporting.junit import Finding
from runtimes.reporting.names import Names

_NOT_RUN = "not run"


def tune_sections(findings: Findings, names: Names) -> Iterator[Section]:
    """Each search by itself: what it tried by size and score, and what it took."""
    for found in findings.tunes:
        record = found.record
        taken = [f"{one.target}: {one.name or 'nothing'} ({one.why})" for one in record.chosen]
        lead = (
            f"The smallest that loses {record.max_drop_points:g} points at most on {record.data.rows:,} rows of "
            f"{record.data.file}. Taken for {'; '.join(taken) or 'no target'}."
        )
        for one in record.chosen:
            lead += f" {one.target} was not timed, so latency had no say: {one.untimed}." if one.untimed else ""
        yield Section(f"Search: {record.source.model}", lead, tuple(_tried(record, names)), tuple(_candidates(record)))


def _tried(record: TuneRecord, names: Names) -> Iterator[Figure]:
    if record.candidates:
        first = record.candidates[0]
        points = [_point(one, record.source.model, names) for one in record.candidates]
        drawn = scatter(points, ("PyTorch", first.pytorch), "MB", first.metric)
        yield Figure(f"Size against {first.metric}", drawn, "Lines: 95 % of what the loss against PyTorch may be.")


def _point(one: Candidate, model: str, names: Names) -> Point:
    low, high = one.interval_points
    style = names.style(names.parts(model, one.recipe["target"], one.recipe["scheme"]))
    bounds = (one.pytorch - high / 100, one.pytorch - low / 100)
    return Point(one.name, style, one.size_bytes / MEGABYTE, one.exported, *bounds)


def _candidates(record: TuneRecord) -> Iterator[Table]:
    chosen = {one.name for one in record.chosen}
    rows = tuple(
        (
            one.name,
            megabytes(one.size_bytes),
            f"{one.exported:.4f}",
            f"{one.drop_points:+.2f}",
            f"{one.interval_points[0]:+.2f} to {one.interval_points[1]:+.2f}",
            "–" if one.held_out_points is None else f"{one.held_out_points:+.2f}",
            milliseconds(median(one.latency_s)) if one.latency_s else _NOT_RUN,
            "yes" if one.name in chosen else "",
        )
        for one in record.candidates
    )
    columns = ("scheme", "MB", "score", "drop, points", "95 %", "held out", "median ms", "taken")
    yield Table("What was tried", columns, rows)
    if record.left_out:
        yield Table("What was not tried", ("scheme", "why"), tuple(record.left_out.items()))


def device_sections(findings: Findings, names: Names) -> Iterator[Section]:
    """One section a record: figures of two devices never share a table."""
    for found in findings.devices:
        record, host = found.record, found.record.host
        device, bundle = f"{host.device}, {host.system}", names.parts(record.source, record.target, record.scheme)
        lead = (
            f"golden.json of {bundle}, {record.vectors} texts, replayed by the app kit's own tests; "
            f"{difference(record.tolerance_absolute)} allowed."
        )
        if host.simulator:
            lead += " In a simulator, which computes on its host: its times are not a device's and are left out."
        yield Section(f"On the device: {device}", lead, tables=(_runs(record),))


def device_findings(findings: Findings, names: Names) -> Iterator[Finding]:
    """The runs on devices as tests."""
    for found in findings.devices:
        record = found.record
        name = names.parts(record.source, record.target, record.scheme)
        for run in record.runs:
            words = f"max {run.max_absolute:g}, allowed {record.tolerance_absolute:g}"
            yield Finding(
                "bertport.device",
                f"{name}, {run.compute_units}, {record.host.device} in {found.place}",
                Verdict(run.verdict),
                words,
                words,
            )


def _runs(record: DeviceRecord) -> Table:
    timed = record.status == "measured" and not record.host.simulator
    columns = ("compute units", "verdict", "status", "largest", "mean", "tokens", "load ms", "p50 ms", "p90 ms", "runs")
    status = "simulated" if record.host.simulator else record.status
    rows = tuple(
        (run.compute_units, run.verdict, status, *_differences(run), str(run.tokens), *_times(run, timed))
        for run in record.runs
    )
    peak = f"Peak resident size of the tests: {record.peak_rss_bytes / MEGABYTE:.0f} MB." if timed else ""
    return Table("By compute units", columns, rows, peak)


def _differences(run: DeviceRun) -> tuple[str, ...]:
    return tuple("not finite" if value < 0 else difference(value) for value in (run.max_absolute, run.mean_absolute))


def _times(run: DeviceRun, timed: bool) -> tuple[str, ...]:
    if not timed or not run.latency_s:
        return (_NOT_RUN,) * 4
    middle, slow = percentiles(run.latency_s)[:2]
    return (milliseconds(run.load_s), milliseconds(middle), milliseconds(slow), str(len(run.latency_s)))
