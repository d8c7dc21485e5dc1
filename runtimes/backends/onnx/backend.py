"""The backend of ONNX bundles: ONNX Runtime on the CPU, or on a processor that qemu emulates."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from runtimes.backends.backend import Backend, Timed, with_extra
from runtimes.backends.emulation.runtime import EmulatedRuntime

if TYPE_CHECKING:
    from pathlib import Path

    from runtimes.backends.foreign import Expected, Opened
    from runtimes.bundle.reading import Bundle
    from runtimes.runner import Runner


def _open(bundle: "Bundle", threads: int) -> "Runner":
    path = bundle.directory / bundle.manifest.models[0]
    _check(path)  # first: it has the model in memory twice for a moment
    from runtimes.backends.onnx.runner import OnnxRunner

    return OnnxRunner(path, threads)


def _lacking() -> str:
    from importlib.util import find_spec

    return "" if find_spec("onnxruntime") else "onnxruntime is not installed: pip install onnxruntime"


def _check(path: "Path") -> None:
    from runtimes.backends.onnx.file_check import check_onnx

    check_onnx(path)


def _traced(path: "Path", folder: "Path") -> list[str]:
    from runtimes.backends.onnx.runner import exposed

    place = folder / "exposed.onnx"
    place.write_bytes(exposed(path))
    return [str(place)]


def _open_file(path: "Path", expected: "Expected") -> "Opened":
    from runtimes.backends.onnx.foreign import open_onnx_of_others

    return open_onnx_of_others(path, expected)


def _timed(bundle: "Bundle") -> Timed:
    """What an app opens by its path, of any number of rows."""
    return Timed(bundle.mapped_model, None, axes=len(bundle.manifest.inputs[0].shape))


def _prepare_timing() -> "Callable[[Path, int], Runner]":
    from runtimes.backends.onnx.runner import OnnxRunner

    return lambda path, threads: OnnxRunner(path, threads, spins=True)  # as an app has it that sets nothing


EMULATED = EmulatedRuntime(
    name="ONNX Runtime",
    package="onnxruntime",
    module="onnxruntime",
    requirement="onnxruntime",
    child="runtimes.backends.onnx.emulated_child",
    check=_check,
    traced=_traced,
)
BACKEND = Backend(
    name="onnx",
    open=_open,
    open_strict=lambda _bundle: None,
    emulated=EMULATED,
    files="an .onnx file",
    is_model=lambda path: path.suffix == ".onnx" and path.is_file(),
    open_file=_open_file,
    timed=_timed,
    runs_here=lambda: with_extra(_lacking()),
    cannot_time_here=lambda: "",
    sets_threads=True,
    prepare_timing=_prepare_timing,
)
