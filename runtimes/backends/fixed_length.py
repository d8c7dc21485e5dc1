"""A runner over models of fixed lengths, one row at a time: Core ML packages, and LiteRT files of such lengths."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from runtimes.errors import UsageError
from runtimes.runner import INPUTS, Array, Batch, Outputs, Status, resized


class FixedModel(Protocol):
    """A model that takes one row of one length, int32 [1, S] by input name."""

    def run(self, feeds: Mapping[str, Array]) -> Outputs:
        """Its outputs."""

    def trace(self, feeds: Mapping[str, Array]) -> Outputs:
        """Its named tensors, where the runtime shows them."""


@dataclass(frozen=True)
class Interface:
    """What the models read, which of their outputs have an entry for each token, and the id that pads."""

    inputs: tuple[str, ...] = INPUTS
    token_outputs: frozenset[str] = frozenset()
    pad_id: int = 0


@dataclass(frozen=True)
class FixedLengthRunner:
    """See Runner. Each text goes to the shortest model of `models` (length → model) that holds its tokens.

    The choices of a text go to one model, the shortest that holds the longest of them: they are weighed against each
    other, and where padding shows in an answer it is then the same for all, as in PyTorch.
    """

    status: Status
    models: Mapping[int, FixedModel]
    interface: Interface = field(default_factory=Interface)

    @property
    def positions(self) -> int:
        """See Runner."""
        return max(self.models)

    def fit(self, batch: Batch) -> Batch:
        """See Runner; all rows padded to the shortest length that holds the longest of them."""
        return batch.resized(self._length(batch), self.interface.pad_id)

    def run(self, batch: Batch) -> Outputs:
        """See Runner; outputs of every token come back as wide as the batch, and scores of choices as [B, C]."""
        width = batch.ids.shape[-1]
        rows = [self._model(item).run(self._feeds(row)) for item in batch.items for row in self.fit(item).rows]
        found = _joined([{name: self._as_asked(name, values, width) for name, values in row.items()} for row in rows])
        return found if batch.ids.ndim == 2 else {name: v.reshape(batch.ids.shape[:2]) for name, v in found.items()}

    def trace(self, batch: Batch) -> Outputs:
        """See Runner; rows of one length."""
        model = self._model(batch)
        return _joined([model.trace(self._feeds(row)) for row in self.fit(batch).rows])

    def _as_asked(self, name: str, values: Array, width: int) -> Array:
        """An output of tokens as wide as the batch was; any other as it is."""
        return resized(values, width) if name in self.interface.token_outputs else values

    def _feeds(self, fitted: Batch) -> dict[str, Array]:
        return {name: values.astype(np.int32) for name, values in fitted.feeds(self.interface.inputs).items()}

    def _model(self, batch: Batch) -> FixedModel:
        return self.models[self._length(batch)]

    def _length(self, batch: Batch) -> int:
        """The shortest length up to the last token of any row; where there is no token, up to the last column."""
        used = batch.used if batch.mask.any() else min(batch.used, self.positions)
        fitting = [length for length in self.models if length >= used]
        if not fitting:
            raise UsageError(f"a text of {used} tokens, and the model takes {self.positions} at most; truncate it")
        return min(fitting)


def _joined(rows: list[Outputs]) -> Outputs:
    """Outputs [1, …] of each row → [B, …]."""
    return {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}
