"""Running a saved ONNX model on another processor's kernels, which qemu's user mode emulates.

The numbers count, the times do not. One child process holds the model and answers batch after batch.
"""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from runtimes.errors import BundleError
from runtimes.process.child import ANSWER_LIMIT_S, Child, Program
from runtimes.process.launch import ROOT
from runtimes.runner import Batch, Outputs, Status


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
        self._child = _open(path, emulator, limit_s)
        self._greeting = self._child.greeting()

    @property
    def description(self) -> str:
        """Which ONNX Runtime ran on what."""
        return f"{self._greeting} on an emulated {self._emulator.processor}"

    def run(self, batch: Batch) -> Outputs:
        """See Runner."""
        return self._child.ask(batch)

    def fit(self, batch: Batch) -> Batch:
        """See Runner; any length will do."""
        return batch

    def trace(self, batch: Batch) -> Outputs:
        """See Runner; a second child loads the graph with every float tensor as an output."""
        from runtimes.backends.onnx.runner import exposed

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "exposed.onnx"
            path.write_bytes(exposed(self._path))
            child = _open(path, self._emulator, self._limit_s)
            child.greeting()
            return child.ask(batch)


def _open(path: Path, emulator: Emulator, limit_s: float) -> Child:
    """The process runs in a folder of its own: a crashing emulator leaves its core file there."""
    program = Program(
        subject=emulator.processor,
        process="the emulated process",
        command=(*emulator.command, "-m", "runtimes.backends.onnx.emulated_child", str(path.absolute())),
        environment=_environment(emulator),
        refusal=lambda text: BundleError(f"on an emulated {emulator.processor}: {text}"),
        limit_s=limit_s,
    )
    return Child(program, Path(tempfile.mkdtemp(prefix="bertport.")))


def _environment(emulator: Emulator) -> dict[str, str]:
    """The other Python finds its own libraries first, then our packages."""
    path = os.pathsep.join(map(str, [*emulator.libraries, ROOT]))
    return {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
