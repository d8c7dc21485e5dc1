"""The backends by name, and opening a bundle or a file with the right one."""

from typing import TYPE_CHECKING

from runtimes.backends.backend import NATIVE, Backend
from runtimes.backends.coreai.backend import BACKEND as COREAI
from runtimes.backends.coreml.backend import BACKEND as COREML
from runtimes.backends.litert.backend import BACKEND as LITERT
from runtimes.backends.onnx.backend import BACKEND as ONNX
from runtimes.errors import BundleError, UsageError
from runtimes.plugins import Registry

if TYPE_CHECKING:
    from pathlib import Path

    from runtimes.backends.foreign import Expected, Opened
    from runtimes.bundle.reading import Bundle
    from runtimes.runner import Runner

BACKENDS: Registry[Backend] = Registry(
    {one.name: one for one in (ONNX, COREML, LITERT, COREAI)}, "bertport.backends", Backend
)
"""bertport's own, and those of packages with an entry point in the group `bertport.backends`."""


def find_backend(bundle: "Bundle") -> Backend:
    """The backend of a bundle's target. Raises BundleError for what no target wrote."""
    target = bundle.manifest.recipe.target
    if target not in BACKENDS:
        known = ", ".join(BACKENDS)
        raise BundleError(f"{bundle.directory}: made for {target!r}, and the runtimes are of {known}; export again")
    return BACKENDS[target]


def open_runner(bundle: "Bundle", threads: int = 1) -> "Runner":
    """Open the saved model of a bundle with the runtime of its target. Raises BundleError for what no target wrote."""
    return find_backend(bundle).open(bundle, threads)


def open_on(bundle: "Bundle", arch: str, threads: int = 1) -> "Runner":
    """Open a bundle's saved model on an architecture; where this machine is the one asked for, on so many threads.

    Raises UsageError for what has no such kernels, RuntimeUnavailable where the emulator is not installed.
    """
    backend = find_backend(bundle)
    if arch == NATIVE:
        return backend.open(bundle, threads)
    if backend.emulated is None:
        having = " and ".join(name for name, one in BACKENDS.items() if one.emulated)
        raise UsageError(
            f"--arch {arch}: of {having} alone; the kernels of a {backend.name} bundle are its runtime's own"
        )
    from runtimes.backends.emulation.processors import open_emulated, runs_natively

    if runs_natively(arch):
        return backend.open(bundle, threads)
    return open_emulated(bundle, backend.emulated, arch)


def backend_of(path: "Path") -> Backend | None:
    """The backend of a model file or package by itself; None for what is none."""
    return next((one for one in BACKENDS.values() if one.is_model(path)), None)


def of_file(path: "Path") -> Backend:
    """The same. Raises UsageError for what is none."""
    found = backend_of(path)
    if found is None:
        known = " or ".join(one.files for one in BACKENDS.values())
        raise UsageError(f"{path}: expected {known}, found neither; pass the model itself")
    return found


def open_file(path: "Path", expected: "Expected") -> "Opened":
    """Open a model that other tools saved.

    Raises UsageError for what is none, and BundleError for a file that cannot be read or does not fit, with what it has
    in place of what is expected.
    """
    return of_file(path).open_file(path, expected)
