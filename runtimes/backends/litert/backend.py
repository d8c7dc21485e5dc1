"""The backend of LiteRT bundles: LiteRT's interpreter with XNNPACK."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from runtimes.backends.backend import Backend, Timed, with_extra
from runtimes.backends.emulation.runtime import EmulatedRuntime
from runtimes.extras import missing, require_extra

if TYPE_CHECKING:
    from pathlib import Path

    from runtimes.backends.foreign import Expected, Opened
    from runtimes.bundle.reading import Bundle
    from runtimes.runner import Runner

_MODULE = "ai_edge_litert"


def _open(bundle: "Bundle", threads: int) -> "Runner":
    require_extra("litert", "running a LiteRT model", _MODULE)
    _check(bundle.directory / bundle.manifest.models[0])
    return _opened(bundle, threads)


def _check(path: "Path") -> None:
    from runtimes.backends.litert.file_check import check_litert

    check_litert(path)


def _opened(bundle: "Bundle", threads: int) -> "Runner":
    """A file that was checked before."""
    path, lengths = bundle.directory / bundle.manifest.models[0], bundle.manifest.recipe.sequence_lengths
    if lengths:
        from runtimes.backends.fixed_length import Interface
        from runtimes.backends.litert.fixed import open_fixed

        interface = Interface(bundle.input_names, bundle.token_outputs, bundle.manifest.pad_id)
        return open_fixed(path, lengths, interface, threads)
    from runtimes.backends.litert.runner import LiteRtRunner

    return LiteRtRunner(path, threads)


def _open_file(path: "Path", expected: "Expected") -> "Opened":
    from runtimes.backends.litert.foreign import open_litert_of_others

    return open_litert_of_others(path, expected)


def _timed(bundle: "Bundle") -> Timed:
    """The model by its path; of fixed lengths the bundle, one row of each."""
    if lengths := bundle.manifest.recipe.sequence_lengths:
        return Timed(bundle.directory, max(lengths), max_rows=1)
    return Timed(bundle.directory / bundle.manifest.models[0], None, axes=len(bundle.manifest.inputs[0].shape))


def _prepare_timing() -> "Callable[[Path, int], Runner]":
    require_extra("litert", "running a LiteRT model", _MODULE)
    from runtimes.backends.litert.runner import LiteRtRunner

    def opened(path: "Path", threads: int) -> "Runner":
        if path.is_file():
            return LiteRtRunner(path, threads)
        from runtimes.bundle.reading import read_bundle

        return _opened(read_bundle(path), threads)

    return opened


def _traced(path: "Path", _folder: "Path") -> list[str]:
    from runtimes.backends.litert.emulated_child import TRACE

    return [str(path), TRACE]


EMULATED = EmulatedRuntime(
    name="LiteRT",
    package="ai-edge-litert",
    module="ai_edge_litert.interpreter",
    requirement="bertport[litert]",
    child="runtimes.backends.litert.emulated_child",
    check=_check,
    traced=_traced,
)
BACKEND = Backend(
    name="litert",
    open=_open,
    open_strict=lambda _bundle: None,
    emulated=EMULATED,
    files="a .tflite file",
    is_model=lambda path: path.suffix == ".tflite" and path.is_file(),
    open_file=_open_file,
    timed=_timed,
    runs_here=lambda: with_extra(missing("litert", _MODULE)),
    cannot_time_here=lambda: missing("litert", _MODULE),
    sets_threads=True,
    prepare_timing=_prepare_timing,
)
