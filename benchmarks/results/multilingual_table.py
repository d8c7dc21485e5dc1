"""Fill the table of docs/explanation/trimming.md from artifacts/multilingual.json: no figure is copied by hand.

    python -m benchmarks.results.multilingual_table [--check]

With --check nothing is written, and a table that the record would change is an error.
"""

import json
from pathlib import Path
from typing import Any

from benchmarks import ARTIFACTS
from benchmarks.results.blocks import with_block, write_or_check

PAGE = Path("docs/explanation/trimming.md")
_HEAD = """| bundle | rows | MB | least cosine | mean cosine |
| --- | ---: | ---: | ---: | ---: |"""


def table(record: dict[str, Any]) -> str:
    """One row for each bundle, and what the texts were."""
    rows = [_row(name, one, record) for name, one in record["bundles"].items()]
    texts = next(iter(record["bundles"].values()))["sentences"]
    share = record["texts_that_keep_their_tokens"]
    said = f"{texts} texts whose tokens all stay: {share:.0%} of those drawn. Weights: {record['weights']}."
    return "\n".join([_HEAD, *rows, "", said])


def _row(name: str, one: dict[str, Any], record: dict[str, Any]) -> str:
    (scheme, comma, rest), size = name.partition(","), one["size_bytes"] / 1e6
    rows, whole = record["rows"], record["geometry"]["rows"]
    cosines = f"{one['least_cosine']:.4f} | {one['mean_cosine']:.4f}"
    return f"| `{scheme}`{comma}{rest} | {rows:,} of {whole:,} | {size:.1f} | {cosines} |"


def filled(text: str, path: Path) -> str:
    """The page with the table of the record at `path`."""
    return with_block(text, "multilingual", table(json.loads(path.read_text(encoding="utf-8"))), str(PAGE))


def main() -> None:
    """Write, or check."""
    record = ARTIFACTS / "multilingual.json"
    write_or_check(__doc__.splitlines()[0], "multilingual_table", PAGE, lambda text: filled(text, record))


if __name__ == "__main__":
    main()
