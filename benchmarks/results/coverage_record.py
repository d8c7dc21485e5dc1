"""The lines and branches of each package and module that the tests run, from what `coverage` left.

    make coverage       # runs the quick tests, then this: artifacts/coverage.json

Lines and branches are held to LEAST_SHARE each, package by package. A branch is a jump that a condition may take.
What runs and cannot be counted here counts as not run: Apple's runtime (`coreml.py`, its places in `measure.py`,
`runner.py` and `contestants.py`), which needs a Mac; `emulated_child.py`, in another processor's Python; and the end
of `interrupts.py`, where the process ends by a signal.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import ARTIFACTS, ROOT

LEAST_SHARE = 0.95
KEYS = {"lines": ("covered_lines", "num_statements"), "branches": ("covered_branches", "num_branches")}


def measured() -> dict[str, dict[str, Any]]:
    """Module → coverage's summary of it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "coverage.json"
        command = [sys.executable, "-m", "coverage", "json", "--quiet", "-o", str(path)]
        subprocess.run(command, cwd=ROOT, check=True)
        files = json.loads(path.read_text(encoding="utf-8"))["files"]
    return {Path(name).as_posix(): one["summary"] for name, one in sorted(files.items())}


def figures(summaries: list[dict[str, Any]]) -> dict[str, Any]:
    """Of some modules together: how many, and the share that ran."""
    found: dict[str, Any] = {}
    for name, (covered, all_) in KEYS.items():
        ran, count = (sum(one[key] for one in summaries) for key in (covered, all_))
        found |= {name: count, f"{name}_run": ran, f"{name}_share": round(ran / count, 4) if count else 1.0}
    return found


def main() -> None:
    """Write the record, and fail below LEAST_SHARE."""
    modules = measured()
    names = sorted({name.split("/")[0] for name in modules})
    packages = {one: figures([found for name, found in modules.items() if name.startswith(f"{one}/")]) for one in names}
    record = {"made_by": "make coverage", "packages": packages}
    record["modules"] = {name: figures([one]) for name, one in modules.items()}
    (ARTIFACTS / "coverage.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    for name, one in packages.items():
        print(f"{name}: {one['lines_share']:.1%} of {one['lines']} lines, {one['branches_share']:.1%} of branches")
    short = [name for name, one in packages.items() if min(one["lines_share"], one["branches_share"]) < LEAST_SHARE]
    if short:
        sys.exit(f"below {LEAST_SHARE:.0%}: {', '.join(short)}; `coverage report --show-missing` names the lines")


if __name__ == "__main__":
    main()
