"""Report sections on cost: size against accuracy, latency, start, memory, and searches."""

from collections.abc import Iterator, Sequence

from runtimes.measurement.statistics import Summary, summarise
from runtimes.records.bench import BenchRecord
from runtimes.records.evaluate import EvaluateRecord
from runtimes.reporting.charts import Bar, Line, Point, bars, lines, scatter
from runtimes.reporting.collect import Findings
from runtimes.reporting.document import MEGABYTE, Figure, Section, Table, megabytes, milliseconds
from runtimes.reporting.names import REFERENCE, Names

_NOT_RUN = "not run"
_LINES = 10
"""Series of one drawing; the table has all."""


def accuracy_sections(findings: Findings, names: Names) -> Iterator[Section]:
    """Size against score, for each file of labelled rows and metric."""
    groups: dict[tuple[str, str, int, str], list[EvaluateRecord]] = {}
    for found in findings.evaluations:
        record = found.record
        key = (record.data.file, record.metric, record.data.rows, record.source.model)
        groups.setdefault(key, []).append(record)
    for number, ((file, metric, rows, _), records) in enumerate(groups.items()):
        anchor = f"evaluation-{number}"
        scored = [(at, record) for at, record in enumerate(records) if metric in record.exported.figures]
        points = [_point(record, metric, names, f"{anchor}-{at}") for at, record in scored]
        scores = [record.pytorch.figures[metric] for record in records if metric in record.pytorch.figures]
        lead = f"On {rows:,} rows of {file}: {metric} of PyTorch, and of each bundle on the same rows."
        caption = "Lines: 95 % of what the bundle's loss against PyTorch may be. Hollow: simulated or emulated."
        figures = []
        if points:
            reference = ("PyTorch", scores[0]) if scores else None
            figures = [Figure(f"Size against {metric}", scatter(points, reference, "MB", metric), caption)]
        yield Section(
            f"Size against {metric}", lead, tuple(figures), (_accuracy_table(records, metric, names, anchor),)
        )


def _point(record: EvaluateRecord, metric: str, names: Names, link: str) -> Point:
    name = names.parts(record.source.model, record.recipe["target"], record.recipe["scheme"])
    base, (low, high) = record.pytorch.figures.get(metric), record.interval_points
    lower, upper = (None, None) if base is None else (base - high / 100, base - low / 100)
    hollow = record.status != "measured"
    size, score = record.size_bytes / MEGABYTE, record.exported.figures[metric]
    return Point(name, names.style(name), size, score, lower, upper, hollow, link)


def _accuracy_table(records: Sequence[EvaluateRecord], metric: str, names: Names, anchor: str) -> Table:
    others = [key for key in records[0].exported.figures if key != metric]
    columns = (
        "bundle",
        "MB",
        "status",
        "PyTorch",
        metric,
        "drop, points",
        "95 %",
        "agreement",
        *others,
    )
    rows = []
    for record in records:
        low, high = record.interval_points
        rows.append(
            (
                names.parts(record.source.model, record.recipe["target"], record.recipe["scheme"]),
                megabytes(record.size_bytes),
                record.status,
                *(_score(side.figures.get(metric)) for side in (record.pytorch, record.exported)),
                f"{record.drop_points:+.2f}",
                f"{low:+.2f} to {high:+.2f}",
                _score(record.agreement),
                *(_score(record.exported.figures.get(key)) for key in others),
            )
        )
    return Table("Every evaluation", columns, tuple(rows), anchor=anchor)


