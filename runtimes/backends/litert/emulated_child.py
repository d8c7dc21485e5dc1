"""The child of an emulated LiteRT: opens a .tflite model, answers batches until its input ends.

    python -m runtimes.backends.litert.emulated_child MODEL [--trace] [LENGTH …]

It runs in a Python of another processor, which has LiteRT and numpy and nothing else. A model of fixed lengths is asked
rows of one of them.
"""

import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from runtimes.backends.fixed_length import Interface
from runtimes.backends.litert.fixed import open_fixed, signature_of
from runtimes.backends.litert.runner import NAME, LiteRtRunner, loading
from runtimes.backends.litert.session import open_interpreter
from runtimes.process.serving import own_stdout, serve
from runtimes.runner import Batch, Outputs, Runner, WrappedRunner

TRACE = "--trace"


@dataclass(frozen=True)
class _Tracing(WrappedRunner):
    """See Runner: it answers with every float tensor."""

    def run(self, batch: Batch) -> Outputs:
        """See Runner."""
        return self.runner.trace(batch)

    trace = run


def main() -> None:
    """Serve on stdin and stdout."""
    answers, (model, *further) = own_stdout(), sys.argv[1:]
    lengths = [int(word) for word in further if word != TRACE]

    def opened() -> tuple[Runner, str]:
        runner = _open(Path(model), lengths)
        return _Tracing(runner) if TRACE in further else runner, f"{NAME} for {platform.machine()}"

    serve(opened, sys.stdin.buffer, answers)


def _open(path: Path, lengths: Sequence[int]) -> Runner:
    if not lengths:
        return LiteRtRunner(path)
    with loading(path):
        inputs = open_interpreter(str(path), 1).get_signature_list()[signature_of(lengths[0])]["inputs"]
    return open_fixed(path, lengths, Interface(tuple(inputs)), threads=1)


if __name__ == "__main__":
    main()
