"""The backends: which runtime opens the model of a bundle."""

import platform
from collections.abc import Callable
from typing import TYPE_CHECKING

from runtimes.errors import BundleError

if TYPE_CHECKING:  # a measured process must not pay for what bundles need: their hashes are 4 MB of OpenSSL
    from runtimes.bundle.reading import Bundle
from runtimes.runner import Runner


def open_runner(bundle: "Bundle", threads: int = 1) -> Runner:
    """Open the saved model of a bundle with the runtime of its target. Raises BundleError for what no target wrote."""
    if bundle.manifest.recipe.target not in _RUNTIMES:
        found, known = bundle.manifest.recipe.target, ", ".join(_RUNTIMES)
        raise BundleError(f"{bundle.directory}: made for {found!r}, and the runtimes are of {known}; export again")
    return _RUNTIMES[bundle.manifest.recipe.target](bundle, threads)


def _onnxruntime(bundle: "Bundle", threads: int) -> Runner:
    from runtimes.backends.onnx.file_check import check_onnx

    check_onnx(bundle.directory / bundle.manifest.models[0])  # first: it has the model in memory twice for a moment
    from runtimes.backends.onnx.runner import OnnxRunner

    return OnnxRunner(bundle.directory / bundle.manifest.models[0], threads)


def _coreml(bundle: "Bundle", _threads: int) -> Runner:
    """Apple's runtime where it exists, else the portable interpreter."""
    from runtimes.backends.fixed_length import Interface

    interface = Interface(bundle.input_names, bundle.token_outputs, bundle.manifest.pad_id)
    if platform.system() == "Darwin":  # and nothing of the interpreter: its decoding would be measured too
        from runtimes.backends.coreml.apple import open_apple

        return open_apple(bundle.fixed_models, bundle.manifest.recipe.compute_units or "all", interface)
    from runtimes.backends.coreml.simulated import open_simulated

    return open_simulated([bundle.directory / name for name in bundle.manifest.models], interface)


_RUNTIMES: dict[str, Callable[["Bundle", int], Runner]] = {"onnx": _onnxruntime, "coreml": _coreml}
