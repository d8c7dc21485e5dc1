"""Rendering a report as Markdown, and as one self-contained HTML page."""

import re
from base64 import b64encode
from functools import cache
from hashlib import sha256

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from runtimes.reporting.document import Document, Section, Table

_MARKDOWN = re.compile(r"([\\`*_\[\]<>|#~&])")


def html(document: Document) -> str:
    """Render the page; every text in it is escaped, for records come from anywhere."""
    return _template("page.html").render(document=document, script=_script(), script_hash=_hash(_script()))


def _script() -> Markup:
    """Our own script, which sorts tables: the only one that the page's policy lets run, by its hash."""
    return Markup(_template("sort.js").render())  # noqa: S704


def _hash(script: str) -> str:
    return f"sha256-{b64encode(sha256(script.encode()).digest()).decode()}"


def drawing(svg: Markup) -> str:
    """Render a chart as an SVG file of its own, in the page's colours, light and dark."""
    return _template("drawing.svg").render(svg=svg) + "\n"


@cache
def _template(name: str) -> Template:
    """A template, compiled once: our own, never one from a file that is read."""
    environment = Environment(
        loader=PackageLoader("runtimes.reporting"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template(name)


def markdown(document: Document) -> str:
    """Render Markdown with GitHub's tables; the drawings are left out."""
    facts = [f"- **{_plain(fact.value)}** {_plain(fact.label)}" for fact in document.facts]
    parts = [f"# {_plain(document.title)}", _plain(document.lead), "\n".join(facts)]
    parts += [_section(section) for section in document.sections]
    return "\n\n".join(part for part in parts if part) + "\n"


def _section(section: Section) -> str:
    parts = [f"## {_plain(section.title)}", _plain(section.lead), *map(_table, section.tables)]
    return "\n\n".join(part for part in parts if part)


def _table(table: Table) -> str:
    rule = ["---"] + ["---:"] * (len(table.columns) - 1)
    lines = [[_plain(column) for column in table.columns], rule]
    lines += [[_plain(cell) for cell in row] for row in table.rows]
    drawn = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return "\n\n".join(filter(None, [f"### {_plain(table.title)}", drawn, _plain(table.note)]))


def _plain(text: str) -> str:
    """One line in which nothing is markup."""
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))
