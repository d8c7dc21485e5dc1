"""Fill what is generated in README, SECURITY.md and docs/: tables and charts of records, the reference.

    python -m benchmarks.results.pages [--check]

No figure and no option is copied by hand. With --check nothing is written, and a page that would change is an error.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import ARTIFACTS, ROOT
from benchmarks.results import (
    charts,
    coreai_tables,
    family_tables,
    multilingual_table,
    peers_page,
    record_tables,
    security_table,
    trained_table,
    witness_table,
)
from benchmarks.results.blocks import with_block
from benchmarks.results.reference import command_line, configuration, schemes

Block = Callable[[Path], str]
"""What a block holds, given the folder of the records."""


def _of(name: str, table: Callable[[Any], str]) -> Block:
    """A block made from one record."""
    return lambda folder: table(json.loads((folder / name).read_text(encoding="utf-8")))


def _demo(folder: Path) -> str:
    """What `make demo` printed."""
    return f"```text\n{(folder / 'demo.txt').read_text(encoding='utf-8').rstrip()}\n```"


def _made(text: Callable[[], str]) -> Block:
    """A block made from the code."""
    return lambda _: text()


BLOCKS: Mapping[str, Mapping[str, Block]] = {
    "README.md": {"demo": _demo},
    "SECURITY.md": {"fuzz": _of("fuzz.json", security_table.table)},
    "docs/reference/cli.md": {"commands": _made(command_line)},
    "docs/reference/schemes.md": {"schemes": _made(schemes)},
    "docs/reference/configuration.md": {"keys": _made(configuration)},
    "docs/explanation/coreml-witness.md": {"witness": _of("coreml_witness.json", witness_table.table)},
    "docs/explanation/coreai.md": {
        "agreement": _of("coreai_agreement.json", coreai_tables.agreement_table),
        "peer": _of("coreai_peer.json", coreai_tables.peer_table),
    },
    "docs/explanation/encoders.md": {"trained": _of("trained_families.json", trained_table.table)},
    "docs/explanation/trimming.md": {"multilingual": _of("multilingual.json", multilingual_table.table)},
    "docs/results/coreml.md": {"coreml": _of("coreml_agreement.json", record_tables.coreml)},
    "docs/results/smallest.md": {
        "smallest": _of("smallest.json", record_tables.smallest),
        "half": _of("smallest.json", record_tables.half),
    },
    "docs/results/embeddings.md": {"embeddings": _of("embeddings.json", family_tables.embeddings)},
    "docs/results/families.md": {
        "zoo": _of("zoo.json", family_tables.zoo),
        "families": _of("families.json", family_tables.families),
    },
    "docs/results/peers.md": {
        "peers": lambda folder: peers_page.short(peers_page.records(folder)),
        "processors": lambda folder: peers_page.processors(peers_page.records(folder)),
    },
}
"""Page → its generated blocks."""
CHARTS: Mapping[str, Block] = {
    "docs/results/smallest.svg": _of("smallest.json", charts.smallest),
    "docs/results/embeddings.svg": _of("embeddings.json", charts.embeddings),
    "docs/results/peers.svg": lambda folder: charts.peers(peers_page.records(folder)),
}
"""Files that are generated whole."""


def filled(page: str, text: str, folder: Path = ARTIFACTS) -> str:
    """The text of a page with its blocks made anew, tables from the records in `folder`."""
    for name, make in BLOCKS[page].items():
        text = with_block(text, name, make(folder), page)
    return text


def generated(root: Path) -> Iterator[tuple[str, str, str]]:
    """Every page and chart under `root`: its path, what it holds ("" where it is not there), and what it should."""
    read = partial(Path.read_text, encoding="utf-8")
    for page in BLOCKS:
        old = read(root / page)
        yield page, old, filled(page, old)
    for chart, make in CHARTS.items():
        yield chart, read(root / chart) if (root / chart).exists() else "", make(ARTIFACTS)


def main() -> None:
    """Write, or check."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a page would change")
    check = parser.parse_args().check
    stale = [(page, new) for page, old, new in generated(ROOT) if new != old]
    if check and stale:
        sys.exit(f"{', '.join(page for page, _ in stale)}: stale; run python -m benchmarks.results.pages")
    for page, new in stale:
        (ROOT / page).write_text(new, encoding="utf-8")


if __name__ == "__main__":
    main()
