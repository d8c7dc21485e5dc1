"""The `Backend` object: how the bundles of one target are opened, timed and checked."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a measured process must not pay for what bundles need: their hashes are 4 MB of OpenSSL
    from pathlib import Path

    from runtimes.backends.emulation.runtime import EmulatedRuntime
    from runtimes.backends.foreign import Expected, Opened
    from runtimes.bundle.reading import Bundle
    from runtimes.runner import Runner, Status

NATIVE, ARM64, SME, AVX2 = "native", "arm64", "arm64-sme", "x86-64-avx2"
ARCHITECTURES = {
    NATIVE: "this processor",
    ARM64: "a phone's kernels (Cortex-A76)",
    SME: "those of a phone with SME (needs qemu 10)",
    AVX2: "an x86 without VNNI (Haswell)",
}
"""What `--arch` names: on which processor's kernels a bundle is compared."""


@dataclass(frozen=True)
class Timed:
    """What of a bundle is opened to be timed, and what it takes.

    `positions` and `max_rows` are the most tokens and rows; None: any. `axes` are those of the inputs: with 3,
    [rows, choices, tokens].
    """

    path: "Path"
    positions: int | None
    max_rows: int | None = None
    axes: int = 2


@dataclass(frozen=True)
class Here:
    """How bundles are run on this machine. `lacks` is what keeps them from being measured, and how to get it."""

    status: "Status"
    lacks: str = ""


def with_extra(lacks: str) -> Here:
    """Measured, or not run where something of an extra is missing."""
    from runtimes.runner import Status

    return Here(Status.NOT_RUN if lacks else Status.MEASURED, lacks)


@dataclass(frozen=True)
class Backend:
    """One runtime, by the name of the target whose bundles it runs.

    `open` takes a bundle and a number of threads. `open_strict` opens it in the least exact arithmetic that the
    target's devices may compute in, or gives None where `open` is that already. `emulated` is what runs on the other
    ARCHITECTURES; None where a target has no kernels of its own to emulate.
    `open_file` opens a model that others saved; `is_model` tells one by what it is, and errors call them `files`.
    `runs_here` says how bundles are run on this machine, and what would run them better; it imports no runtime.
    `prepare_timing` imports the runtime, and what it returns opens what `timed` names, on so many threads;
    `cannot_time_here` says why that is not to be had, or nothing, and `sets_threads` whether the runtime runs on as
    many threads as it is told.
    Functions import what they need when they are called: a process that is measured holds its own runtime alone.
    """

    name: str
    open: "Callable[[Bundle, int], Runner]"
    open_strict: "Callable[[Bundle], Runner | None]"
    emulated: "EmulatedRuntime | None"
    files: str
    is_model: "Callable[[Path], bool]"
    open_file: "Callable[[Path, Expected], Opened]"
    timed: "Callable[[Bundle], Timed]"
    runs_here: "Callable[[], Here]"
    cannot_time_here: Callable[[], str]
    sets_threads: bool
    prepare_timing: "Callable[[], Callable[[Path, int], Runner]]"
