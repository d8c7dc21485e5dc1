"""Reading files within bounds: never more of one than its kind can have."""

from pathlib import Path

from runtimes.errors import BertportError, BundleError

MAX_WEIGHT_BYTES = 4 << 30
"""No small BERT is larger, in whichever format."""
_MAX_OWN_BYTES = 64_000_000
_MAX_CARD_BYTES = 1_000_000


def read_bounded(path: Path, most_bytes: int, refuse: type[BertportError]) -> bytes:
    """The bytes of a plain file of at most `most_bytes`. Raises `refuse` for another, FileNotFoundError for none.

    A pipe or a device has no size to be held to anything, and would be read for ever.
    """
    size_bytes = path.stat().st_size
    if not path.is_file():
        raise refuse(f"{path}: expected a plain file, found a folder, a pipe or a device; put the file itself there")
    if size_bytes > most_bytes:
        raise refuse(
            f"{path}: {size_bytes:,} bytes, and at most {most_bytes:,} are read: this is no such file; put the right "
            "one there"
        )
    with path.open("rb") as file:
        return file.read(most_bytes)


def read_card(path: Path) -> str:
    """The beginning of a model card, a million bytes of it; nothing where there is none."""
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return file.read(_MAX_CARD_BYTES).decode("utf-8", "replace")


def read_own(path: Path) -> str:
    """A text that this package carries, or that it has just written."""
    return read_bounded(path, _MAX_OWN_BYTES, BundleError).decode("utf-8")
