"""Fill the table of docs/explanation/coreml-witness.md from artifacts/coreml_witness.json: no figure is copied by hand.

    python -m benchmarks.results.witness_table [--check]

With --check nothing is written, and a table that the record would change is an error.
"""

import json
from collections import Counter
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks import ARTIFACTS
from benchmarks.models.seeded import KINDS
from benchmarks.results.blocks import with_block, write_or_check

PAGE = Path("docs/explanation/coreml-witness.md")
_HEAD = """| scheme | compared | tensors | largest difference | where | of an output | equal to the bit |
| --- | ---: | ---: | ---: | --- | ---: | ---: |"""


def table(record: dict[str, Any]) -> str:
    """One row for each scheme over all families and tasks that were compared."""
    schemes: dict[str, dict[str, dict[str, Any]]] = {}
    for name, one in record["compared"].items():
        family, task, scheme = name.split()
        schemes.setdefault(scheme, {})[f"{family}, {task}"] = one
    refused = Counter(name.split()[-1] for name in record["refused"])
    ordered = sorted(schemes.items(), key=_by_equality)
    return "\n".join([_HEAD, *(_row(scheme, found, len(KINDS) - refused[scheme]) for scheme, found in ordered)])


def _by_equality(item: tuple[str, dict[str, dict[str, Any]]]) -> tuple[bool, str]:
    return item[0] != "none", item[0]


def _row(scheme: str, found: dict[str, dict[str, Any]], asked: int) -> str:
    kind, worst = max(found.items(), key=lambda item: float(item[1]["largest"]))
    output = max(gap for one in found.values() for gap in one["outputs"].values())
    tensors, equal = sum(one["tensors"] for one in found.values()), fmean(one["equal_share"] for one in found.values())
    place = f"`{worst['worst']}` ({kind})"
    return (
        f"| `{scheme}` | {len(found)} of {asked} | {tensors:,} | {worst['largest']:.1e} | {place} | "
        f"{output:.1e} | {equal:.0%} |"
    )


def filled(text: str, path: Path) -> str:
    """The page with the table of the record at `path`."""
    return with_block(text, "witness", table(json.loads(path.read_text(encoding="utf-8"))), str(PAGE))


def main() -> None:
    """Write, or check."""
    record = ARTIFACTS / "coreml_witness.json"
    write_or_check(__doc__.splitlines()[0], "witness_table", PAGE, lambda text: filled(text, record))


if __name__ == "__main__":
    main()
