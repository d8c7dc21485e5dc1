"""Tables of an evaluation for the terminal."""

from collections.abc import Sequence
from typing import Any

from rich.table import Table

from runtimes.evaluation.comparison import Comparison


def figures_table(title: str, name: str, compared: Comparison) -> Table:
    """PyTorch and the bundle side by side: figures, then F1 by label."""
    table = Table(title=title, title_justify="left")
    table.add_column("figure")
    for column in ("PyTorch", name, "drop, points"):
        table.add_column(column, justify="right")
    left, right = compared.reference, compared.candidate
    for figure, value in left.figures.items():
        table.add_row(figure, *_pair(value, right.figures[figure]))
    for label, value in left.per_class.items():
        table.add_row(f"F1 {label}", *_pair(value, right.per_class.get(label, 0.0)))
    return table


def differences_table(rows: Sequence[tuple[int, str, Any, Any, Any]], total: int) -> Table:
    """Rows that the two answer differently: line, text, what is right, PyTorch's answer, the bundle's."""
    shown = f"the first {len(rows)} of {total}" if total > len(rows) else str(total)
    table = Table(title=f"rows where they differ: {shown}", title_justify="left")
    table.add_column("line", justify="right")
    for column in ("text", "expected", "PyTorch", "exported"):
        table.add_column(column, overflow="fold", max_width=72 if column == "text" else 30)
    for line, text, *answers in rows:
        table.add_row(str(line), text, *map(str, answers))
    return table


def _pair(left: float, right: float) -> list[str]:
    return [f"{left:.4f}", f"{right:.4f}", f"{(left - right) * 100:+.2f}"]


def candidates_table(title: str, metric: str, rows: Sequence[Sequence[str]]) -> Table:
    """Size against the metric against latency, one line for each bundle that was tried."""
    table = Table(title=title, title_justify="left")
    columns = (
        "MB",
        f"{metric}, PyTorch",
        "exported",
        "drop, points",
        "95 %",
        "held out",
        "ms at 128",
        "tried, s",
        "standing",
    )
    for number, column in enumerate(("bundle", *columns)):
        table.add_column(column, justify="right" if number else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table
