"""How far every contender's answers are from PyTorch's: on labelled text, each row alone, from a process of its own."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtimes.parity.compare import agreement

Logits = NDArray[np.float64]
MOST_MEAN_SHARE = 0.1


def compared(found: Logits, expected: Logits, labels: list[int] | None) -> dict[str, float]:
    """Differences in logits, share of rows with PyTorch's label, and accuracy where the labels mean something.

    No agreement where PyTorch gives every row one label: there a model that reads no input agrees too.
    """
    difference = np.abs(found - expected)
    figures = {"max_absolute": float(difference.max()), "mean_absolute": float(difference.mean())}
    if len(set(expected.argmax(-1).tolist())) > 1:
        figures["agreement"] = agreement(expected, found)
    if labels is not None:
        figures["accuracy"] = float(np.mean(found.argmax(-1) == labels))
    return figures


def departure(figures: dict[str, float], expected: Logits) -> str | None:
    """Why a conversion is not this model at all, or None: an error in it must not become a peer's figure.

    No rounding of weights departs on average by a tenth of the logits' range; inputs that are mixed up do.
    """
    limit = MOST_MEAN_SHARE * float(np.ptp(expected))
    if figures["mean_absolute"] <= limit:
        return None
    return f"not this model: logits depart from PyTorch's by {figures['mean_absolute']:.3g} on average"


def as_logits(answer: dict[str, Any]) -> Logits:
    """A child's answer, [rows, labels]."""
    return np.array(answer["logits"])
