"""Progress and warnings on stderr: what `exporter` and `runtimes` log while a command runs."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from runtimes.errors import visible

_PACKAGES = ("exporter", "runtimes")


class _Stderr(logging.Handler):
    """Prints each message as one line; what stderr refuses is raised, as `print` raises it."""

    def __init__(self, program: str) -> None:
        super().__init__(logging.INFO)
        self._program = program

    def emit(self, record: logging.LogRecord) -> None:
        print(f"{self._program}: {visible(record.getMessage())}", file=sys.stderr)


@contextmanager
def progress_on_stderr(program: str = "bertport") -> Iterator[None]:
    """Within the block, print what the two packages log from INFO on; stdout is left to the result."""
    handler = _Stderr(program)
    loggers = [logging.getLogger(name) for name in _PACKAGES]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)
