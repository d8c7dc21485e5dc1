"""What `bertport export --json` prints of each bundle: a list, which is no record of a kind and is not read again."""

from dataclasses import dataclass

from runtimes.records.parity import ParityRecord
from runtimes.records.values import Bytes, Recipe


@dataclass(frozen=True, kw_only=True)
class ExportedBundle:
    """One combination; `directory` is None where a failing bundle was not kept."""

    recipe: Recipe
    directory: str | None
    size_bytes: Bytes
    parity: ParityRecord
