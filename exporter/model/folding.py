"""Constant folding of weights by exact algebra: attention scaling, biases, norms, and products of layers.

Every function takes and gives float64 arrays (weights as transformers stores them, [out, in]) and changes no
output of the model but by rounding. A is the number of heads, D = H / A.

The attention of one head, scores_ij = (Wq x_i + bq)·(Wk x_j + bk)/√D:
- bk adds (Wq x_i + bq)·bk to row i, the same for every j: softmax does not see it.
- bv comes out as bv itself, for the rows of a softmax sum to 1; so it folds through the output projection.
- 1/√D folds into Wq and bq.
"""

import numpy as np

from exporter.model.ops import Array


def scale_query(weight: Array, bias: Array, heads: int) -> tuple[Array, Array]:
    """(Wq, bq) / √D, so that scores need no scaling. Shapes [H, H] and [H]."""
    scale = 1.0 / np.sqrt(weight.shape[0] // heads)
    return weight * scale, bias * scale


def value_bias_through_output(value_bias: Array, weight: Array, bias: Array) -> Array:
    """The output bias that makes the value bias needless: bo + Wo·bv. Shape [H]."""
    return np.asarray(bias + weight @ value_bias)


def first_type_into_positions(positions: Array, types: Array) -> tuple[Array, Array]:
    """Type row 0 into every position; the type table keeps differences to it (its row 0 is zero)."""
    return positions + types[0], types - types[0]


def no_norm_into_linear(weight: Array, bias: Array, gain: Array, shift: Array) -> tuple[Array, Array]:
    """gain · (W·x + b) + shift as one linear layer: MobileBERT's NoNorm (Sun et al. 2020). Shapes [out, in], [out]."""
    return gain[:, None] * weight, gain * bias + shift


def chain(weight: Array, bias: Array, inner: Array, inner_bias: Array) -> tuple[Array, Array]:
    """W·(Wi·x + bi) + b as one linear layer: shapes [out, in of the inner] and [out]."""
    return weight @ inner, weight @ inner_bias + bias


def premultiply_query_key(query: Array, query_bias: Array, key: Array, heads: int) -> tuple[Array, Array]:
    """Wkᵀ·Wq of each head, stacked: x0 → t with t_h·x_j = q_h·k_j. Shapes [A·H, H] and [A·H]."""
    hidden = query.shape[1]
    q, k = (w.reshape(heads, -1, hidden) for w in (query, key))  # [A, D, H]
    weight = np.einsum("adk,adx->akx", k, q)  # [A, H, H]
    bias = np.einsum("adk,ad->ak", k, query_bias.reshape(heads, -1))
    return weight.reshape(-1, hidden), bias.reshape(-1)


def premultiply_value_output(value: Array, output: Array, heads: int) -> Array:
    """Wo·Wv of each head, side by side: takes Σ_j p_j x_j of every head to the output. Shape [H, A·H]."""
    hidden = value.shape[1]
    v = value.reshape(heads, -1, hidden)  # [A, D, H]
    o = output.reshape(hidden, heads, -1)  # [H, A, D]
    return np.asarray(np.einsum("oad,adh->oah", o, v).reshape(output.shape[0], -1))


def key_per_head(key: Array, heads: int) -> Array:
    """Wk as A matrices that take a head's query [D] to [H]: shape [A, H, D]."""
    return key.reshape(heads, -1, key.shape[1]).transpose(0, 2, 1)


def value_per_head(value: Array, heads: int) -> Array:
    """Wv as A matrices that take a head's Σ_j p_j x_j [H] to [D]: shape [A, D, H]."""
    return value.reshape(heads, -1, value.shape[1])