def _score(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def bench_sections(findings: Findings, names: Names) -> Iterator[Section]:
    """Latency, start and memory of each run by itself: what is compared was interleaved in one run."""
    for found in findings.benches:
        record, summaries = found.record, summarise(found.record)
        title = "Speed and memory" if len(findings.benches) == 1 else f"Speed and memory: {found.place}"
        yield Section(title, _bench_lead(record), tuple(_bench_figures(summaries, names)), _tables(record))


def _bench_lead(record: BenchRecord) -> str:
    host = ", ".join(f"{key} {value}" for key, value in record.host.items())
    sittings = len({entry.sitting for entry in record.measurements})
    again = f", in {sittings} sittings" if sittings > 1 else ""
    return (
        f"Measured on this host: {host}. {record.plan.rounds} interleaved rounds{again}, one process for each case and "
        f"round; percentiles are over all runs. {', '.join(f'{k} {v}' for k, v in record.versions.items())}."
    )


def _bench_figures(summaries: Sequence[Summary], names: Names) -> Iterator[Figure]:
    for threads in sorted({one.threads for one in summaries}):
        series = [line for one in summaries if one.threads == threads and (line := _line(one, names))]
        if series:
            words = f"{threads} thread{'s' * (threads > 1)}"
            drawn = lines(series[:_LINES], "tokens", "ms")
            yield Figure(f"Latency by length, {words}", drawn, "Median of one row, both axes by ratio.")
    least = min((one.threads for one in summaries), default=1)
    single = [one for one in summaries if one.threads == least][: 2 * _LINES]
    if single:
        memory = [_memory_bar(one, names) for one in single]
        caption = "Peak resident size with one row at a time, over what the runtime takes with no model loaded."
        yield Figure("Memory", bars(memory, ("bare runtime", "model and work")), caption)
        start = [_start_bar(one, names) for one in single]
        caption = "From the start of the process to the first outputs, files in the system's cache."
        yield Figure("Cold start", bars(start, ("process", "import", "load", "first run")), caption)


def _line(one: Summary, names: Names) -> Line | None:
    points = tuple((time.tokens, time.p50_s * 1e3) for time in one.timings if time.rows == 1 and time.p50_s)
    return Line(one.subject.name, _style(one, names), points) if points else None


def _style(one: Summary, names: Names) -> str:
    return names.style(names.of(one.subject.bundle)) if one.subject.bundle else REFERENCE


def _memory_bar(one: Summary, names: Names) -> Bar:
    bare, above = one.bare_rss_bytes / MEGABYTE, max(one.peak_rss_bytes - one.bare_rss_bytes, 0) / MEGABYTE
    return Bar(one.subject.name, _style(one, names), (bare, above), f"{bare:.0f} + {above:.0f} MB")


def _start_bar(one: Summary, names: Names) -> Bar:
    parts = [one.import_s, one.load_s, one.first_run_s]
    rest = max(one.cold_start_s - sum(parts), 0.0)
    return Bar(one.subject.name, _style(one, names), (rest, *parts), f"{milliseconds(one.cold_start_s)} ms")


def _tables(record: BenchRecord) -> tuple[Table, ...]:
    summaries = summarise(record)
    latency = tuple(
        (
            one.subject.name,
            str(one.threads),
            str(time.tokens),
            str(time.rows),
            *(milliseconds(value) for value in (time.p50_s, time.p90_s, time.p99_s)),
            f"{time.rows_per_s:,.0f}",
            str(time.runs),
        )
        for one in summaries
        for time in one.timings
    )
    columns = ("subject", "threads", "tokens", "rows", "p50 ms", "p90 ms", "p99 ms", "rows/s", "runs")
    return (_process_table(record, summaries), Table("Every length and batch", columns, latency))


def _process_table(record: BenchRecord, summaries: Sequence[Summary]) -> Table:
    sizes, times = ("MB", "zipped MB"), ("cold start ms", "load ms", "first run ms")
    columns = ("subject", "threads", *sizes, *times, "peak MB", "above bare MB", "peak MB, batches")
    rows = []
    for subject in record.subjects:
        known = [megabytes(size) if size else "–" for size in (subject.disk_bytes, subject.compressed_bytes)]
        own = [one for one in summaries if one.subject is subject]
        rows += [(subject.name, str(one.threads), *known, *_process(one)) for one in own]
        rows += [] if own else [(subject.name, "–", *known, *[_NOT_RUN] * 6)]
    return Table("Size, start and memory", columns, tuple(rows), _reasons(record))


def _reasons(record: BenchRecord) -> str:
    """Why what was not run was not, each reason once."""
    reasons: dict[str, list[str]] = {}
    for subject in record.subjects:
        if subject.status == _NOT_RUN:
            reasons.setdefault(subject.note, []).append(subject.name)
    return ". ".join(f"Not run: {', '.join(names)}: {note}" for note, names in reasons.items())


def _process(one: Summary) -> tuple[str, ...]:
    times = [milliseconds(value) for value in (one.cold_start_s, one.load_s, one.first_run_s)]
    sizes = (one.peak_rss_bytes, one.peak_rss_bytes - one.bare_rss_bytes, one.batched_peak_rss_bytes)
    return (*times, *(f"{size / MEGABYTE:.0f}" for size in sizes))
