"""Tables of records for the terminal."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from runtimes.errors import visible

_MEGABYTE = 1e6
_NAMED = 3
"""Operations that are named of those that share a finding."""
_AUDITED = {
    "audited_weights": "weights",
    "audited_rows": "rows",
    "audited_operators": "operators",
    "audited_facts": "facts beside the model",
}
_EXERCISED = {"exercised_rows": ("vocabulary_rows", "word rows"), "exercised_positions": ("positions", "positions")}
"""Key of `Parity.coverage` → the key of its total, and what it counts."""


def show(table: Table) -> None:
    """Print to stdout; wide enough for every column where stdout is no terminal."""
    console = _Plain(markup=False, emoji=False)  # cells hold names, and a name may look like markup
    (console if console.is_terminal else _Plain(width=160, markup=False, emoji=False)).print(table)


class _Plain(Console):
    """Shows what names hold that a terminal would obey, instead of sending it there."""

    def render_str(self, text: str, **options: Any) -> Text:
        """Every cell and title comes by here."""
        return super().render_str(visible(text), **options)


def exported_table(items: Iterable[Any]) -> Table:
    """One row a bundle: size and parity figures. `items` are pipeline.Exported, or foreign.ComparedFile."""
    columns = ["bundle", "MB", "parity", "max diff", "mean diff", "of range", "a user sees", "folder"]
    table = _table("exported", columns)
    for item in items:
        parity = item.parity
        figures = [f"{parity.max_absolute:.2e}", f"{parity.mean_absolute:.2e}", f"{parity.max_relative:.2%}"]
        seen = "\n".join(f"{name} {value:.4f}" for name, value in parity.seen.items()) or "–"
        table.add_row(
            item.name,
            f"{item.size_bytes / _MEGABYTE:.2f}",
            f"{parity.verdict.value} ({parity.status})" if parity.rows else parity.verdict.value,
            *([*figures, seen] if parity.rows else ["–"] * 4),
            str(item.directory) if item.directory else "not kept",
        )
    return table


def explanation_table(explanation: Any) -> Table:
    """Every compared tensor, in the order of computation. `explanation` is pipeline.Explanation."""
    table = _table(f"where they part, on {explanation.case!r}", ["compared", "tensor", "relative error", ""])
    for title, rows in (("graph with PyTorch", explanation.graph), ("file with graph", explanation.file)):
        for row in rows:
            table.add_row(title, row.name, f"{row.relative:.2e}", "beyond" if row.beyond else "")
    return table


def bench_table(record: Any) -> Table:
    """One row a subject and number of threads. `record` is record_types.BenchRecord."""
    from runtimes.measurement.statistics import summarise

    lengths = sorted(record.plan.lengths)
    columns = ["", "threads", "MB", "zipped", "cold ms", "load ms", *(f"ms at {n}" for n in lengths)]
    table = _table("medians, one row at a time", [*columns, "rows/s", "peak MB", "above bare"])
    found = summarise(record)
    for one in found:
        times = [one.timing(n) for n in lengths]
        table.add_row(
            one.subject.name,
            str(one.threads),
            *_sizes(one.subject),
            *(f"{value * 1e3:.0f}" for value in (one.cold_start_s, one.load_s)),
            *(f"{time.p50_s * 1e3:.2f}" if time else "–" for time in times),
            f"{max(time.rows_per_s for time in one.timings):.0f}",
            f"{one.peak_rss_bytes / _MEGABYTE:.0f}",
            f"{(one.peak_rss_bytes - one.bare_rss_bytes) / _MEGABYTE:.0f}",
        )
    for subject in record.subjects:
        if subject.status == "not run":
            table.add_row(subject.name, "–", *_sizes(subject), *["not run"] * (len(lengths) + 5))
    return table


def _sizes(subject: Any) -> list[str]:
    sizes = (subject.disk_bytes, subject.compressed_bytes)
    return [f"{size / _MEGABYTE:.2f}" if subject.disk_bytes else "–" for size in sizes]


def inspection_table(found: Any) -> Table:
    """The facts, operators and largest weights of a bundle. `found` is exporter.verification.inspection.Inspection."""
    table = _table("bundle", ["", ""])
    for name, value in found.facts.items():
        table.add_row(name, value)
    table.add_row("operators", ", ".join(f"{name} {count}" for name, count in found.operators.items()))
    for name, dtype, shape, size_bytes in found.weights:
        table.add_row(name, f"{dtype} {shape}, {size_bytes:,} bytes")
    for finding, operations in _by_finding(found.findings).items():
        more = f" and {len(operations) - _NAMED} more" if len(operations) > _NAMED else ""
        table.add_row(f"eligibility: {', '.join(operations[:_NAMED])}{more}", finding)
    return table


def _by_finding(findings: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Each finding once, with the operations that it is of."""
    found: dict[str, list[str]] = {}
    for operation, finding in findings:
        found.setdefault(finding, []).append(operation)
    return found


def plain_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """Cells as they are given."""
    table = _table(title, list(columns))
    for row in rows:
        table.add_row(*row)
    return table


def covered(coverage: Mapping[str, int]) -> str:
    """What was audited of a bundle and what its texts exercised, in one line; counts that are missing are left out."""
    read = [f"{coverage[key]:,} {what}" for key, what in _AUDITED.items() if key in coverage]
    exercised = [
        f"{coverage[key]:,} of {coverage[total]:,} {what}"
        for key, (total, what) in _EXERCISED.items()
        if key in coverage and total in coverage
    ]
    parts = (("audited", read), ("texts exercise", exercised))
    return "; ".join(f"{verb} {', '.join(counts)}" for verb, counts in parts if counts)


def _table(title: str, columns: list[str]) -> Table:
    table = Table(title=title, title_justify="left")
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right", overflow="fold")
    return table
