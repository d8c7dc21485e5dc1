"""Fill the table of docs/explanation/coreml-witness.md from artifacts/coreml_witness.json: no figure is copied by hand.

    python -m benchmarks.results.witness_table [--check]

With --check nothing is written, and a table that the record would change is an error.
"""

import argparse
import json
import re
import sys
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks import ARTIFACTS, ROOT
from benchmarks.models.seeded import KINDS

PAGE = Path("docs/explanation/coreml-witness.md")
_BLOCK = re.compile(r"<!-- witness -->.*?<!-- /witness -->", re.DOTALL)
_HEAD = """| scheme | compared | tensors | largest difference | where | of an output | equal to the bit |
| --- | ---: | ---: | ---: | --- | ---: | ---: |"""


def table(record: dict[str, Any]) -> str:
    """One row for each scheme over all families and tasks that were compared."""
    schemes: dict[str, dict[str, dict[str, Any]]] = {}
    for name, one in record["compared"].items():
        family, task, scheme = name.split()
        schemes.setdefault(scheme, {})[f"{family}, {task}"] = one
    return "\n".join([_HEAD, *(_row(scheme, found) for scheme, found in sorted(schemes.items(), key=_by_equality))])


def _by_equality(item: tuple[str, dict[str, dict[str, Any]]]) -> tuple[bool, str]:
    return item[0] != "none", item[0]


def _row(scheme: str, found: dict[str, dict[str, Any]]) -> str:
    kind, worst = max(found.items(), key=lambda item: float(item[1]["largest"]))
    output = max(gap for one in found.values() for gap in one["outputs"].values())
    tensors, equal = sum(one["tensors"] for one in found.values()), fmean(one["equal_share"] for one in found.values())
    place = f"`{worst['worst']}` ({kind})"
    return (
        f"| `{scheme}` | {len(found)} of {len(KINDS)} | {tensors:,} | {worst['largest']:.1e} | {place} | "
        f"{output:.1e} | {equal:.0%} |"
    )


def filled(text: str, path: Path) -> str:
    """The page with the table of the record at `path`."""
    block = f"<!-- witness -->\n\n{table(json.loads(path.read_text(encoding='utf-8')))}\n\n<!-- /witness -->"
    text, count = _BLOCK.subn(lambda _: block, text)
    if count != 1:
        sys.exit(f"{PAGE}: expected one block witness, found {count}")
    return text


def main() -> None:
    """Write, or check."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    given, path = parser.parse_args(), ROOT / PAGE
    old = path.read_text(encoding="utf-8")
    new = filled(old, ARTIFACTS / "coreml_witness.json")
    if given.check and new != old:
        sys.exit(f"{PAGE}: its table is stale; run python -m benchmarks.results.witness_table")
    path.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    main()
