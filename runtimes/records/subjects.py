"""What several kinds of record are about: a bundle, its checkpoint, labelled rows."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from runtimes.records.values import Count, Text


@dataclass(frozen=True)
class BundleName:
    """Which bundle a record is about; see runtimes.bundle.reading.Bundle.identity."""

    model: Text
    target: Text
    scheme: Text
    manifest_sha256: Annotated[Text, Field(default="")]


@dataclass(frozen=True)
class Source:
    """The checkpoint that a bundle was made from; `revision` is the hub's commit, None for a folder."""

    model: Text
    revision: Annotated[str | None, Field(default=None)]


@dataclass(frozen=True)
class Columns:
    """The columns that were read; `labels` are several where each label has a column of its own."""

    texts: tuple[str, ...]
    second: str | None
    labels: tuple[str, ...]
    join: str


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Which labelled rows were read, and how: `notes` say it in words, `limit` is the most that were asked for."""

    file: Text
    sha256: Annotated[Text, Field(default="")]
    rows_in_file: Annotated[Count, Field(default=0)]
    rows: Annotated[int, Field(ge=1)]
    limit: Annotated[Count | None, Field(default=None)]
    columns: Annotated[Columns | None, Field(default=None)]
    notes: Annotated[tuple[str, ...], Field(default=())]
