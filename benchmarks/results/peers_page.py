"""Beside its peers: every processor, model and number of threads, and ours and the best peer alone."""

import json
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import ARTIFACTS
from benchmarks.results.peers_tables import markdown, summary, tables, title

SHORT = ("1x16", "1x64", "1x128", "1x512", "32x128")
Records = dict[str, dict[str, Any]]
"""Processor → its record, by model and threads."""


def records(folder: Path = ARTIFACTS) -> Records:
    """All that were measured, in the order of their names."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted((folder / "peers").glob("*.json"))]
    return {one["host"]["processor"]: {key: value for key, value in one.items() if key != "host"} for one in found}


def processors(found: Records) -> str:
    """Every row, processor by processor."""
    parts = []
    for processor, models in found.items():
        parts.append(f"## {processor}\n")
        for name, one in models.items():
            parts.append(f"### {name}\n\n{tables(one)}\n{_exports(one)}")
    return "\n".join(parts)


def short(found: Records) -> str:
    """Ours and the best peer of each processor and model."""
    rows = []
    for processor, models in found.items():
        for model, one in models.items():
            for name, ratios in summary(one).items():
                figures = [f"{ratios[case]:.2f}" for case in SHORT]
                rows.append([f"{processor}; {model}", name, *figures])
    return markdown(["", "", *(title(case) for case in SHORT)], rows)


def _exports(found: dict[str, Any]) -> str:
    if "export_s" not in found:
        return ""
    times = ", ".join(f"`{name}` {median(values):.1f} s" for name, values in found["export_s"].items())
    return f"Wall time of an export, process and imports included: {times}.\n"
