"""The backend of ONNX bundles: ONNX Runtime on the CPU, or on a processor that qemu emulates."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from runtimes.backends.backend import Backend, Timed

if TYPE_CHECKING:
    from pathlib import Path

    from runtimes.backends.foreign import Expected, Opened
    from runtimes.bundle.reading import Bundle
    from runtimes.runner import Runner


def _open(bundle: "Bundle", threads: int) -> "Runner":
    from runtimes.backends.onnx.file_check import check_onnx

    check_onnx(bundle.directory / bundle.manifest.models[0])  # first: it has the model in memory twice for a moment
    from runtimes.backends.onnx.runner import OnnxRunner

    return OnnxRunner(bundle.directory / bundle.manifest.models[0], threads)


def _open_on(bundle: "Bundle", arch: str) -> "Runner":
    from runtimes.backends.onnx.processors import open_emulated, runs_natively

    return _open(bundle, 1) if runs_natively(arch) else open_emulated(bundle, arch)


def _open_file(path: "Path", expected: "Expected") -> "Opened":
    from runtimes.backends.onnx.foreign import open_onnx_of_others

    return open_onnx_of_others(path, expected)


def _timed(bundle: "Bundle") -> Timed:
    """What an app opens by its path, of any number of rows."""
    return Timed(bundle.mapped_model, None, axes=len(bundle.manifest.inputs[0].shape))


def _prepare_timing() -> "Callable[[Path, int], Runner]":
    from runtimes.backends.onnx.runner import OnnxRunner

    return lambda path, threads: OnnxRunner(path, threads, spins=True)  # as an app has it that sets nothing


BACKEND = Backend(
    name="onnx",
    open=_open,
    open_strict=lambda _bundle: None,
    open_on=_open_on,
    files="an .onnx file",
    is_model=lambda path: path.suffix == ".onnx" and path.is_file(),
    open_file=_open_file,
    timed=_timed,
    cannot_time_here=lambda: "",
    sets_threads=True,
    prepare_timing=_prepare_timing,
)
