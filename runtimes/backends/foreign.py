"""Models that other tools saved, as runners: matching of inputs and outputs by name.

Inputs are matched by transformers' names; outputs by name, or where one is asked for and one is there, as that one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from runtimes.errors import BundleError
from runtimes.runner import INPUTS, Array, Batch, Outputs, Runner, WrappedRunner


@dataclass(frozen=True)
class Expected:
    """What a checkpoint's model has: what it reads, its outputs and those of each token, the id that pads.

    `threads` are those that it may take.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    token_outputs: frozenset[str]
    pad_id: int
    threads: int = 1


@dataclass(frozen=True)
class Opened:
    """A model that others saved: `outputs` are those of the expected that it has, `lengths` those that are fixed.

    `reads` are the inputs that it has; `findings` are what is wrong with the file whatever it answers.
    """

    runner: Runner
    outputs: tuple[str, ...]
    lengths: tuple[int, ...]
    reads: tuple[str, ...]
    findings: tuple[str, ...] = ()


def matched_inputs(path: Path, found: Sequence[str], expected: Expected) -> tuple[str, ...]:
    """The inputs of a file. Raises BundleError for one that no text has, and for a file that reads no ids."""
    unknown = [name for name in found if name not in INPUTS]
    if unknown or INPUTS[0] not in found:
        listed, wanted = ", ".join(found) or "none", ", ".join(expected.inputs)
        raise BundleError(f"{path}: inputs: expected {wanted}, found {listed}; export it with transformers' names")
    return tuple(found)


def matched_outputs(path: Path, found: Sequence[str], expected: Expected) -> dict[str, str]:
    """Name of an output in the file → the expected output that it is. Raises BundleError that lists what there is."""
    same = {name: name for name in expected.outputs if name in found}
    if same:
        return same
    if len(found) == 1 and len(expected.outputs) == 1:
        return {found[0]: expected.outputs[0]}
    listed = ", ".join(found) or "none"
    raise BundleError(f"{path}: outputs: expected {', '.join(expected.outputs)}, found {listed}; export it with these")


@dataclass(frozen=True)
class RenamedRunner(WrappedRunner):
    """See Runner: outputs by other names, and those alone that have one."""

    names: Mapping[str, str]

    def run(self, batch: Batch) -> Outputs:
        """See Runner."""
        return self._renamed(self.runner.run(batch))

    def trace(self, batch: Batch) -> Outputs:
        """See Runner; the outputs alone."""
        return self.run(batch)

    def _renamed(self, outputs: Mapping[str, Array]) -> Outputs:
        return {wanted: outputs[name] for name, wanted in self.names.items()}
