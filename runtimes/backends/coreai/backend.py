"""The backend of Core AI bundles: Apple's runtime in a child process, on Linux its reference for the CPU."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from runtimes.aimodel.names import MAIN, PROGRAM, SUFFIX
from runtimes.backends.backend import Backend, Timed, with_extra
from runtimes.errors import RuntimeUnavailable
from runtimes.extras import missing, require_extra

if TYPE_CHECKING:
    from pathlib import Path

    from runtimes.backends.foreign import Expected, Opened
    from runtimes.bundle.reading import Bundle
    from runtimes.runner import Runner

_PURPOSE = "running a Core AI asset"
_UNTIMED = "Core AI's runtime is its reference for the CPU here, whose times say nothing of a device"


def _open(bundle: "Bundle", _threads: int) -> "Runner":
    """One thread computes, whatever it is told."""
    require_extra("coreai", _PURPOSE)
    from runtimes.aimodel.asset import read_asset
    from runtimes.backends.coreai.runner import functions_of, open_functions, rows_asked
    from runtimes.backends.fixed_length import Interface

    models = bundle.fixed_models
    path = models[0][0]
    asset = read_asset(path)
    functions = functions_of(path, asset.functions, {name or MAIN: length for _, name, length in models})
    interface = Interface(bundle.input_names, bundle.token_outputs, bundle.manifest.pad_id)
    return open_functions(path, functions, interface, most_rows=rows_asked(asset))


def _is_model(path: "Path") -> bool:
    """Whether it is an asset, whatever the folder is called."""
    return path.is_dir() and (path.suffix == SUFFIX or (path / PROGRAM).is_file())


def _open_file(path: "Path", expected: "Expected") -> "Opened":
    from runtimes.backends.coreai.foreign import open_asset_of_others

    return open_asset_of_others(path, expected)


def _timed(bundle: "Bundle") -> Timed:
    """The bundle, one row of each of its lengths."""
    return Timed(bundle.directory, max(bundle.manifest.recipe.sequence_lengths), max_rows=1)


def _prepare_timing() -> "Callable[[Path, int], Runner]":
    raise RuntimeUnavailable(f"coreai: {_UNTIMED}; time it in an app")


BACKEND = Backend(
    name="coreai",
    open=_open,
    # the reference rounds every partial sum of a float16 product: nothing is less exact
    open_strict=lambda _bundle: None,
    emulated=None,
    files="an .aimodel folder",
    is_model=_is_model,
    open_file=_open_file,
    timed=_timed,
    runs_here=lambda: with_extra(missing("coreai")),
    cannot_time_here=lambda: _UNTIMED,
    sets_threads=False,
    prepare_timing=_prepare_timing,
)
