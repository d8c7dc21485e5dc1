"""Output for GitHub Actions: annotations on a run, and Markdown for its summary.

Escapes are those of actions/toolkit, packages/core/src/command.ts, and of GitHub's Markdown tables.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from runtimes.errors import UsageError

SUMMARY_VARIABLE = "GITHUB_STEP_SUMMARY"


def annotates(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this run is one of GitHub Actions."""
    return bool(environment.get("GITHUB_ACTIONS"))


def annotation(level: str, title: str, message: str, file: str) -> str:
    """One line that shows as an annotation; `level` is error, warning or notice."""
    return f"::{level} file={_property(file)},title={_property(title)}::{_data(message)}"


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose cells show as they are."""
    lines = [columns, ["---"] * len(columns)]
    return "\n".join(
        "| " + " | ".join(line) + " |" for line in [*lines, *([_cell(cell) for cell in row] for row in rows)]
    )


def append_summary(markdown: str, environment: Mapping[str, str] = os.environ) -> None:
    """Append to the run's summary, where there is one. Raises UsageError where it cannot be written."""
    if not (path := environment.get(SUMMARY_VARIABLE)):
        return
    try:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(markdown + "\n")
    except OSError as error:
        raise UsageError(f"{SUMMARY_VARIABLE} {path}: cannot be written ({error.strerror or error})") from error


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _cell(text: str) -> str:
    """Backslash what is Markdown, spell what is HTML, and keep it on one line."""
    for character in "\\`*_[]|":
        text = text.replace(character, f"\\{character}")
    return " ".join(text.replace("&", "&amp;").replace("<", "&lt;").split())
