"""The ranges that w8a8 rounds activations by, held against what a few texts give.

Which texts an export was calibrated on is not recorded, so that only an order of magnitude can be demanded: on the demo
checkpoint four texts give between 0.75 and 1.01 of what 96 of them do, and short texts of other kinds between 0.74 and
1.4 of that.
"""

import math
from collections.abc import Iterator, Mapping

import numpy as np

from exporter.auditing.tally import Tally
from exporter.battery_texts import default_texts
from exporter.checkpoint import Checkpoint
from exporter.encoder.ops import Array, Inputs
from exporter.errors import BundleError
from exporter.targets.coreml_calibration import calibrate
from exporter.targets.coreml_names import canonical_name
from exporter.targets.numpy import NumpyOps
from runtimes.mil.listing import Constant, Listed, Listing
from runtimes.mil.ops_activation import erf

LEAST, MOST = 0.5, 3.0
"""Of what the texts give, what a range may be."""
_TEXTS, _TOKENS = 4, 64
_LEVELS = 127.0


def stored_ranges(listing: Listing, tally: Tally) -> dict[str, float]:
    """Name of each tensor that is rounded → the largest magnitude that its scale tells."""
    found = {}
    for operation in listing.operations:
        tensor = operation.arguments.get("input", ("",))[0]
        if operation.type == "quantize" and isinstance(tensor, str):
            scale = _scale(operation, tally)
            if scale is not None:
                found[canonical_name(tensor)] = scale * _LEVELS
    return found


def _scale(operation: Listed, tally: Tally) -> float | None:
    given = operation.arguments.get("scale", ())
    try:
        value = given[0].read() if len(given) == 1 and isinstance(given[0], Constant) else np.zeros(0)
    except BundleError as error:
        tally.find(operation.name, str(error))
        return None
    if value.size == 1 and math.isfinite(value.item()) and value.item() > 0:
        return float(value.item())
    tally.find(canonical_name(operation.name), f"expected one finite scale above 0, found {value.tolist()}")
    return None


def audit_ranges(ranges: Mapping[str, float], checkpoint: Checkpoint, tokens: int, tally: Tally) -> None:
    """Note every range that is far from what texts give: see LEAST and MOST."""
    measured = calibrate(_traces(checkpoint, min(tokens, checkpoint.max_tokens, _TOKENS)))
    for name, stored in ranges.items():
        tally.facts += 1
        given = measured.get(name, 0.0)
        if not LEAST * given <= stored <= MOST * given:
            tally.find(name, f"range of activations: expected {LEAST:g} to {MOST:g} of {given:.4g}, found {stored:.4g}")


def _traces(checkpoint: Checkpoint, tokens: int) -> Iterator[Mapping[str, Array]]:
    tokenizer = checkpoint.tokenizer.tokenizer
    for text in default_texts()[:_TEXTS]:
        encoding = tokenizer.encode(text)
        ids, types = (np.array([part[:tokens]], np.int64) for part in (encoding.ids, encoding.type_ids))
        ops = _Quick()
        checkpoint.model.build(ops, Inputs(ids, np.ones_like(ids), types))
        yield ops.tensors


class _Quick(NumpyOps):
    """The definition of every operation, with an error function that takes no second."""

    def activation(self, name: str, x: Array, kind: str) -> Array:
        if kind != "gelu":
            return super().activation(name, x, kind)
        return self._keep(name, x * (0.5 + 0.5 * erf(x / np.float32(math.sqrt(2)))))
