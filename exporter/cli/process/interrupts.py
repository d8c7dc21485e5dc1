"""Handling of Ctrl-C: it ends a command with exit code 130 and one line, whatever it made fail."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def watch_interrupts() -> Iterator[Callable[[], bool]]:
    """Yield a function that says whether Ctrl-C came since; it raises KeyboardInterrupt as ever.

    Not all that the user then meets is KeyboardInterrupt: pybind11 (seen with onnxruntime 1.31) turns one that comes
    while an extension is imported into an ImportError. Where SIGINT is ignored or handled by others, or outside the
    main thread, nothing is changed.
    """
    came: list[int] = []

    def remember(number: int, _frame: FrameType | None) -> None:
        came.append(number)
        raise KeyboardInterrupt

    try:
        ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if ours:
            signal.signal(signal.SIGINT, remember)
    except ValueError:  # not the main thread
        ours = False
    try:
        yield lambda: bool(came)
    finally:
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def end_by_interrupt() -> int:
    """End by the signal, so that a shell's loop around the command ends too; a shell shows it as 130.

    Left to itself CPython 3.11 does this or returns a code, as the moment was: by the signal where the interrupt came
    through `exec` of a string, as in a dataclass being made.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name == "posix":
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    return 128 + signal.SIGINT
