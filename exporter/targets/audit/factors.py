"""Audit of the factors of smoothed layers: those of the file, if an export could have chosen them."""

import numpy as np

from exporter.compression.outlier_channels import AS_IT_IS, MOST_FACTOR, Treatment, is_wide
from exporter.model.ops import Weight
from exporter.targets.audit.held import Held
from exporter.targets.audit.tally import Tally
from exporter.targets.encoding.encoded_weights import SMOOTHED

_SHARES = np.exp2(-np.arange(np.log2(MOST_FACTOR) + 1)).astype(np.float32)
"""What a channel of a smoothed layer may be multiplied by."""


def is_smoothed(held: Held, weight: Weight) -> bool:
    """Whether the file has a weight times the factors of its outlier channels."""
    return any(f"{weight.name}{SMOOTHED}.{kind}" in held.tensors for kind in ("int8", "int4"))


def stored_factors(held: Held, tally: Tally, name: str, weight: Weight, may_smooth: bool) -> Treatment:
    """How the file smooths what a layer reads: by the tensor `name` [in] of shares, which are 1 / factors.

    Which factors are chosen changes how well a model is rounded, never what it computes: any powers of two are right,
    where the recipe smooths (`may_smooth`).
    """
    stored, inner = held.tensors.get(name), weight.values.shape[1]
    if stored is None:
        return AS_IT_IS
    if may_smooth and is_wide(weight) and stored.dtype == np.float32 and stored.shape == (inner,):
        shares = stored.read()
        if np.isin(shares, _SHARES).all():
            return Treatment(factors=1 / shares)
    found = f"{stored.dtype} {list(stored.shape)}"
    tally.find(name, f"expected {inner} shares of powers of two up to {MOST_FACTOR}, found {found}")
    return AS_IT_IS
