"""Tables in texts, between `<!-- name -->` and `<!-- /name -->`, that are made from records and never by hand."""

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks import ROOT


def with_block(text: str, name: str, content: str, page: str) -> str:
    """The text of a page with one block made anew. Ends the process where it has not just one of that name."""
    block = f"<!-- {name} -->\n\n{content}\n\n<!-- /{name} -->"
    text, count = re.subn(f"<!-- {name} -->.*?<!-- /{name} -->", lambda _: block, text, flags=re.DOTALL)
    if count != 1:
        sys.exit(f"{page}: expected one block {name}, found {count}")
    return text


def write_or_check(summary: str, module: str, page: Path, filled: Callable[[str], str]) -> None:
    """The command of a page with one table: write it, or with --check end in an error where it is stale."""
    parser = argparse.ArgumentParser(description=summary)
    parser.add_argument("--check", action="store_true")
    given, path = parser.parse_args(), ROOT / page
    old = path.read_text(encoding="utf-8")
    new = filled(old)
    if given.check and new != old:
        sys.exit(f"{page}: its table is stale; run python -m benchmarks.results.{module}")
    path.write_text(new, encoding="utf-8")
