"""Outcomes of hostile inputs: counted, and recorded reader by reader."""

import argparse
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import ARTIFACTS
from runtimes.files.json_text import to_json
from runtimes.measurement.measure import fingerprint

BAD = ("crash", "hang", "false pass")


@dataclass
class Tally:
    """Inputs by outcome, their number, and each that must not be: what, which input, and how it ended."""

    inputs: int
    counts: dict[str, int] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)

    def add(self, outcome: str, number: int, detail: str) -> None:
        """Count one."""
        self.counts[outcome] = self.counts.get(outcome, 0) + 1
        if outcome in BAD:
            self.findings.append(f"{outcome} {number}: {detail}")


def add_output(parser: argparse.ArgumentParser) -> None:
    """Declare where the record is."""
    parser.add_argument("-o", "--output", type=Path, default=ARTIFACTS / "fuzz.json", metavar="FILE")


def record(path: Path, reader: str, tally: Tally, seed: int) -> None:
    """Put a reader's counts into the record, in the place of its older ones."""
    found: dict[str, Any] = json.loads(path.read_bytes()) if path.is_file() else {"readers": {}}
    found["host"] = fingerprint()
    found["readers"][reader] = {"seed": seed, **asdict(tally)}
    path.write_bytes(to_json(found))
