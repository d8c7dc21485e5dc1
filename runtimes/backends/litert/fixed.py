"""Running a saved .tflite model of fixed lengths with LiteRT, a signature for each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from runtimes.backends.fixed_length import FixedLengthRunner, Interface
from runtimes.backends.litert.runner import NAME
from runtimes.backends.litert.session import float_tensors, open_interpreter, open_kept
from runtimes.errors import BundleError, in_our_words
from runtimes.runner import Array, Outputs, Status


def signature_of(length: int) -> str:
    """What a model of fixed lengths calls the signature that takes `length` tokens."""
    return f"tokens_{length}"


@dataclass(frozen=True)
class _OneLength:
    """See FixedModel. `number` is that of its subgraph; all lengths of an interpreter take turns."""

    path: Path
    length: int
    number: int
    runner: Any
    turn: Any

    def run(self, feeds: Mapping[str, Array]) -> Outputs:
        """See FixedModel."""
        with (
            in_our_words(lambda reason: BundleError(f"{NAME} cannot run it: {reason}; export again")),
            self.turn,
        ):
            outputs: Outputs = self.runner(**feeds)
        return outputs

    def trace(self, feeds: Mapping[str, Array]) -> Outputs:
        """See FixedModel; the model is loaded once more, on kernels whose results stay."""
        with in_our_words(lambda reason: BundleError(f"{self.path}: cannot be traced: {reason}; export again")):
            kept = open_kept(str(self.path))
            outputs: Outputs = kept.get_signature_runner(signature_of(self.length))(**feeds)
            return float_tensors(kept, self.number) | outputs


def open_fixed(path: Path, lengths: Sequence[int], interface: Interface, threads: int) -> FixedLengthRunner:
    """Open every length of a model. Raises BundleError where LiteRT does not load it, or a length is missing."""
    with in_our_words(lambda reason: BundleError(f"{path}: {NAME} does not load it: {reason}; export again")):
        interpreter, turn = open_interpreter(str(path), threads), Lock()
        models = {
            length: _OneLength(path, length, number, interpreter.get_signature_runner(signature_of(length)), turn)
            for number, length in enumerate(lengths)
        }
    return FixedLengthRunner(Status.MEASURED, models, interface)
