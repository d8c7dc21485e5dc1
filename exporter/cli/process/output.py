"""Standard streams that are closed, full, or in an encoding that lacks what is printed."""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from typing import Any, TextIO

from runtimes.errors import BertportError

_STDOUT, _STDERR = 1, 2
CLOSED = 141
"""What a shell shows of a process that SIGPIPE ended: 128 + 13. Scripts that end with `| head` know it."""


class OutputClosed(Exception):  # noqa: N818 - nothing went wrong here
    """Whoever read what was printed reads no more."""


class OutputError(BertportError):
    """What was printed could not be written, for another reason."""


class _Stream:
    """A stream whose own failures are told apart from those of every other file and pipe."""

    def __init__(self, name: str, stream: TextIO) -> None:
        self._name, self._stream = name, stream

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except OSError as error:
            raise self._ended(error) from error

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as error:
            raise self._ended(error) from error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _ended(self, error: OSError) -> Exception:
        """The exception to raise; what the stream still holds goes nowhere, or Python would try again at its end."""
        with suppress(OSError), open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - no file
            os.dup2(nowhere.fileno(), self._stream.fileno())
        if error.errno in (errno.EPIPE, errno.EINVAL):  # EINVAL: Windows' word for it
            return OutputClosed()
        return OutputError(f"{self._name}: could not be written ({error.strerror or error}); send it elsewhere")


@contextmanager
def watched_output() -> Iterator[None]:
    """Have all that the block prints written when it ends.

    Raises OutputClosed where nobody reads it any more, and OutputError where it cannot be written for another reason.
    Names and messages hold characters that cp1252 and others lack: those come out as escapes.
    """
    found = sys.stdout, sys.stderr
    with _results_alone(found[0]) as results:
        sys.stdout, sys.stderr = (
            _Stream(name, _usable(stream)) for name, stream in (("stdout", results), ("stderr", found[1]))
        )
        try:
            try:
                yield
            finally:
                sys.stdout.flush()
        finally:
            sys.stdout, sys.stderr = found


@contextmanager
def _results_alone(stream: TextIO | None) -> Iterator[TextIO | None]:
    """`stream` over a descriptor of its own, while what a native library prints to descriptor 1 goes to stderr.

    tokenizers 0.22 and 0.23 print a line there about every vocabulary with holes, which would end up among JSON.
    A stream that is not the process's own stdout, as in a test or a notebook, is given back as it is.
    """
    own = sys.__stdout__
    if own is None or stream is not own or own.fileno() != _STDOUT:
        yield stream
        return
    own.flush()
    elsewhere = _stderr_or_nothing()  # first: where stderr is closed, a copy of stdout would become descriptor 2
    kept = os.dup(_STDOUT)
    with (
        suppress(OSError),
        _like(own, os.dup(_STDOUT)) as results,
    ):  # its errors were told when it was written
        os.dup2(elsewhere, _STDOUT)
        try:
            yield results
        finally:
            os.dup2(kept, _STDOUT)
            os.close(kept)
            os.close(elsewhere)


def _stderr_or_nothing() -> int:
    """A new descriptor of stderr, or where that is closed of nothing."""
    try:
        return os.dup(_STDERR)
    except OSError:
        return os.open(os.devnull, os.O_WRONLY)


def _like(stream: TextIO, descriptor: int) -> TextIO:
    """A stream over `descriptor` that writes as `stream` does."""
    made = open(descriptor, "w", encoding=stream.encoding, errors=stream.errors)  # noqa: SIM115 - the caller's
    if isinstance(stream, TextIOWrapper):
        made.reconfigure(line_buffering=stream.line_buffering, write_through=stream.write_through)
    return made


def _usable(stream: TextIO | None) -> TextIO:
    """A stream that can be written: a process may be started with its own ones closed."""
    if stream is None:
        return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - as long as the process
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="backslashreplace")
    return stream
