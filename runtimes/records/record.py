"""The base of every record: its kind, its schema version, and how it is laid out on disk.

A field with a default inside `Annotated` must be written and may be missing in a record that an older bertport wrote.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

OPTIONAL = "optional"
"""Key of the metadata of a field that is left out of the JSON where it is None."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """One kind; a subclass names it. `bulky` records are written on one line; `noun` and `remedy` are for errors."""

    kind: str = ""
    schema_version: Literal[1] = 1

    bulky: ClassVar[bool] = False
    noun: ClassVar[str] = "a record"
    remedy: ClassVar[str] = "make it again"
