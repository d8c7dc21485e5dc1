"""Running a saved .tflite model of fixed lengths with LiteRT, a signature for each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runtimes.backends.fixed_length import FixedLengthRunner, Interface
from runtimes.backends.litert.runner import NAME, loading
from runtimes.backends.litert.session import MainSignature, open_interpreter, open_kept
from runtimes.errors import BundleError, in_our_words
from runtimes.runner import Array, Outputs, Status


def signature_of(length: int) -> str:
    """What a model of fixed lengths calls the signature that takes `length` tokens."""
    return f"tokens_{length}"


@dataclass(frozen=True)
class _OneLength:
    """See FixedModel."""

    path: Path
    length: int
    runner: Any

    def run(self, feeds: Mapping[str, Array]) -> Outputs:
        """See FixedModel."""
        with in_our_words(lambda reason: BundleError(f"{NAME} cannot run the model: {reason}; export again")):
            outputs: Outputs = self.runner(**feeds)
        return outputs

    def trace(self, feeds: Mapping[str, Array]) -> Outputs:
        """See FixedModel; of the first length all tensors, of others the outputs: LiteRT shows no other's tensors."""
        kept = open_kept(str(self.path))
        if next(iter(kept.get_signature_list())) != signature_of(self.length):
            return self.run(feeds)
        main = MainSignature(kept, signature_of(self.length))
        outputs = main.run(feeds)
        return main.tensors() | outputs


def open_fixed(path: Path, lengths: Sequence[int], interface: Interface, threads: int) -> FixedLengthRunner:
    """Open every length of a model. Raises BundleError where LiteRT does not load it, or a length is missing."""
    with loading(path):
        interpreter = open_interpreter(str(path), threads)
        models = {
            length: _OneLength(path, length, interpreter.get_signature_runner(signature_of(length)))
            for length in lengths
        }
    return FixedLengthRunner(Status.MEASURED, models, interface)
