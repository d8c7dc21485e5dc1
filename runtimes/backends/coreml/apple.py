"""Apple's Core ML runtime on macOS: predictions, times, and where each operation runs.

Cannot run elsewhere: there `runtimes.mil` simulates the saved package, and every report says so.
"""

import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runtimes.backends.fixed_length import FixedLengthRunner, Interface
from runtimes.errors import BundleError, RuntimeUnavailable, in_our_words
from runtimes.runner import Array, Outputs, Status

COMPUTE_UNITS = {"all": "ALL", "cpu-and-ne": "CPU_AND_NE", "cpu-and-gpu": "CPU_AND_GPU", "cpu-only": "CPU_ONLY"}


def require_macos() -> None:
    """Raise RuntimeUnavailable where Core ML does not exist."""
    if sys.platform != "darwin":
        raise RuntimeUnavailable(
            f"coreml: Apple's runtime needs macOS, this is {sys.platform}; the package is simulated"
        )


@dataclass(frozen=True)
class AppleModel:
    """One loaded function of a package; `load_s` is what loading and compiling took."""

    model: Any
    load_s: float

    def run(self, feeds: Mapping[str, Array]) -> Outputs:
        """See FixedModel."""
        with in_our_words(lambda reason: BundleError(f"Core ML cannot run the model: {reason}; export again")):
            outputs: Outputs = self.model.predict(dict(feeds))
        return outputs

    def trace(self, feeds: Mapping[str, Array]) -> Outputs:
        """Core ML shows no inner tensors; the outputs are all there is."""
        return self.run(feeds)


def open_apple(
    packages: Sequence[tuple[Path, str | None, int]], compute_units: str, interface: Interface
) -> FixedLengthRunner:
    """Open (package, function, length) triples on `compute_units`. Raises RuntimeUnavailable off macOS."""
    require_macos()
    models = {length: load(path, function, compute_units) for path, function, length in packages}
    return FixedLengthRunner(Status.MEASURED, models, interface)


def load(package: Path, function: str | None, compute_units: str) -> AppleModel:
    """Load one function of a package, and time it. Raises BundleError where Core ML does not load it."""
    import coremltools

    units = coremltools.ComputeUnit[COMPUTE_UNITS[compute_units]]
    named = package if function is None else f"{package}, {function}"
    start = time.perf_counter()
    with in_our_words(lambda reason: BundleError(f"{named}: Core ML does not load it: {reason}; export again")):
        model = coremltools.models.MLModel(str(package), compute_units=units, function_name=function)
    return AppleModel(model, time.perf_counter() - start)


def placement(package: Path, compute_units: str) -> dict[str, int]:
    """Number of operations by the device that Core ML prefers for them (`MLComputePlan`). macOS only."""
    require_macos()
    import coremltools
    from coremltools.models.compute_plan import MLComputePlan

    units = coremltools.ComputeUnit[COMPUTE_UNITS[compute_units]]
    compiled = coremltools.models.utils.compile_model(str(package))
    plan = MLComputePlan.load_from_path(path=compiled, compute_units=units)
    counts: Counter[str] = Counter()
    for function in plan.model_structure.program.functions.values():
        for operation in function.block.operations:
            usage = plan.get_compute_device_usage_for_mlprogram_operation(operation)
            counts[type(usage.preferred_compute_device).__name__ if usage else "not placed"] += 1
    return dict(counts)
