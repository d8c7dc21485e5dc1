"""Fill the table of docs/explanation/encoders.md from artifacts/trained_families.json: no figure is copied by hand.

    python -m benchmarks.results.trained_table [--check]

With --check nothing is written, and a table that the record would change is an error.
"""

import json
from pathlib import Path
from typing import Any

from benchmarks import ARTIFACTS
from benchmarks.results.blocks import with_block, write_or_check

PAGE = Path("docs/explanation/encoders.md")
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


def filled(text: str, path: Path) -> str:
    """The page with the table of the record at `path`."""
    return with_block(text, "trained", table(json.loads(path.read_text(encoding="utf-8"))), str(PAGE))


def main() -> None:
    """Write, or check."""
    record = ARTIFACTS / "trained_families.json"
    write_or_check(__doc__.splitlines()[0], "trained_table", PAGE, lambda text: filled(text, record))


if __name__ == "__main__":
    main()
