"""The report's section on what has moved since an earlier one: each figure that both have, what got worse first."""

from collections.abc import Iterator
from dataclasses import dataclass

from runtimes.measurement.statistics import summarise
from runtimes.records.bench import BenchRecord
from runtimes.reporting.collect import Findings
from runtimes.reporting.document import MEGABYTE, Section, Table
from runtimes.reporting.names import Names

_TOKENS = 128
_SAME = 1e-9


@dataclass(frozen=True)
class _Figure:
    """One figure of one bundle; `sign` is 1 where less is better."""

    value: float
    sign: int
    digits: str


def before_sections(now: Findings, before: Findings | None, names: Names) -> Iterator[Section]:
    """Nothing where there is no earlier report, or none of its bundles is in this one."""
    if before is None:
        return
    old, new = dict(_figures(before, names)), dict(_figures(now, names))
    moved = [(key, old[key], figure) for key, figure in new.items() if key in old]
    if not moved:
        return
    moved.sort(key=lambda one: -one[2].sign * _change(one[1].value, one[2].value))
    worse = sum(figure.sign * (figure.value - was.value) > _SAME for _, was, figure in moved)
    rows = tuple(_row(*one) for one in moved)
    lead = f"{worse} of {len(moved)} figures got worse. Latency is a ratio to PyTorch's of the same run."
    table = Table("Every figure that both have", ("bundle", "figure", "before", "now", "change"), rows)
    yield Section("Since the earlier report", lead, tables=(table,))


def _row(key: tuple[str, str], was: _Figure, now: _Figure) -> tuple[str, ...]:
    change = _change(was.value, now.value)
    values = (format(one.value, one.digits) for one in (was, now))
    return (*key, *values, f"{change:+.1%}" if abs(change) > _SAME else "–")


def _change(was: float, now: float) -> float:
    return (now - was) / max(abs(was), _SAME)


def _figures(findings: Findings, names: Names) -> Iterator[tuple[tuple[str, str], _Figure]]:
    for found in findings.bundles:
        name = names.of(found.name)
        yield (name, "MB"), _Figure(found.bundle.size_bytes / MEGABYTE, 1, ".2f")
        yield (name, "largest difference, of the range"), _Figure(found.parity.max_relative, 1, ".3%")
        if found.parity.agreement is not None:
            yield (name, "agreement"), _Figure(found.parity.agreement, -1, ".4f")
    for evaluation in findings.evaluations:
        record = evaluation.record
        name = names.parts(record.source.model, record.recipe["target"], record.recipe["scheme"])
        if record.metric in record.exported.figures:
            file = f"{record.metric}, {record.data.file}"
            yield (name, file), _Figure(record.exported.figures[record.metric], -1, ".4f")
    for bench in findings.benches:
        yield from _latencies(bench.record, names)


def _latencies(record: BenchRecord, names: Names) -> Iterator[tuple[tuple[str, str], _Figure]]:
    """Of one run: medians as ratios to PyTorch's with as many threads."""
    timed = [(one, timing) for one in summarise(record) if (timing := one.timing(_TOKENS)) and timing.p50_s]
    bases = {one.threads: timing.p50_s for one, timing in timed if one.subject.bundle is None}
    for one, timing in timed:
        if one.subject.bundle and one.threads in bases:
            words = f"latency ÷ PyTorch, {_TOKENS} tokens, {one.threads} thread{'s' * (one.threads > 1)}"
            yield (names.of(one.subject.bundle), words), _Figure(timing.p50_s / bases[one.threads], 1, ".3f")
