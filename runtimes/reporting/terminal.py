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


_PIPE = 160
"""Characters of a line where stdout is no terminal: enough for every column."""
_FOLDED = 3
"""Columns that can share a narrow terminal, with their cells on several lines."""


def show(*tables: Table) -> None:
    """Print to stdout, no wider than the terminal; in colours where it is one and NO_COLOR is not set."""
    console = _Plain(markup=False, emoji=False)  # cells hold names, and a name may look like markup
    if not console.is_terminal:
        console = _Plain(width=_PIPE, markup=False, emoji=False)
    for table in tables:
        wide = console.measure(table, options=console.options.update(width=_PIPE * _PIPE)).maximum > console.width
        console.print(_stacked(table) if wide and len(table.columns) > _FOLDED else table)


def _stacked(table: Table) -> Table:
    """The same with each row as a block of lines, a column a line: no row of many columns fits a narrow terminal."""
    made = Table(title=table.title, title_justify="left", show_header=False)
    made.add_column(overflow="fold")
    made.add_column(overflow="fold")
    names = [column.header for column in table.columns]
    for row in zip(*(column.cells for column in table.columns), strict=True):
        for name, cell in zip(names, row, strict=True):
            made.add_row(name, cell)
        made.add_section()
    return made


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
    table = _table(f"where they part, on {explanation.case!r}", ["compared", "tensor", "relative error", "verdict"])
    for title, rows in (("graph with PyTorch", explanation.graph), ("file with graph", explanation.file)):
        for row in rows:
            table.add_row(title, row.name, f"{row.relative:.2e}", "beyond" if row.beyond else "within")
    return table


def bench_table(record: Any) -> Table:
    """One row a subject and number of threads. `record` is record_types.BenchRecord."""
    from runtimes.measurement.statistics import summarise

    lengths = sorted(record.plan.lengths)
    columns = ["subject", "threads", "MB", "zipped", "cold ms", "load ms", *(f"ms at {n}" for n in lengths)]
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


def inspection_tables(found: Any) -> list[Table]:
    """The facts and operators of a bundle, its largest weights, and what keeps an accelerator from taking operations.

    `found` is exporter.targets.target.Inspection; a table that would be empty is left out.
    """
    facts = lines("bundle", ("what", "found"), found.facts.items())
    facts.add_row("operators", ", ".join(f"{name} {count}" for name, count in found.operators.items()))
    weights = [(name, dtype, str(shape), f"{size:,}") for name, dtype, shape, size in found.weights]
    findings = [
        (finding, str(len(operations)), _some(operations))
        for finding, operations in _by_finding(found.findings).items()
    ]
    tables = [facts, plain_table("largest weights", ("weight", "type", "shape", "bytes"), weights)]
    tables.append(lines("what keeps an accelerator from it", ("why", "operations", "which"), findings))
    return [table for table in tables if table.row_count]


def _some(operations: list[str]) -> str:
    more = f" and {len(operations) - _NAMED} more" if len(operations) > _NAMED else ""
    return f"{', '.join(operations[:_NAMED])}{more}"


def lines(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """Cells of text, which is read from the left."""
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row)
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
