"""A child process that holds a model and answers batches; `runtimes.process.frames` is the protocol."""

import os
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from runtimes.errors import BertportError, RuntimeUnavailable
from runtimes.process.frames import ARRAYS, ERROR, MANY, READY, numbered, pack, parted, read_frame, unpack, write_frame
from runtimes.process.launch import Started, launch
from runtimes.runner import Array, Batch, Outputs

ANSWER_LIMIT_S = 900.0
_LOG_BYTES = 65_536
"""Of what a process wrote before it ended: its last line is told."""


@dataclass(frozen=True)
class Program:
    """What is started, and how errors speak of it: `subject`, `process`, and `refusal` for what the child complains of.

    `environment` comes beside this process's own; an answer may take `limit_s`; `crash` is the advice on a signal.
    """

    subject: str
    process: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    refusal: Callable[[str], BertportError]
    limit_s: float = ANSWER_LIMIT_S
    crash: str = "9 is most often a lack of memory"


class Child:
    """One process. It runs in `folder`, which goes with it, or in this process's; or it is one that is `started`.

    Raises RuntimeUnavailable when the process does not start, ends, or is silent for the limit: never a hang. It reads
    until its input ends, so it ends with this process too, however that is killed.
    """

    def __init__(self, program: Program, folder: Path | None = None, started: Started | None = None) -> None:
        self._program = program
        try:
            found = started or launch(program.command, program.environment, folder)
        except OSError as error:
            raise RuntimeUnavailable(f"{program.subject}: {program.command[0]} does not start: {error}") from error
        self._process, self._log = found.process, found.log
        self._questions, self._answers = found.stdin, found.stdout
        self.close = weakref.finalize(self, found.end)

    def tell(self, kind: bytes, content: bytes) -> None:
        """Send what has no answer of its own."""
        with self._watched(), suppress(BrokenPipeError):  # the next answer says why
            write_frame(self._questions, kind, content)

    def greeting(self) -> str:
        """Wait for the model to be open; what the child says of it."""
        with self._watched() as expired:
            return self._answer(READY, expired).decode()

    def ask(self, batch: Batch) -> Outputs:
        """Send a batch, wait for its outputs."""
        return self.exchange(ARRAYS, vars(batch))

    def ask_all(self, batches: Sequence[Batch]) -> list[Outputs]:
        """The same of several at once: each by itself costs a millisecond on the way."""
        return parted(self.exchange(MANY, numbered([vars(batch) for batch in batches])))

    def exchange(self, kind: bytes, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """Send a message of arrays, wait for the arrays that answer it."""
        content = pack(arrays)
        with self._watched() as expired:
            with suppress(BrokenPipeError):  # the answer says why
                write_frame(self._questions, kind, content)
            return unpack(self._answer(ARRAYS, expired))

    def _answer(self, wanted: bytes, expired: threading.Event) -> bytes:
        try:
            kind, content = read_frame(self._answers)
        except EOFError as error:
            raise RuntimeUnavailable(f"{self._program.subject}: {self._ending(expired)}") from error
        if kind == ERROR:
            raise self._program.refusal(content.decode())
        if kind != wanted:
            raise RuntimeUnavailable(f"{self._program.subject}: expected a message {wanted!r}, found {kind!r}")
        return content

    def _ending(self, expired: threading.Event) -> str:
        if expired.is_set():
            return f"{self._program.process} gave no answer within {self._program.limit_s:g} s and was ended"
        code = self._process.wait()
        if code < 0:
            return f"{self._program.process} was ended by signal {-code}; {self._program.crash}"
        self._log.seek(max(0, self._log.seek(0, os.SEEK_END) - _LOG_BYTES))
        last = self._log.read(_LOG_BYTES).decode("utf-8", "replace").strip().splitlines()[-1:]
        return f"{self._program.process} ended with {code} before its answer: {''.join(last) or 'it said nothing'}"

    @contextmanager
    def _watched(self) -> Iterator[threading.Event]:
        """Kill the process after the limit, which ends whatever waits on its pipes; and say that this happened."""
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            self._process.kill()

        timer = threading.Timer(self._program.limit_s, expire)
        timer.daemon = True
        timer.start()
        try:
            yield expired
        finally:
            timer.cancel()
            timer.join()  # it holds the process
