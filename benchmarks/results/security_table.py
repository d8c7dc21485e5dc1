"""What `make fuzz` did to every reader, as a table."""

from typing import Any

OUTCOMES = ("refused", "same", "read", "crash", "hang", "false pass")


def table(record: dict[str, Any]) -> str:
    """One row for each reader, and their sum."""
    rows = [(name, one["inputs"], one["counts"]) for name, one in record["readers"].items()]
    sums = {outcome: sum(counts.get(outcome, 0) for _, _, counts in rows) for outcome in OUTCOMES}
    rows.append(("all", sum(inputs for _, inputs, _ in rows), sums))
    lines = ["| reader | inputs | " + " | ".join(OUTCOMES) + " |", "| --- " + "| ---: " * (1 + len(OUTCOMES)) + "|"]
    for name, inputs, counts in rows:
        lines.append(f"| {name} | {inputs:,} | " + " | ".join(f"{counts.get(one, 0):,}" for one in OUTCOMES) + " |")
    return "\n".join(lines)
