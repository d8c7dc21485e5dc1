"""Fused attention, as of iOS 18."""

import math
from collections.abc import Callable, Mapping

import numpy as np

from runtimes.mil.datatypes import Array
from runtimes.mil.numerics import Rounding
from runtimes.mil.ops.linear import product
from runtimes.mil.ops.normalise import softmax


def scaled_dot_product_attention(
    rounded: Rounding, query: Array, key: Array, value: Array, attn_mask: Array | None = None
) -> Array:
    """Return softmax(query·keyᵀ/√E + mask)·value. Vaswani et al., 2017, section 3.2.1.

    query (B, …, L, E), key (B, …, S, E), value (B, …, S, V) → (B, …, L, V); mask broadcasts to (B, …, L, S): a bool
    mask keeps what is true, any other is added to the scores.
    """
    scale = np.float32(1 / math.sqrt(query.shape[-1]))
    scores = rounded(product(rounded, query, np.swapaxes(key, -1, -2)) * scale)  # (B, …, L, S)
    if attn_mask is not None:
        scores = rounded(_masked(scores, attn_mask))
    return product(rounded, rounded(softmax(rounded, scores)), value)


def _masked(scores: Array, mask: Array) -> Array:
    return np.where(mask, scores, np.float32(-np.inf)) if mask.dtype == np.bool_ else scores + mask


ATTENTION: Mapping[str, Callable[..., Array]] = {"scaled_dot_product_attention": scaled_dot_product_attention}
