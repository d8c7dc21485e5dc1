"""A runner over models of fixed lengths, one row at a time: what Core ML packages are."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from exporter.errors import UsageError
from runtimes.runner import Array, Batch, Outputs, Status


class FixedModel(Protocol):
    """A model that takes one row of one length, int32 [1, S] by input name."""

    def run(self, feeds: Mapping[str, Array]) -> Outputs:
        """Its outputs."""

    def trace(self, feeds: Mapping[str, Array]) -> Outputs:
        """Its named tensors, where the runtime shows them."""


@dataclass(frozen=True)
class FixedLengthRunner:
    """See Runner. Each row goes to the shortest model of `models` (length → model) that holds its tokens.

    `token_outputs` names the outputs with an entry for each token.
    """

    status: Status
    models: Mapping[int, FixedModel]
    token_outputs: frozenset[str] = frozenset()

    @property
    def positions(self) -> int:
        """See Runner."""
        return max(self.models)

    def fit(self, batch: Batch) -> Batch:
        """See Runner; all rows padded to the shortest length that holds the longest of them."""
        return _padded(batch, self._length(batch))

    def run(self, batch: Batch) -> Outputs:
        """See Runner; outputs of every token come back as wide as the batch, and scores of choices as [B, C]."""
        width = batch.ids.shape[-1]
        rows = [self._model(row).run(_feeds(self.fit(row))) for row in _rows(batch)]
        found = _joined([{name: self._as_asked(name, values, width) for name, values in row.items()} for row in rows])
        return found if batch.ids.ndim == 2 else {name: v.reshape(batch.ids.shape[:2]) for name, v in found.items()}

    def trace(self, batch: Batch) -> Outputs:
        """See Runner; rows of one length."""
        model = self._model(batch)
        return _joined([model.trace(_feeds(row)) for row in _rows(self.fit(batch))])

    def _as_asked(self, name: str, values: Array, width: int) -> Array:
        """An output of tokens as wide as the batch was; any other as it is."""
        return _resized(values, width) if name in self.token_outputs else values

    def _model(self, batch: Batch) -> FixedModel:
        return self.models[self._length(batch)]

    def _length(self, batch: Batch) -> int:
        """The shortest length up to the last token of any row; where there is no token, up to the last column."""
        columns = np.flatnonzero(batch.mask.any(tuple(range(batch.mask.ndim - 1))))
        used = int(columns[-1]) + 1 if len(columns) else min(batch.ids.shape[-1], self.positions)
        fitting = [length for length in self.models if length >= used]
        if not fitting:
            raise UsageError(
                f"coreml: a text of {used} tokens, and the model takes {self.positions} at most; truncate it"
            )
        return min(fitting)


def _rows(batch: Batch) -> list[Batch]:
    """Each row by itself, [1, S]; of a batch [B, C, S] each choice."""
    parts = [part.reshape(-1, part.shape[-1]) for part in (batch.ids, batch.mask, batch.types)]
    return [Batch(*(part[number : number + 1] for part in parts)) for number in range(len(parts[0]))]


def _padded(batch: Batch, length: int) -> Batch:
    """All three arrays as [B, length], or [B, C, length]; what is cut is padding."""
    parts = [part.reshape(-1, part.shape[-1]) for part in (batch.ids, batch.mask, batch.types)]
    return Batch(*(_resized(part, length).reshape(*batch.ids.shape[:-1], length) for part in parts))


def _resized(values: Array, width: int) -> Array:
    """[B, S, …] → [B, width, …], cut or padded with zeros on the right."""
    wide = np.zeros((len(values), width, *values.shape[2:]), values.dtype)
    kept = min(width, values.shape[1])
    wide[:, :kept] = values[:, :kept]
    return wide


def _feeds(batch: Batch) -> dict[str, Array]:
    return {name: values.astype(np.int32) for name, values in batch.feeds().items()}


def _joined(rows: list[Outputs]) -> Outputs:
    """Outputs [1, …] of each row → [B, …]."""
    return {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}
