"""Running a saved model on another processor's kernels, which qemu's user mode emulates.

The numbers count, the times do not. One child process holds the model and answers batch after batch.
"""

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from runtimes.backends.emulation.runtime import EmulatedRuntime
from runtimes.errors import BundleError
from runtimes.process.child import ANSWER_LIMIT_S, Child, Program
from runtimes.process.launch import ROOT
from runtimes.runner import Batch, Outputs, Status


@dataclass(frozen=True)
class Emulator:
    """How to start a Python on another processor: its command, and where that Python finds the runtime."""

    processor: str
    command: tuple[str, ...]
    libraries: tuple[Path, ...] = ()


class EmulatedRunner:
    """See Runner. Raises RuntimeUnavailable when the child ends or is silent for the limit: never a hang.

    Of a model of fixed `lengths` it takes rows of one of them: `EmulatedLengths` takes any.
    """

    status = Status.EMULATED
    positions: int | None = None

    def __init__(
        self,
        path: Path,
        runtime: EmulatedRuntime,
        emulator: Emulator,
        limit_s: float = ANSWER_LIMIT_S,
        lengths: Sequence[int] = (),
    ) -> None:
        self._path, self._runtime, self._emulator, self._limit_s = path.absolute(), runtime, emulator, limit_s
        self._lengths = [str(length) for length in lengths]
        self._child = self._start([str(self._path)])
        self._greeting = self._child.greeting()

    @property
    def description(self) -> str:
        """Which runtime ran on what."""
        return f"{self._greeting} on an emulated {self._emulator.processor}"

    def run(self, batch: Batch) -> Outputs:
        """See Runner."""
        return self._child.ask(batch)

    def fit(self, batch: Batch) -> Batch:
        """See Runner; any length will do."""
        return batch

    def trace(self, batch: Batch) -> Outputs:
        """See Runner; a second child answers with every float tensor."""
        with tempfile.TemporaryDirectory() as folder:
            child = self._start(self._runtime.traced(self._path, Path(folder)))
            child.greeting()
            return child.ask(batch)

    def _start(self, arguments: Sequence[str]) -> Child:
        """The process runs in a folder of its own: a crashing emulator leaves its core file there."""
        processor = self._emulator.processor
        program = Program(
            subject=processor,
            process="the emulated process",
            command=(*self._emulator.command, "-m", self._runtime.child, *arguments, *self._lengths),
            environment=_environment(self._emulator),
            refusal=lambda text: BundleError(f"on an emulated {processor}: {text}"),
            limit_s=self._limit_s,
        )
        return Child(program, Path(tempfile.mkdtemp(prefix="bertport.")))


def _environment(emulator: Emulator) -> dict[str, str]:
    """The other Python finds its own libraries first, then our packages."""
    path = os.pathsep.join(map(str, [*emulator.libraries, ROOT]))
    return {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
