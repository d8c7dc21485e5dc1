"""Fill SECURITY.md's table from artifacts/fuzz.json, so that no count is copied by hand.

    python -m benchmarks.results.security_table [--check]

With --check nothing is written, and a table that the record would change is an error.
"""

import json
from pathlib import Path
from typing import Any

from benchmarks import ARTIFACTS
from benchmarks.results.blocks import with_block, write_or_check

OUTCOMES = ("refused", "same", "read", "crash", "hang", "false pass")
PAGE = Path("SECURITY.md")


def table(record: dict[str, Any]) -> str:
    """One row for each reader, and their sum."""
    rows = [(name, one["inputs"], one["counts"]) for name, one in record["readers"].items()]
    sums = {outcome: sum(counts.get(outcome, 0) for _, _, counts in rows) for outcome in OUTCOMES}
    rows.append(("all", sum(inputs for _, inputs, _ in rows), sums))
    lines = ["| reader | inputs | " + " | ".join(OUTCOMES) + " |", "| --- " + "| ---: " * (1 + len(OUTCOMES)) + "|"]
    for name, inputs, counts in rows:
        lines.append(f"| {name} | {inputs:,} | " + " | ".join(f"{counts.get(one, 0):,}" for one in OUTCOMES) + " |")
    return "\n".join(lines)


def filled(text: str, path: Path) -> str:
    """SECURITY.md with the table of the record at `path`."""
    found = "Not run yet: `make fuzz` has left no record."
    if path.is_file():
        found = table(json.loads(path.read_text(encoding="utf-8")))
    return with_block(text, "fuzz", found, PAGE.name)


def main() -> None:
    """Write, or check."""
    record = ARTIFACTS / "fuzz.json"
    write_or_check(__doc__.splitlines()[0], "security_table", PAGE, lambda text: filled(text, record))


if __name__ == "__main__":
    main()
