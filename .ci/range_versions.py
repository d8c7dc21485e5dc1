"""What to install for one end of the ranges in pyproject.toml: its own requirements and those of its tests.

    python .ci/range_versions.py lowest|newest|pinned

Lowest: each at the lower bound that it states; what states one version wants newer ones of others than those, and is
left out. Newest: whatever its range allows. Pinned: as in constraints.txt.
"""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
_REQUIREMENT = re.compile(r"([\w.-]+(?:\[[\w,-]+\])?)>=([\w.]+)((?:,[<!]=?[\w.]+)*)(;.+)?")
_CHECKERS = ("mypy", "ruff")


def requirements(end: str) -> list[str]:
    """A line for each requirement. Raises ValueError for one without a lower bound, or for an end unknown."""
    if end == "pinned":
        return (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()[1:]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    stated = [*project["dependencies"], *project["optional-dependencies"]["test"]]
    left_out = (*_CHECKERS, *(one for one in stated if "==" in one.partition(";")[0] and end == "lowest"))
    return [_at(end, one) for one in stated if not one.startswith(left_out)]


def _at(end: str, requirement: str) -> str:
    if "==" in requirement.partition(";")[0]:
        return requirement
    found = _REQUIREMENT.fullmatch(requirement)
    if found is None or end not in ("lowest", "newest"):
        raise ValueError(f"{requirement}, {end}: expected NAME>=VERSION and lowest, newest or pinned")
    return requirement if end == "newest" else f"{found[1]}=={found[2]}{found[4] or ''}"


if __name__ == "__main__":
    print("\n".join(requirements(sys.argv[1])))
