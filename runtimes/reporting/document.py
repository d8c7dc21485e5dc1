"""The document model of a report, before it is Markdown or HTML."""

from dataclasses import dataclass

from markupsafe import Markup

MEGABYTE = 1e6


@dataclass(frozen=True)
class Table:
    """Rows of text; `note` stands below. Rows of a table with an `anchor` can be linked to, as `anchor`-number."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    anchor: str = ""


@dataclass(frozen=True)
class Figure:
    """A drawing: SVG that is safe to insert, and what it shows in words."""

    title: str
    svg: Markup
    caption: str = ""


@dataclass(frozen=True)
class Section:
    """One subject of the report."""

    title: str
    lead: str
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()


@dataclass(frozen=True)
class Fact:
    """One large figure at the top."""

    value: str
    label: str
    bad: bool = False


@dataclass(frozen=True)
class Document:
    """The whole report."""

    title: str
    lead: str
    facts: tuple[Fact, ...]
    sections: tuple[Section, ...]


def megabytes(size_bytes: float) -> str:
    """Two digits after the point below 100, one above; decimal megabytes."""
    value = size_bytes / MEGABYTE
    return f"{value:.2f}" if value < 100 else f"{value:.0f}"


def milliseconds(seconds: float) -> str:
    """Three digits that count, and all of those before the point."""
    value = seconds * 1e3
    return f"{value:,.0f}" if value >= 99.95 else f"{value:#.3g}"


def difference(value: float) -> str:
    """A difference of logits."""
    return f"{value:.1e}" if value else "0"
