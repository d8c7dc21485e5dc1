"""What a child process does for `runtimes.child`: open a model, and answer batches until its input ends."""

import os
from collections.abc import Callable
from typing import IO

from exporter.errors import BertportError, in_one_line
from runtimes.frames import ARRAYS, ERROR, READY, pack, read_frame, unpack, write_frame
from runtimes.runner import Batch, Runner

_REASON_CHARACTERS = 1_000


def serve(opened: Callable[[], tuple[Runner, str]], batches: IO[bytes], answers: IO[bytes]) -> None:
    """Say what was opened, then the outputs of every batch; what goes wrong is told and ends it."""
    try:
        runner, greeting = opened()
        write_frame(answers, READY, greeting.encode())
        while True:
            _, content = read_frame(batches)
            write_frame(answers, ARRAYS, pack(runner.run(Batch(**unpack(content)))))
    except (EOFError, BrokenPipeError):  # nobody asks any more
        return
    except Exception as error:
        kind = "" if isinstance(error, BertportError) else f"{type(error).__name__}: "
        write_frame(answers, ERROR, f"{kind}{in_one_line(error, _REASON_CHARACTERS)}".encode())


def own_stdout() -> IO[bytes]:
    """Where answers go; what a library prints goes to stderr from now on, not among them."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answers
