"""A saved ONNX model under ONNX Runtime's kernels for another processor, which qemu's user mode emulates.

The numbers count, the times do not. One child process holds the model and answers batch after batch.
"""

import os
import shutil
import subprocess
import tempfile
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import IO

from exporter.errors import BundleError, RuntimeUnavailable
from runtimes.frames import ARRAYS, ERROR, READY, pack, read_frame, unpack, write_frame
from runtimes.runner import Batch, Outputs, Status

ANSWER_LIMIT_S = 900.0
_PACKAGES = Path(__file__).parent.parent


@dataclass(frozen=True)
class Emulator:
    """How to start a Python on another processor: its command, and where that Python finds ONNX Runtime."""

    processor: str
    command: tuple[str, ...]
    libraries: tuple[Path, ...] = ()


class EmulatedRunner:
    """See Runner. Raises RuntimeUnavailable when the child ends or is silent for `limit_s`: never a hang."""

    status = Status.EMULATED
    positions: int | None = None

    def __init__(self, path: Path, emulator: Emulator, limit_s: float = ANSWER_LIMIT_S) -> None:
        self._path, self._emulator, self._limit_s = path, emulator, limit_s
        self._child = _Child(path, emulator, limit_s)

    @property
    def description(self) -> str:
        """Which ONNX Runtime ran on what."""
        return f"{self._child.greeting} on an emulated {self._emulator.processor}"

    def run(self, batch: Batch) -> Outputs:
        """See Runner."""
        return self._child.ask(batch)

    def fit(self, batch: Batch) -> Batch:
        """See Runner; any length will do."""
        return batch

    def trace(self, batch: Batch) -> Outputs:
        """See Runner; a second child loads the graph with every float tensor as an output."""
        from runtimes.onnxruntime import exposed

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "exposed.onnx"
            path.write_bytes(exposed(self._path))
            return _Child(path, self._emulator, self._limit_s).ask(batch)


class _Child:
    """One process, and the folder where it runs: a crashing emulator leaves its core file there."""

    def __init__(self, path: Path, emulator: Emulator, limit_s: float) -> None:
        self._emulator, self._limit_s = emulator, limit_s
        folder = Path(tempfile.mkdtemp(prefix="bertport."))
        self._log = folder / "stderr"
        try:
            self._process = _start(emulator, path, self._log)
        except OSError as error:
            shutil.rmtree(folder)
            raise RuntimeUnavailable(f"{emulator.processor}: {emulator.command[0]} does not start: {error}") from error
        self._batches, self._answers = _pipes(self._process)
        weakref.finalize(self, _end, self._process, folder)
        with self._watched() as expired:
            self.greeting = self._answer(READY, expired).decode()

    def ask(self, batch: Batch) -> Outputs:
        """Send a batch, wait for its outputs."""
        arrays = {field.name: getattr(batch, field.name) for field in fields(batch)}
        content = pack({name: values for name, values in arrays.items() if values is not None})
        with self._watched() as expired:
            with suppress(BrokenPipeError):  # the answer says why
                write_frame(self._batches, ARRAYS, content)
            return unpack(self._answer(ARRAYS, expired))

    def _answer(self, wanted: bytes, expired: threading.Event) -> bytes:
        try:
            kind, content = read_frame(self._answers)
        except EOFError as error:
            raise RuntimeUnavailable(f"{self._emulator.processor}: {self._ending(expired)}") from error
        if kind == ERROR:
            raise BundleError(f"on an emulated {self._emulator.processor}: {content.decode()}")
        if kind != wanted:
            raise RuntimeUnavailable(f"{self._emulator.processor}: expected a message {wanted!r}, found {kind!r}")
        return content

    def _ending(self, expired: threading.Event) -> str:
        if expired.is_set():
            return f"the emulated process gave no answer within {self._limit_s:g} s and was ended"
        code = self._process.wait()
        last = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
        return f"the emulated process ended with {code} before its answer: {''.join(last) or 'it said nothing'}"

    @contextmanager
    def _watched(self) -> Iterator[threading.Event]:
        """Kill the process after the limit, which ends whatever waits on its pipes; and say that this happened."""
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            self._process.kill()

        timer = threading.Timer(self._limit_s, expire)
        timer.daemon = True
        timer.start()
        try:
            yield expired
        finally:
            timer.cancel()
            timer.join()  # it holds the process


def _start(emulator: Emulator, path: Path, log: Path) -> "subprocess.Popen[bytes]":
    with log.open("wb") as stderr:
        return subprocess.Popen(  # noqa: S603 - our own emulator and module
            [*emulator.command, "-m", "runtimes.emulated_child", str(path.absolute())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            cwd=log.parent,
            env=_environment(emulator),
            start_new_session=True,  # Ctrl-C is for the parent, which ends the child
        )


def _pipes(process: "subprocess.Popen[bytes]") -> tuple[IO[bytes], IO[bytes]]:
    """Its stdin and stdout, which are there because it was started so."""
    if process.stdin is None or process.stdout is None:
        raise ValueError("a child without pipes")
    return process.stdin, process.stdout


def _environment(emulator: Emulator) -> dict[str, str]:
    """The other Python finds its own libraries first, then our packages."""
    path = os.pathsep.join(map(str, [*emulator.libraries, _PACKAGES]))
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}


def _end(process: "subprocess.Popen[bytes]", folder: Path) -> None:
    """The child has nothing to lose."""
    process.kill()
    process.wait()
    for pipe in _pipes(process):
        with suppress(OSError):
            pipe.close()
    shutil.rmtree(folder, ignore_errors=True)
