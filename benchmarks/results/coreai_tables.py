"""Fill the tables of docs/explanation/coreai.md from their records: no figure is copied by hand.

    python -m benchmarks.results.coreai_tables [--check]

With --check nothing is written, and a table that a record would change is an error.
"""

import json
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import ARTIFACTS
from benchmarks.results.blocks import with_block, write_or_check

PAGE = Path("docs/explanation/coreai.md")
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


def filled(text: str, folder: Path) -> str:
    """The page with the tables of the records in `folder`."""
    for block, name, table in (
        ("agreement", "coreai_agreement.json", agreement_table),
        ("peer", "coreai_peer.json", peer_table),
    ):
        text = with_block(text, block, table(json.loads((folder / name).read_text(encoding="utf-8"))), str(PAGE))
    return text


def main() -> None:
    """Write, or check."""
    write_or_check(__doc__.splitlines()[0], "coreai_tables", PAGE, lambda text: filled(text, ARTIFACTS))


if __name__ == "__main__":
    main()
