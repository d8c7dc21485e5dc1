"""Families that were trained here, in every scheme, as a table."""

from typing import Any

_HEAD = """| trained here | bundle | | rows | MB | same label | accuracy | PyTorch's | max diff |
| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |"""


def table(record: dict[str, Any]) -> str:
    """One row for each bundle of each family."""
    found = [
        _row(family, name, one)
        for family, trained in record["families"].items()
        for name, one in trained["figures"].items()
        if name != "pytorch"
    ]
    return "\n".join([_HEAD, *found])


def _row(family: str, name: str, one: dict[str, Any]) -> str:
    target, _, scheme = name.partition("-")
    cells = (family, f"{target} `{scheme}`", one["status"], f"{one['rows']:,}", f"{one['size_bytes'] / 1e6:.2f}")
    figures = (f"{one[key]:.4f}" for key in ("agreement", "accuracy", "pytorch_accuracy"))
    return f"| {' | '.join((*cells, *figures))} | {one['max_absolute']:.1e} |"
