"""The reference model in a subprocess: this process never imports torch, and its memory is given back.

torch and transformers are 350 MB before any model, and their import takes longer than a small model's whole export:
the process is started first, and asked when this one has something to compare.
"""

import os
import sys
from collections.abc import Mapping
from functools import cached_property

from runtimes.backends.pytorch.description import ReferenceModel, to_arrays
from runtimes.errors import BertportError, CheckpointError
from runtimes.process.child import Child, Program, python_path
from runtimes.process.frames import ARRAYS, TOKENS, pack
from runtimes.runner import Array, Batch, Outputs

_MALLOC = {"MALLOC_MMAP_THRESHOLD_": str(1 << 20)}
"""What is larger goes back to the system when it is freed (glibc; mallopt(3)). Left to itself glibc raises this to what
was freed last, and each text leaves holes that the next one's tensors do not fit: 50 MB and more."""
_WAITING = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0", "KMP_BLOCKTIME": "0"}
"""A thread that waits for another sleeps. OpenMP's own way is to go round and round, on the core that the other needs
where others compute too: of 20 s of processor time that a verification of the demo took, 14 s (artifacts/busy.json)."""


class TorchSubprocess:
    """Answers as TorchRunner does.

    Raises RuntimeUnavailable as Child does, and CheckpointError for what transformers does not load or run.
    """

    def __init__(self, model: ReferenceModel) -> None:
        def refused(text: str) -> BertportError:
            own = text.startswith(f"{model.checkpoint}: ")  # what the other end says in our words
            return CheckpointError(text if own else f"{model.checkpoint}: PyTorch cannot answer for it: {text}")

        command = (
            sys.executable,
            "-P",
            "-m",
            "runtimes.backends.pytorch.child",
        )  # -P: nothing from the folder it starts in
        process = "its process (--no-verify exports without it)"
        environment = python_path() | _MALLOC | {name: os.environ.get(name, value) for name, value in _WAITING.items()}
        self._child = Child(Program("PyTorch", process, command, environment, refused))
        self._child.tell(ARRAYS, pack(to_arrays(model)))

    def run(self, batch: Batch) -> Outputs:
        """The outputs of one batch, by name; the first call waits for the model."""
        return self._opened.ask(batch)

    def tokens(self, question: Mapping[str, Array]) -> dict[str, Array]:
        """Answer a question of `runtimes.backends.pytorch.tokenizer_source.ask_tokens`."""
        return self._opened.exchange(TOKENS, question)

    @cached_property
    def _opened(self) -> Child:
        self._child.greeting()
        return self._child

    def close(self) -> None:
        """End the process; doing so twice does no harm."""
        self._child.close()
