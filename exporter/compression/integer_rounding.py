"""Integer quantization of weights: float → integers and scales, and what they are recovered as.

All scales are symmetric and run along the last axis: a linear weight [out, in] has one for each output channel, an
embedding table [rows, H] one for each row. Measured on real weights, one scale for the whole tensor costs three
times the error of one for each row of an embedding, and eight times that of one for each channel of a linear.
"""

import math
from collections.abc import Callable

import numpy as np

from exporter.model.ops import Array

Quantise = Callable[[Array], tuple[Array, Array]]
"""Values [..., n] → integers of their shape, and scales [..., 1]."""

_CLIP_RATIOS = np.linspace(0.7, 1.0, 7)
_WIDE_RATIOS = np.linspace(0.7, 8 / 7, 10)
_ROW_STEPS = np.arange(7, 12.25, 0.25, dtype=np.float32)
"""How many steps of int4 a row's extreme may be: 7 clips nothing, 8 nothing that is negative."""
PAIRS = np.stack([np.arange(256) % 16 - 8, np.arange(256) // 16 - 8], 1).astype(np.int8)
"""What a byte of `pack_pairs` stands for: its two numbers in −8..7, int8 [256, 2]."""


def int8(values: Array, scale_type: type = np.float32) -> tuple[Array, Array]:
    """`values` [..., n] ≈ q · scale, q int8 in ±127, scale float32 (or `scale_type`) [..., 1]."""
    return _round_to(values, _largest(values) / 127.0, scale_type)


def int8_without_saturation(values: Array) -> tuple[Array, Array]:
    """As `int8`, with scales at which x86's `vpmaddubsw` cannot saturate, whatever the activations are.

    Without VNNI that instruction adds two products u8·s8 of neighbours along the input axis in 16 bits (Intel SDM;
    onnxruntime quantization guide, "saturation"). Two neighbours of one sign must sum to at most 128, for
    255 · 128 < 2¹⁵; of two signs each is safe alone. The usual remedy, 7-bit weights, is the worst case of this and
    loses a whole bit; real weights need a third to a half of one.
    """
    scale = np.maximum(_largest(values) / 127.0, _largest_pair(values) / 127.0)
    return _round_to(values, scale)


def largest_pair(q: Array) -> int:
    """Largest |q₂ⱼ + q₂ⱼ₊₁| of two neighbours of one sign along the last axis."""
    return int(_largest_pair(q.astype(np.int32)).max(initial=0))


def int4_blocks(values: Array, size: int = 32, positive_scales: bool = False) -> tuple[Array, Array]:
    """`values` [rows, H] ≈ (q − 8) · scale by blocks: q uint8 in 0..15, scale float16 [rows, H / block].

    The block is the largest divisor of H that divides `size`. A block's extreme takes the value −8, and its scale is
    the one of a few clipped candidates with the least squared error. With `positive_scales` a block's extreme may be 7
    too: a format's readers may know no negative scale.
    """
    block = math.gcd(values.shape[1], size)
    parts = values.reshape(len(values), -1, block)  # [rows, blocks, block]
    candidates = int4_candidates(parts, positive_scales)
    best, scale = np.full((*parts.shape[:2], 1), np.inf), np.ones((*parts.shape[:2], 1), np.float16)
    for candidate in np.split(candidates, candidates.shape[-1], -1):
        error = np.square(int4_nearest(parts, candidate) * candidate.astype(np.float32) - parts).sum(-1, keepdims=True)
        scale = np.where(error < best, candidate, scale)
        best = np.minimum(error, best)
    return (int4_nearest(parts, scale) + 8).astype(np.uint8).reshape(values.shape), scale[..., 0]


def int4_rows(values: Array) -> tuple[Array, Array]:
    """`values` [..., n] ≈ q · scale: q int8 in −8..7, scale float16 [..., 1], the one that costs least of a few.

    A row times a gain has the same q: the scale is chosen, and the row rounded by it, in float32. That of a row too
    small for float16's normal numbers is chosen as it is stored.
    """
    best, chosen = np.full((*values.shape[:-1], 1), np.inf, np.float32), np.ones((*values.shape[:-1], 1), np.float32)
    for scale in np.split(int4_row_candidates(values), len(_ROW_STEPS), -1):
        error = np.square(_int4_levels(values, scale) * scale - values).sum(-1, keepdims=True)
        chosen = np.where(error < best, scale, chosen)
        best = np.minimum(error, best)
    return _int4_levels(values, chosen).astype(np.int8), chosen.astype(np.float16)


def int4_row_candidates(values: Array) -> Array:
    """The scales that `int4_rows` tries for `values` [..., n]: float32 [..., candidates]."""
    return _storable(_largest(values) / _ROW_STEPS)


def pack_pairs(q: Array) -> Array:
    """An even number of −8..7 in any shape → uint8 [n / 2]: of two neighbours the first in the low nibble."""
    nibbles = (q + 8).astype(np.uint8).reshape(-1, 2)
    return np.asarray(nibbles[:, 0] | (nibbles[:, 1] << 4))


def unpack_pairs(packed: Array, shape: tuple[int, ...]) -> Array:
    """What `pack_pairs` packed, int8 in `shape`."""
    return PAIRS[packed].reshape(shape)


def int4_scales(width: int, size: int = 32) -> int:
    """How many scales `int4_blocks` gives a row of `width` numbers."""
    return width // math.gcd(width, size)


def int4_candidates(parts: Array, positive_scales: bool = False) -> Array:
    """The scales that `int4_blocks` tries for blocks [rows, blocks, block]: float16 [rows, blocks, candidates]."""
    extreme = np.take_along_axis(parts, np.abs(parts).argmax(-1, keepdims=True), -1)
    extreme, ratios = (-np.abs(extreme), _WIDE_RATIOS) if positive_scales else (extreme, _CLIP_RATIOS)
    candidates = np.concatenate([(extreme * ratio / -8.0).astype(np.float16) for ratio in ratios], -1)
    return np.where(candidates == 0, np.float16(1), candidates)


def int4_nearest(parts: Array, scale: Array) -> Array:
    """The integers in −8..7 nearest to blocks [rows, blocks, block] by `scale` [rows, blocks, 1], as float32."""
    return np.asarray(np.clip(np.rint(parts / scale.astype(np.float32)), -8, 7))


def pack_nibbles(q: Array) -> Array:
    """[rows, H] of 0..15 → [rows, H / 2]: the first half of a row in the low nibbles, the second in the high."""
    half = q.shape[1] // 2
    return np.asarray(q[:, :half] | (q[:, half:] << 4), np.uint8)


def unpack_nibbles(packed: Array) -> Array:
    """What `pack_nibbles` packed."""
    return np.concatenate([packed & 15, packed >> 4], 1)


def _storable(scale: Array) -> Array:
    """float32 scales [..., 1]; those that float16 has no normal number for as it stores them, and 1 in place of 0."""
    half = scale.astype(np.float16)
    stored = np.where(half < np.finfo(np.float16).tiny, half, scale).astype(np.float32)
    return np.where(stored == 0, np.float32(1), stored)


def _int4_levels(values: Array, scale: Array) -> Array:
    return np.clip(np.rint(values / scale), -8, 7)


def _largest(values: Array) -> Array:
    """max |v| over the last axis, [..., 1]; without a second array of the size of a word table."""
    return np.asarray(np.maximum(values.max(-1, keepdims=True), -values.min(-1, keepdims=True)))


def _largest_pair(values: Array) -> Array:
    """max |v₂ⱼ + v₂ⱼ₊₁| over neighbours of one sign, [..., 1]; a last odd value stands alone."""
    odd = values.shape[-1] % 2
    even = np.concatenate([values, np.zeros_like(values[..., :1])], -1) if odd else values
    left, right = even[..., 0::2], even[..., 1::2]
    same = np.where(np.sign(left) * np.sign(right) >= 0, np.abs(left + right), 0)
    return np.asarray(same.max(-1, keepdims=True))


def _round_to(values: Array, scale: Array, scale_type: type = np.float32) -> tuple[Array, Array]:
    """Round by scales as they are stored; a row too small for a scale counts as zeros, and gets 1, for 0 · 1 = 0."""
    stored: Array = scale.astype(scale_type)
    wide = stored.astype(np.float32)
    usable = np.where(wide < np.finfo(np.float32).tiny, scale_type(1), stored)
    q = values / usable.astype(np.float32)
    np.clip(np.rint(q, out=q), -127, 127, out=q)
    return q.astype(np.int8), usable
