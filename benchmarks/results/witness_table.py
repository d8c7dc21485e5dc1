"""Core ML's interpreter beside Apple's Core AI runtime, as a table."""

from collections import Counter
from statistics import fmean
from typing import Any

from benchmarks.models.seeded import KINDS

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
