"""The range of float16, which a weight that is stored or computed with in it must keep."""

import numpy as np

from exporter.model.ops import Array
from runtimes.errors import LoweringError

FLOAT16_MAX = 65504.0


def check_float16(target: str, name: str, values: Array, advice: str) -> None:
    """Raise LoweringError, with `advice`, where a weight of a target holds what float16 cannot."""
    largest = float(np.abs(values).max(initial=0))
    if largest > FLOAT16_MAX:
        raise LoweringError(f"{target}: {name} holds {largest:.4g}, beyond float16's {FLOAT16_MAX:.0f}; {advice}")
