"""Audit of the activation ranges of `w8a8`, against what texts give.

Which texts an export was calibrated on is not recorded. Most are calibrated on those that bertport brings: where half
of the ranges are just what these give, all must be. Else, and for models that take long to run over them all, an order
of magnitude is demanded: on the demo checkpoint four texts give between 0.75 and 1.01 of what 96 of them do, and short
texts of other kinds between 0.74 and 1.4 of that.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from exporter.checkpoint.checkpoint import Checkpoint
from exporter.compression.activation_ranges import calibrate
from exporter.model.numpy_ops import NumpyOps
from exporter.model.ops import Array, Inputs
from exporter.targets.audit.subject import Audited
from exporter.targets.audit.tally import Tally
from exporter.targets.coreml.names import canonical_name
from runtimes.errors import BundleError
from runtimes.mil.listing import Constant, Listed, Listing
from runtimes.mil.ops.activation import erf

LEAST, MOST = 0.5, 3.0
"""Of what other texts give, what a range may be."""
SAME = 2e-3
"""Of a range: half a unit of the float16 that holds it, and sums in another order."""
_FEW = 4
_MOST_PRODUCTS = 1e11
"""Of numbers: a second or two, to run over all texts."""
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


def audit_ranges(ranges: Mapping[str, float], audited: Audited, tokens: int, tally: Tally) -> Mapping[str, float]:
    """Note every range that is not what texts give: see SAME, LEAST and MOST.

    Returns the ranges to lower the model with: those stored, and where none is, what the texts give.
    """
    checkpoint, samples = audited.checkpoint, audited.samples(tokens)
    whole = _products(checkpoint, samples) <= _MOST_PRODUCTS
    measured = calibrate(_traces(checkpoint, samples if whole else samples[:_FEW]))
    equal = {name for name, stored in ranges.items() if abs(stored - measured.get(name, 0.0)) <= SAME * stored}
    exact = whole and len(equal) >= len(ranges) / 2
    for name, stored in ranges.items():
        tally.facts += 1
        given = measured.get(name, 0.0)
        least, most = (1 - SAME, 1 + SAME) if exact else (LEAST, MOST)
        if name not in equal and not least * given <= stored <= most * given:
            tally.find(name, f"range of activations: expected {least:g} to {most:g} of {given:.4g}, found {stored:.4g}")
    return {**measured, **ranges}


def _products(checkpoint: Checkpoint, samples: Sequence[Inputs[Array]]) -> float:
    """About how many numbers are multiplied to run the texts."""
    tensors = checkpoint.model.tensors.items()
    weights = sum(prod(one.shape) for name, one in tensors if not name.startswith("embeddings."))
    return float(weights * sum(one.ids.size for one in samples))


def _traces(checkpoint: Checkpoint, samples: Sequence[Inputs[Array]]) -> list[Mapping[str, Array]]:
    """Every named tensor of each text, made without padding; the weights are folded once for all."""
    parts = ((one.ids, one.mask, one.types) for one in samples)
    flat = [[part.reshape(-1, part.shape[-1]) for part in three if part is not None] for three in parts]
    ops = _Each([_Quick() for _ in samples])
    ids, mask, types = (list(column) for column in zip(*flat, strict=True))
    checkpoint.model.build(ops, Inputs[Any](ids, mask, types))
    return [one.tensors for one in ops.each]


@dataclass(frozen=True)
class _Each:
    """Ops on lists of tensors, one of each text."""

    each: list["_Quick"]

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def of(one: Any, at: int) -> Any:
            if isinstance(one, tuple):
                return tuple(of(part, at) for part in one)
            return one[at] if isinstance(one, list) else one

        def call(name: str, *given: Any) -> Any:
            return [getattr(ops, operation)(name, *(of(one, at) for one in given)) for at, ops in enumerate(self.each)]

        return call


class _Quick(NumpyOps):
    """The definition of every operation, with an error function that takes no second."""

    def activation(self, name: str, x: Array, kind: str) -> Array:
        if kind != "gelu":
            return super().activation(name, x, kind)
        return self._keep(name, x * (0.5 + 0.5 * erf(x / np.float32(math.sqrt(2)))))
