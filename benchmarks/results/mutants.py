"""What became of every mutant of fold, schemes, parity and bundle, from what `mutmut run` left in mutants/.

    make mutants        # runs them, then this: artifacts/mutants.json

A mutant is one change to one function; it is killed where a test fails, or runs far beyond its time. Those that no
test can kill are named in `equivalent_mutants.json` with the reason; shares are given without and with them counted
as survivors, and the second is held to LEAST_SHARE. What is named there and killed is an error: the list is stale.
"""

import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from mutmut.configuration import config
from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.stats import status_by_exit_code
from mutmut.utils.file_utils import walk_mutatable_files

from benchmarks import ARTIFACTS, ROOT

LEAST_SHARE = 0.85
KILLED = ("killed", "timeout")


def change(name: str, path: Path) -> tuple[str, str]:
    """The lines that a mutant takes away and puts in their place."""
    lines = get_diff_for_mutant(name, path=path).splitlines()[2:]
    taken, put = (" ".join(line[1:].strip() for line in lines if line.startswith(sign)) for sign in "-+")
    return taken, put


def described(name: str, path: Path) -> dict[str, str]:
    """A mutant by its function and its change: its number moves with every edit."""
    taken, put = change(name, path)
    function = name.rpartition(".")[2].rpartition("__mutmut_")[0].removeprefix("x_").removeprefix("xǁ")
    return {"function": function.replace("ǁ", "."), "was": taken, "becomes": put}


def record_of(path: Path, equivalent: list[dict[str, str]]) -> dict[str, Any]:
    """One module's counts, and each that lived."""
    data = SourceFileMutationData(path=path)
    data.load()
    outcomes = {name: status_by_exit_code[code] for name, code in data.exit_code_by_key.items()}
    alive = [described(name, path) for name, outcome in outcomes.items() if outcome not in KILLED]
    reasons = {(one["function"], one["becomes"]): one["reason"] for one in equivalent if one["module"] == str(path)}
    same = [one | {"reason": reasons[_key(one)]} for one in alive if _key(one) in reasons]
    if stale := reasons.keys() - {_key(one) for one in same}:
        sys.exit(f"equivalent_mutants.json: {path} has no such survivor: {sorted(stale)}; take it out")
    survivors = [one for one in alive if _key(one) not in reasons]
    return figures(Counter(outcomes.values()), len(same)) | {"equivalents": same, "survivors": survivors}


def _key(one: dict[str, str]) -> tuple[str, str]:
    return one["function"], one["becomes"]


def figures(counts: Counter[str], equivalent: int) -> dict[str, Any]:
    """What became of how many, and the shares killed: of all, and of those that can be."""
    mutants, killed = counts.total(), sum(counts[outcome] for outcome in KILLED)
    return {
        "mutants": mutants,
        **{outcome: counts[outcome] for outcome in sorted({*KILLED, "survived", *counts})},
        "equivalent": equivalent,
        "killed_share": round(killed / mutants, 4),
        "killed_share_without_equivalent": round(killed / (mutants - equivalent), 4),
    }


def whole(modules: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """All modules together."""
    outcomes = {*status_by_exit_code.values()}
    counts = Counter({one: sum(module.get(one, 0) for module in modules.values()) for one in outcomes})
    return figures(+counts, sum(module["equivalent"] for module in modules.values()))


def main() -> None:
    """Write the record, and fail below LEAST_SHARE."""
    os.chdir(ROOT)
    equivalent = json.loads((Path(__file__).with_name("equivalent_mutants.json")).read_text(encoding="utf-8"))
    modules = {str(path): record_of(path, equivalent) for path in sorted(walk_mutatable_files())}
    record = {"made_by": "make mutants", "tests": config().pytest_add_cli_args_test_selection}
    record |= {"total": whole(modules), "modules": modules}
    text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
    (ARTIFACTS / "mutants.json").write_text(text, encoding="utf-8")
    for name, one in {**modules, "total": record["total"]}.items():
        print(f"{name}: {one['killed_share']:.1%} of {one['mutants']} killed, {one['equivalent']} cannot be")
    if low := [name for name, one in modules.items() if one["killed_share"] < LEAST_SHARE]:
        sys.exit(f"below {LEAST_SHARE:.0%}: {', '.join(low)}; artifacts/mutants.json lists the survivors")


if __name__ == "__main__":
    main()
