"""Running a saved model of fixed lengths on an emulated processor: its child is asked rows of one of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from runtimes.backends.emulation.runner import EmulatedRunner
from runtimes.backends.fixed_length import FixedLengthRunner, Interface
from runtimes.runner import INPUTS, Array, Batch, Outputs


@dataclass(frozen=True)
class EmulatedLengths(FixedLengthRunner):
    """See Runner; `description` says which runtime ran on what."""

    description: str = ""


@dataclass(frozen=True)
class _OneLength:
    """See FixedModel."""

    runner: EmulatedRunner

    def run(self, feeds: Mapping[str, Array]) -> Outputs:
        """See FixedModel."""
        return self.runner.run(_batch(feeds))

    def trace(self, feeds: Mapping[str, Array]) -> Outputs:
        """See FixedModel."""
        return self.runner.trace(_batch(feeds))


def of_lengths(runner: EmulatedRunner, lengths: Sequence[int], interface: Interface) -> EmulatedLengths:
    """One child answers for every length: it tells them by the width of its rows."""
    models = dict.fromkeys(lengths, _OneLength(runner))
    return EmulatedLengths(runner.status, models, interface, runner.description)


def _batch(feeds: Mapping[str, Array]) -> Batch:
    """What a child is asked; an input that the model does not read is nothing."""
    nothing = np.zeros_like(next(iter(feeds.values())))
    return Batch(*(feeds.get(name, nothing) for name in INPUTS))
