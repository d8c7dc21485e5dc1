"""Running a model with a trimmed vocabulary on the original token ids."""

from dataclasses import dataclass

import numpy as np

from runtimes.parity.cases import Case
from runtimes.runner import Array, Batch, Outputs, WrappedRunner


@dataclass(frozen=True)
class RenumberedRunner(WrappedRunner):
    """See Runner. `kept` holds the old id of each new one; a batch may hold no other."""

    kept: Array

    def fit(self, batch: Batch) -> Batch:
        """See Runner; in old ids still."""
        fitted = self.runner.fit(self._renumbered(batch))
        return Batch(self.kept[fitted.ids], fitted.mask, fitted.types)

    def run(self, batch: Batch) -> Outputs:
        """See Runner."""
        return self.runner.run(self._renumbered(batch))

    def trace(self, batch: Batch) -> Outputs:
        """See Runner."""
        return self.runner.trace(self._renumbered(batch))

    def _renumbered(self, batch: Batch) -> Batch:
        return Batch(np.searchsorted(self.kept, batch.ids), batch.mask, batch.types)


def survivors(cases: list[Case], kept: Array) -> list[Case]:
    """The cases all of whose tokens are kept; of rows that are padding of another, only where that one stays too."""
    stay = [case for case in cases if np.isin(case.batch.ids, kept).all()]
    names = {case.name for case in stay}
    return [case for case in stay if case.padding_of is None or case.padding_of in names]
