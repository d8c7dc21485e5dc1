"""The child of `subprocess_runner`: reads what the model is, opens it, and answers batches until its input ends.

python -P -m runtimes.backends.pytorch.child
"""

import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import IO, TYPE_CHECKING

from runtimes.backends.pytorch.description import ReferenceModel, from_arrays
from runtimes.backends.pytorch.lean_imports import import_lean, import_whole
from runtimes.process.frames import read_frame, unpack
from runtimes.process.heavy_imports import without_collections
from runtimes.process.serving import own_stdout, serve
from runtimes.runner import Array, Batch, Outputs, Runner, Status

if TYPE_CHECKING:
    from runtimes.backends.pytorch.runner import TorchRunner


def open_reference(questions: IO[bytes]) -> Runner:
    """The model that the first message tells of; torch is imported before it comes.

    Another thread receives it meanwhile: who tells of a model does not wait for torch.
    """
    with ThreadPoolExecutor(1) as pool, without_collections():
        told = pool.submit(read_frame, questions)
        lean = import_lean()
        model = from_arrays(unpack(told.result()[1]))
        try:
            return _Lean(_open(model), model) if lean else _open(model)
        except Exception:
            if not lean:
                raise
            import_whole()  # whatever it was: what transformers says with all it has is what counts
            return _open(model)


def _open(model: ReferenceModel) -> "TorchRunner":
    import torch

    from runtimes.backends.pytorch.runner import TorchRunner

    if model.threads is not None:
        torch.set_num_threads(model.threads)  # while it loads, too
    return TorchRunner.of(model)


class _Lean:
    """See Runner: the model of a transformers that left some out, which is imported whole where a tokenizer fails."""

    status = Status.MEASURED
    positions: int | None = None

    def __init__(self, runner: "TorchRunner", model: ReferenceModel) -> None:
        self.runner, self._model = runner, model

    def run(self, batch: Batch) -> Outputs:
        """See Runner."""
        return self.runner.run(batch)

    def trace(self, batch: Batch) -> Outputs:
        """See Runner."""
        return self.runner.trace(batch)

    def fit(self, batch: Batch) -> Batch:
        """See Runner."""
        return batch

    def tokens(self, question: Mapping[str, Array]) -> dict[str, Array]:
        """As TorchRunner's."""
        try:
            return self.runner.tokens(question)
        except Exception:
            import_whole()
            self.runner = _open(self._model)
            return self.runner.tokens(question)


def main() -> None:
    """Serve on stdin and stdout."""
    serve(lambda: (open_reference(sys.stdin.buffer), "PyTorch"), sys.stdin.buffer, own_stdout())


if __name__ == "__main__":
    main()
