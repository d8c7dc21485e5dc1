"""The child of `subprocess_runner`: reads what the model is, opens it, and answers batches until its input ends.

python -P -m runtimes.backends.pytorch.child
"""

import sys
from collections.abc import Callable
from typing import IO, TYPE_CHECKING

from runtimes.backends.pytorch.description import from_arrays
from runtimes.process.frames import read_frame, unpack
from runtimes.process.heavy_imports import without_collections
from runtimes.process.serving import own_stdout, serve
from runtimes.runner import Runner

if TYPE_CHECKING:
    from runtimes.backends.pytorch.runner import TorchRunner

_UNUSED = ("scipy", "sklearn")
"""What transformers 5.23 imports where it is there, for losses and searches that no answer needs: 35 MB, and a tenth of
the time to start. Remove when it imports them as they are asked for."""
SMALL_BYTES = 64_000_000
"""Of float32 weights: what a second thread gains below this, it loses by waiting for it in every layer."""


def open_reference(questions: IO[bytes]) -> Runner:
    """The model that the first message tells of."""
    _, content = read_frame(questions)  # before torch: whoever tells it does not wait for that
    model = from_arrays(unpack(content))
    sys.modules.update(dict.fromkeys(_UNUSED))  # type: ignore[arg-type]  # importing it is an ImportError now
    with without_collections():
        from runtimes.backends.pytorch.runner import TorchRunner

        return _with_threads(lambda: TorchRunner.of(model))


def _with_threads(opened: "Callable[[], TorchRunner]") -> "TorchRunner":
    """A small model has one thread, a large one as many as torch takes; by its size alone, for sums depend on it."""
    import torch

    most = torch.get_num_threads()
    torch.set_num_threads(1)
    runner = opened()
    if sum(4 * one.numel() for one in runner.model.parameters()) > SMALL_BYTES:
        torch.set_num_threads(most)
    return runner


def main() -> None:
    """Serve on stdin and stdout."""
    serve(lambda: (open_reference(sys.stdin.buffer), "PyTorch"), sys.stdin.buffer, own_stdout())


if __name__ == "__main__":
    main()
