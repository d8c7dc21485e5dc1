"""Fill SECURITY.md's table from artifacts/fuzz.json, so that no count is copied by hand.

    python -m benchmarks.results.security_table [--check]

With --check nothing is written, and a table that the record would change is an error.
"""

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

from benchmarks import ARTIFACTS, ROOT

OUTCOMES = ("refused", "same", "read", "crash", "hang", "false pass")
_BLOCK = re.compile(r"<!-- fuzz -->.*?<!-- /fuzz -->", re.DOTALL)


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
    block = f"<!-- fuzz -->\n\n{found}\n\n<!-- /fuzz -->"
    text, count = _BLOCK.subn(lambda _: block, text)
    if count != 1:
        sys.exit(f"SECURITY.md: expected one block fuzz, found {count}")
    return text


def main() -> None:
    """Write, or check."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    given, path = parser.parse_args(), ROOT / "SECURITY.md"
    old = path.read_text(encoding="utf-8")
    new = filled(old, ARTIFACTS / "fuzz.json")
    if given.check and new != old:
        sys.exit("SECURITY.md: its table is stale; run python -m benchmarks.results.security_table")
    path.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    main()
