"""The loop of a child process: opens a model, answers batches until its input ends."""

import os
from collections.abc import Callable, Mapping
from typing import IO, Protocol, runtime_checkable

from runtimes.errors import BertportError, in_one_line
from runtimes.process.frames import (
    ARRAYS,
    ERROR,
    MANY,
    READY,
    TOKENS,
    numbered,
    pack,
    parted,
    read_frame,
    unpack,
    write_frame,
)
from runtimes.runner import Array, Batch, Runner

_REASON_CHARACTERS = 1_000


@runtime_checkable
class Speaking(Protocol):
    """A runner that answers questions of `runtimes.backends.pytorch.tokenizer_source.ask_tokens` too."""

    def tokens(self, question: Mapping[str, Array]) -> dict[str, Array]:
        """Answer one."""


def serve(opened: Callable[[], tuple[Runner, str]], batches: IO[bytes], answers: IO[bytes]) -> None:
    """Say what was opened, then the outputs of every batch; what goes wrong is told and ends it."""
    try:
        runner, greeting = opened()
        write_frame(answers, READY, greeting.encode())
        while True:
            kind, content = read_frame(batches)
            question = unpack(content)
            if kind == TOKENS and isinstance(runner, Speaking):
                found = runner.tokens(question)
            elif kind == MANY:
                found = numbered([runner.run(Batch(**one)) for one in parted(question)])
            else:
                found = runner.run(Batch(**question))
            write_frame(answers, ARRAYS, pack(found))
    except (EOFError, BrokenPipeError):  # nobody asks any more
        return
    except Exception as error:
        complain(answers, error)


def complain(answers: IO[bytes], error: Exception) -> None:
    """Tell what went wrong, as `name: reason`; of our own errors the text alone."""
    kind = "" if isinstance(error, BertportError) else f"{type(error).__name__}: "
    write_frame(answers, ERROR, f"{kind}{in_one_line(error, _REASON_CHARACTERS)}".encode())


def own_stdout() -> IO[bytes]:
    """Where answers go; what a library prints goes to stderr from now on, not among them."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answers
