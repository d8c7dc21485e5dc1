"""Ranges of activations for `w8a8`, measured on traced tensors.

coremltools' own calibration calls Apple's runtime, which is not on every system, and in 9.0 keeps the range of the last
sample alone.
"""

from collections.abc import Iterable, Mapping

import numpy as np

from exporter.model.ops import Array


def calibrate(traces: Iterable[Mapping[str, Array]]) -> dict[str, float]:
    """The largest magnitude of every named tensor over all `traces`, one for each text, made without padding.

    A trace is what `model.numpy_ops.trace` gives, or `targets.coreml.names.canonical_tensors` of a run of the float16
    package. Tensors that hold zeros alone are left out: there is no scale to round them by.
    """
    ranges: dict[str, float] = {}
    for trace in traces:
        for name, tensor in trace.items():
            ranges[name] = max(ranges.get(name, 0.0), float(np.abs(tensor).max(initial=0)))
    return {name: largest for name, largest in ranges.items() if largest > 0}
