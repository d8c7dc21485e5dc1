"""SECURITY.md's counts are what the record of the last `make fuzz` says, and nothing in it happened that must not."""

import json
import re
from importlib.util import find_spec
from pathlib import Path

from benchmarks.results.security_table import OUTCOMES, table

ROOT = Path(__file__).parents[2]
RECORD = ROOT / "artifacts" / "fuzz.json"
TEXT = (ROOT / "SECURITY.md").read_text(encoding="utf-8")


def test_the_recorded_run_found_nothing():
    readers = json.loads(RECORD.read_text())["readers"] if RECORD.is_file() else {}
    assert not [finding for one in readers.values() for finding in one["findings"]]


def test_a_changed_count_is_noticed():
    record = {"readers": {"rows": {"inputs": 1000, "counts": {"refused": 999, "crash": 1}}}}
    assert "| rows | 1,000 | 999 | 0 | 0 | 1 | 0 | 0 |" in table(record)
    assert table(record).count("\n") == 3
    assert len(OUTCOMES) == 6


def test_every_file_that_it_names_is_there():
    named = re.findall(r"`((?:tests|benchmarks|artifacts)/[\w/.]+)`", TEXT)
    missing = {name for name in named if not (ROOT / name).exists()} - {"artifacts/fuzz.json"}
    assert named
    assert not missing


def test_every_command_that_it_names_is_there():
    named = set(re.findall(r"python -m (benchmarks[\w.]*)", TEXT))
    assert named
    assert {name for name in named if find_spec(name) is None} == set()
