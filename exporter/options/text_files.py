"""Texts from a file that an option names, plain or labelled."""

from pathlib import Path

from runtimes.errors import UsageError


def texts(path: Path | None) -> tuple[str, ...]:
    """The texts of a file given by --texts; none without it.

    A tab parts the two texts of a pair, or a text and its choices; of a table its columns do. Raises UsageError for a
    file without text, or with pairs in some lines alone.
    """
    if path is None:
        return ()
    from runtimes.evaluation.data.corpus import battery_texts

    try:
        found = battery_texts(path)
    except UsageError as error:
        raise UsageError(f"--texts {error}") from error
    if not found:
        raise UsageError(f"--texts {path}: holds no text; write one a line")
    tabs = [line.count("\t") for line in found]
    odd = next((number for number, count in enumerate(tabs) if count != tabs[0]), None)
    if odd is not None:
        raise UsageError(
            f"--texts {path}: {tabs[0]} tabs in the first text and {tabs[odd]} in text {odd + 1}; a tab parts texts "
            "of a pair, so that every line holds as many"
        )
    return found


def corpus(path: Path | None, option: str) -> tuple[str, ...]:
    """The texts of a file given by `option`, plain or a table of labelled rows; none without it."""
    if path is None:
        return ()
    from runtimes.evaluation.data.corpus import read_texts

    try:
        return read_texts(path)
    except UsageError as error:
        raise UsageError(f"{option} {error}") from error
