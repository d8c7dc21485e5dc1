"""Progress and warnings on stderr: what `exporter` and `runtimes` log while a command runs."""

import argparse
import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from exporter.options.help import printing
from runtimes.errors import visible
from runtimes.process.progress import PROGRESS, Step

if TYPE_CHECKING:  # slow to import, and drawn with on a terminal alone
    from rich.progress import TaskID

_PACKAGES = ("exporter", "runtimes")
_BETWEEN_LINES_S = {False: 10.0, True: 1.0}
"""Where no bar can be drawn, a step says so often how far it is; with --verbose more often."""


def add_amount(parser: argparse.ArgumentParser) -> None:
    """Declare how much a command says beside its result."""
    amount = printing(parser).add_mutually_exclusive_group()
    amount.add_argument("-q", "--quiet", action="store_true", help="Say nothing beside the result but warnings.")
    amount.add_argument("-v", "--verbose", action="store_true", help="Say every step, and when it came.")


def level_of(parsed: argparse.Namespace) -> int:
    """The least level that is said."""
    return logging.DEBUG if parsed.verbose else logging.WARNING if parsed.quiet else logging.INFO


class Stderr(logging.Handler):
    """Prints each message as one line, and draws steps as bars where stderr is a terminal.

    What stderr refuses is raised, as `print` raises it.
    """

    def __init__(self, program: str) -> None:
        super().__init__(PROGRESS)
        self._program, self._start = program, time.perf_counter()
        self._words = logging.INFO
        self._bars: _Bars | None = None
        self._said: dict[object, float] = {}

    def say(self, level: int) -> None:
        """From now on what is of this level, or above."""
        self._words = level
        self.setLevel(min(level, PROGRESS) if level < logging.WARNING else level)
        for name in _PACKAGES:
            logging.getLogger(name).setLevel(self.level)

    def emit(self, record: logging.LogRecord) -> None:
        """Print a message, or show a step."""
        step = getattr(record, "step", None)
        if step is None:
            self._print(record)
        elif sys.stderr.isatty():
            self._bars = self._bars or _Bars()
            self._bars.draw(step)
        elif self._is_due(step):
            self._print(record)

    def end(self) -> None:
        """Take the bars away, which a terminal would keep otherwise when the process ends."""
        if self._bars is not None:
            self._bars.stop()
            self._bars = None

    def _print(self, record: logging.LogRecord) -> None:
        if record.levelno < self._words and not hasattr(record, "step"):
            return
        when = f"{time.perf_counter() - self._start:7.2f} s: " if self._words < logging.INFO else ""
        line = f"{self._program}: {when}{visible(record.getMessage())}"
        if self._bars is None:
            print(line, file=sys.stderr)
        else:
            self._bars.print(line)

    def _is_due(self, step: Step) -> bool:
        """Whether a line is due of a step that no bar shows; with --verbose its beginning and its end are."""
        now, verbose = time.perf_counter(), self._words < logging.INFO
        edge = step.ended or step.key not in self._said
        due = verbose if edge else now - self._said[step.key] > _BETWEEN_LINES_S[verbose]
        if due or edge:
            self._said[step.key] = now
        return due


class _Bars:
    """A bar for each step that is going on, below the lines."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
        console = Console(file=sys.stderr, markup=False, emoji=False, highlight=False)
        self._progress: Progress = Progress(
            *columns, TimeElapsedColumn(), console=console, transient=True, redirect_stdout=False
        )
        self._tasks: dict[object, TaskID] = {}

    def draw(self, step: Step) -> None:
        """Show how far a step is; take it away when it ended, and all with the last one."""
        if step.key not in self._tasks:
            self._progress.start()
            self._tasks[step.key] = self._progress.add_task(visible(step.what), total=step.total)
        if not step.ended:
            self._progress.update(self._tasks[step.key], completed=step.done, total=step.total)
            return
        self._progress.remove_task(self._tasks.pop(step.key))
        if not self._tasks:
            self.stop()

    def print(self, line: str) -> None:
        """Print a line above the bars."""
        self._progress.console.print(line, soft_wrap=True)

    def stop(self) -> None:
        """Leave the terminal as it was."""
        self._progress.stop()


@contextmanager
def progress_on_stderr(program: str = "bertport") -> Iterator[Stderr]:
    """Within the block, print what the two packages log from INFO on; stdout is left to the result."""
    handler = Stderr(program)
    loggers = [logging.getLogger(name) for name in _PACKAGES]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
    handler.say(logging.INFO)
    try:
        yield handler
    finally:
        handler.end()
        for logger, level in zip(loggers, levels, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)
