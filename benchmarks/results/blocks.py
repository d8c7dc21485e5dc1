"""Blocks in pages, between `<!-- name -->` and `<!-- /name -->`, that are made and never written by hand."""

import re
import sys


def with_block(text: str, name: str, content: str, page: str) -> str:
    """The text of a page with one block made anew. Ends the process where it has not just one of that name."""
    block = f"<!-- {name} -->\n\n{content}\n\n<!-- /{name} -->"
    text, count = re.subn(f"<!-- {name} -->.*?<!-- /{name} -->", lambda _: block, text, flags=re.DOTALL)
    if count != 1:
        sys.exit(f"{page}: expected one block {name}, found {count}")
    return text
