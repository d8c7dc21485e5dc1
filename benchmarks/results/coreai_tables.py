"""Core AI over test rows, and beside Apple's own converter, as tables."""

from statistics import median
from typing import Any

_ROWS = """| scheme | rows | largest difference | of the range | same label | accuracy (PyTorch) |
| --- | ---: | ---: | ---: | ---: | ---: |"""
_PEER = """|  | s | MB | rows | largest difference | mean difference | same label |
| --- | ---: | ---: | ---: | ---: | ---: | ---: |"""


def agreement_table(record: dict[str, Any]) -> str:
    """A row for each scheme that was run over test rows."""
    return "\n".join([_ROWS, *(_scheme(name, one) for name, one in record["schemes"].items())])


def _scheme(name: str, one: dict[str, Any]) -> str:
    share = one["max_absolute"] / one["logit_range"]
    accuracy = f"{one['accuracy']:.3f} ({one['pytorch_accuracy']:.3f})"
    figures = f"{one['max_absolute']:.2g} | {share:.2%} | {one['agreement']:.1%} | {accuracy}"
    return f"| `{name}` | {one['rows']:,} | {figures} |"


def peer_table(record: dict[str, Any]) -> str:
    """A row for each that made an asset, and below it why another made none."""
    made = {name: one for name, one in record["rows"].items() if one["error"] is None}
    lines = [_PEER, *(_row(name, one) for name, one in made.items())]
    missing = [f"{name}: not run ({one['error']})." for name, one in record["rows"].items() if name not in made]
    return "\n".join([*lines, *(["", *missing] if missing else [])])


def _row(name: str, one: dict[str, Any]) -> str:
    size, took = f"{one['size_bytes'] / 1e6:.2f}", f"{median(one['convert_s']):.1f}"
    figures = f"{one['max_absolute']:.2g} | {one['mean_absolute']:.2g} | {one['agreement']:.1%}"
    return f"| {name} | {took} | {size} | {one['rows']:,} | {figures} |"
