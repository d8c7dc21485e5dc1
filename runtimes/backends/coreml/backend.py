"""The backend of Core ML bundles: Apple's runtime on a Mac, the portable interpreter elsewhere."""

import platform
from collections.abc import Callable
from typing import TYPE_CHECKING

from runtimes.backends.backend import Backend, Here, Timed, with_extra

if TYPE_CHECKING:
    from pathlib import Path

    from runtimes.backends.fixed_length import Interface
    from runtimes.backends.foreign import Expected, Opened
    from runtimes.bundle.reading import Bundle
    from runtimes.runner import Runner

_UNITS = "compute_units"
_WITHOUT_ENGINE = ("cpu-only", "cpu-and-gpu")


def _interface(bundle: "Bundle") -> "Interface":
    from runtimes.backends.fixed_length import Interface

    return Interface(bundle.input_names, bundle.token_outputs, bundle.manifest.pad_id)


def _open(bundle: "Bundle", _threads: int) -> "Runner":
    """Apple's runtime where it exists, else the portable interpreter."""
    if platform.system() == "Darwin":  # and nothing of the interpreter: its decoding would be measured too
        from runtimes.backends.coreml.apple import open_apple

        units = str(bundle.manifest.recipe.options.get(_UNITS) or "all")
        return open_apple(bundle.fixed_models, units, _interface(bundle))
    from runtimes.backends.coreml.simulated import open_simulated

    return open_simulated([bundle.directory / name for name in bundle.manifest.models], _interface(bundle))


def _open_strict(bundle: "Bundle") -> "Runner | None":
    """The interpreter that rounds inside operations too, of what may run on the Neural Engine; see `mil.numerics`."""
    if bundle.manifest.recipe.options.get(_UNITS) in _WITHOUT_ENGINE:
        return None
    from runtimes.backends.coreml.simulated import open_simulated

    packages = [bundle.directory / name for name in bundle.manifest.models]
    return open_simulated(packages, _interface(bundle), "strict")


def _is_model(path: "Path") -> bool:
    """Whether it is a package, whatever the folder is called."""
    return path.is_dir() and (path.suffix == ".mlpackage" or (path / "Manifest.json").is_file())


def _open_file(path: "Path", expected: "Expected") -> "Opened":
    from runtimes.backends.coreml.foreign import open_package_of_others

    return open_package_of_others(path, expected)


def _timed(bundle: "Bundle") -> Timed:
    """The bundle, one row of each of its lengths; Core ML chooses its threads itself."""
    return Timed(bundle.directory, max(bundle.manifest.recipe.sequence_lengths), max_rows=1)


def _runs_here() -> Here:
    if platform.system() == "Darwin":
        return with_extra("")
    from runtimes.runner import Status

    return Here(Status.SIMULATED, "Apple's runtime needs macOS: verify the bundle there")


def _cannot_time_here() -> str:
    if platform.system() == "Darwin":
        return ""
    return f"Core ML needs macOS, this is {platform.system()}; the package is simulated here, and that has no times"


def _prepare_timing() -> "Callable[[Path, int], Runner]":
    """Apple's own runtime; the interpreter has no times that anyone should see."""
    from runtimes.backends.coreml.apple import require_macos

    require_macos()
    import coremltools  # noqa: F401 - part of the bare runtime

    from runtimes.bundle.reading import read_bundle

    return lambda path, threads: _open(read_bundle(path), threads)


BACKEND = Backend(
    name="coreml",
    open=_open,
    open_strict=_open_strict,
    emulated=None,
    files="an .mlpackage folder",
    is_model=_is_model,
    open_file=_open_file,
    timed=_timed,
    runs_here=_runs_here,
    cannot_time_here=_cannot_time_here,
    sets_threads=False,
    prepare_timing=_prepare_timing,
)
