"""The types of all runtimes: `Batch`, `Runner`, `Status`."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Outputs = dict[str, Array]
INPUTS = ("input_ids", "attention_mask", "token_type_ids")
"""All that a model may read, by transformers' names; families without segments read the first two."""


class Status(Enum):
    """How a figure came to be; only `MEASURED` ones have times."""

    MEASURED = "measured"
    """The target's real runtime ran on this processor."""
    EMULATED = "emulated"
    """The real runtime's kernels ran on an emulated processor."""
    SIMULATED = "simulated"
    """Our interpreter ran the saved model."""
    NOT_RUN = "not run"


@dataclass(frozen=True)
class Batch:
    """Token ids, mask (1 for a token) and segment numbers: int64 [B, S] each."""

    ids: Array
    mask: Array
    types: Array

    @property
    def rows(self) -> "list[Batch]":
        """Each row by itself, [1, S]; of a batch [B, C, S] each choice."""
        parts = [part.reshape(-1, part.shape[-1]) for part in (self.ids, self.mask, self.types)]
        return [Batch(*(part[number : number + 1] for part in parts)) for number in range(len(parts[0]))]

    @property
    def items(self) -> "list[Batch]":
        """Each text by itself: one row, or with its choices [1, C, S]."""
        parts, numbers = (self.ids, self.mask, self.types), range(len(self.ids))
        return [Batch(*(part[number : number + 1] for part in parts)) for number in numbers]

    @property
    def used(self) -> int:
        """Tokens up to the last one of any row; where there is none, all columns."""
        columns = np.flatnonzero(self.mask.any(tuple(range(self.mask.ndim - 1))))
        return int(columns[-1]) + 1 if len(columns) else self.ids.shape[-1]

    def resized(self, length: int, pad_id: int) -> "Batch":
        """As [B, length] or [B, C, length], truncated or padded on the right."""
        whole = (*self.ids.shape[:-1], length)
        parts = [part.reshape(-1, part.shape[-1]) for part in (self.ids, self.mask, self.types)]
        ids, mask, types = (resized(part, length) for part in parts)
        ids[:, self.ids.shape[-1] :] = pad_id
        return Batch(*(part.reshape(whole) for part in (ids, mask, types)))

    def feeds(self, names: Collection[str] = INPUTS) -> dict[str, Array]:
        """The arrays that a model reads, by name."""
        arrays = zip(INPUTS, (self.ids, self.mask, self.types), strict=True)
        return {name: values for name, values in arrays if name in names}


class Runner(Protocol):
    """A model, opened."""

    @property
    def status(self) -> Status:
        """What figures made with this runner may be called."""

    @property
    def positions(self) -> int | None:
        """The most tokens that the model takes; None for as many as its checkpoint."""

    def fit(self, batch: Batch) -> Batch:
        """The batch as this model takes it: padded to a length that it has, or as it is."""

    def run(self, batch: Batch) -> Outputs:
        """The outputs of one batch, by name."""

    def trace(self, batch: Batch) -> Outputs:
        """Every named tensor of one batch, in the order of computation."""


def most_rows(runner: Runner) -> int | None:
    """Rows of a comparison that a slow runner is asked, as its `most_rows` says; None, and of one without, for all."""
    found: int | None = getattr(runner, "most_rows", None)
    return found


@dataclass(frozen=True)
class WrappedRunner:
    """See Runner: another one, asked or read otherwise in what a subclass says."""

    runner: Runner

    @property
    def status(self) -> Status:
        """See Runner."""
        return self.runner.status

    @property
    def positions(self) -> int | None:
        """See Runner."""
        return self.runner.positions

    @property
    def most_rows(self) -> int | None:
        """See the function of that name."""
        return most_rows(self.runner)

    def fit(self, batch: Batch) -> Batch:
        """See Runner."""
        return self.runner.fit(batch)


def resized(values: Array, width: int) -> Array:
    """[B, S, …] → [B, width, …], truncated or filled up with zeros on the right."""
    wide = np.zeros((len(values), width, *values.shape[2:]), values.dtype)
    kept = min(width, values.shape[1])
    wide[:, :kept] = values[:, :kept]
    return wide


def full_batch(ids: Array) -> Batch:
    """Ids without padding, all of the first segment."""
    return Batch(ids, np.ones_like(ids), np.zeros_like(ids))
