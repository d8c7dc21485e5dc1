"""The ends of pyproject.toml's ranges: each requirement has a lower one, and what is pinned lies within."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent


def versions(end):
    command = [sys.executable, str(ROOT / ".ci" / "range_versions.py"), end]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return {Requirement(line).name.lower().replace("_", "-"): Requirement(line).specifier for line in lines}


def stated():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found = [Requirement(one) for one in project["dependencies"] + project["optional-dependencies"]["test"]]
    return {one.name: one.specifier for one in found}


@pytest.mark.parametrize("end", ["lowest", "pinned"])
def test_an_end_lies_within_every_range(end):
    found = versions(end)
    for name, allowed in stated().items():
        if end == "lowest" and (name in ("mypy", "ruff") or {one.operator for one in allowed} == {"=="}):
            assert name not in found
            continue
        (exact,) = found[name]
        assert exact.operator == "=="
        assert exact.version in allowed


def test_the_newest_are_all_that_is_allowed():
    found = versions("newest")
    assert found == {name: allowed for name, allowed in stated().items() if name not in ("mypy", "ruff")}


def test_an_unknown_end_is_refused():
    with pytest.raises(subprocess.CalledProcessError):
        versions("middling")
