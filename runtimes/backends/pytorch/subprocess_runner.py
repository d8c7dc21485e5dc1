"""The reference model in a subprocess: this process never imports torch, and its memory is given back.

torch and transformers are 350 MB before any model, and their import takes longer than a small model's whole export:
the process is started first, and asked when this one has something to compare.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property

from runtimes.backends.pytorch.description import ReferenceModel, to_arrays
from runtimes.backends.pytorch.early import COMMAND, environment, take_early
from runtimes.errors import BertportError, CheckpointError
from runtimes.process.child import Child, Program
from runtimes.process.frames import ARRAYS, TOKENS, pack
from runtimes.runner import Array, Batch, Outputs


class TorchSubprocess:
    """Answers as TorchRunner does; in the process that was started early, if there is one.

    Raises RuntimeUnavailable as Child does, and CheckpointError for what transformers does not load or run.
    """

    def __init__(self, model: ReferenceModel, small: bool = True) -> None:
        def refused(text: str) -> BertportError:
            own = text.startswith(f"{model.checkpoint}: ")  # what the other end says in our words
            return CheckpointError(text if own else f"{model.checkpoint}: PyTorch cannot answer for it: {text}")

        process = "its process (--no-verify exports without it)"
        program = Program("PyTorch", process, COMMAND, environment(small), refused)
        self._child = Child(program, started=take_early())
        self._child.tell(ARRAYS, pack(to_arrays(model)))

    def run(self, batch: Batch) -> Outputs:
        """The outputs of one batch, by name; the first call waits for the model."""
        return self._opened.ask(batch)

    def run_all(self, batches: Sequence[Batch]) -> list[Outputs]:
        """The outputs of each of several batches."""
        return self._opened.ask_all(batches)

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
