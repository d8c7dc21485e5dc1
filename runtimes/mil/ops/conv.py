"""Convolutions of one, two or three dimensions, as matrix products."""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from runtimes.mil.datatypes import Array
from runtimes.mil.numerics import Rounding
from runtimes.mil.ops.linear import product
from runtimes.mil.ops.shape import integers


def conv(
    rounded: Rounding,
    x: Array,
    weight: Array,
    bias: Array | None = None,
    strides: Array | None = None,
    pad_type: Array | str = "valid",
    pad: Array | None = None,
    dilations: Array | None = None,
    groups: Array | int = 1,
) -> Array:
    """Return the cross-correlation of x with weight, plus bias.

    x (N, I, *D), weight (O, I/groups, *K), bias (O,) → (N, O, *D').

    `pad_type` is valid, custom (`pad` holds before and after for each axis), same or same_lower.
    """
    rank = x.ndim - 2
    steps = [1] * rank if strides is None else integers(strides)
    spread = [1] * rank if dilations is None else integers(dilations)
    reach = [(k - 1) * d + 1 for k, d in zip(weight.shape[2:], spread, strict=True)]
    widths = [(0, 0), (0, 0), *padding(str(pad_type), pad, x.shape[2:], reach, steps)]
    padded = np.pad(x, widths)
    windows = _windows(padded, reach, steps, spread)
    result = _apply(rounded, windows, weight, int(groups))
    return result if bias is None else result + bias.reshape(-1, *[1] * rank)


def padding(
    pad_type: str, pad: Array | None, sizes: Sequence[int], reach: Sequence[int], steps: Sequence[int]
) -> list[tuple[int, int]]:
    """Return (before, after) for each spatial axis."""
    match pad_type:
        case "valid":
            return [(0, 0)] * len(sizes)
        case "custom" if pad is not None:
            return [(before, after) for before, after in np.reshape(pad, (-1, 2)).tolist()]
        case "same" | "same_lower":
            totals = [
                max(0, (math.ceil(size / step) - 1) * step + width - size)
                for size, width, step in zip(sizes, reach, steps, strict=True)
            ]
            halves = [(total // 2, total - total // 2) for total in totals]
            return halves if pad_type == "same" else [(after, before) for before, after in halves]
        case other:
            raise ValueError(f"pad_type {other}")


def _windows(padded: Array, reach: Sequence[int], steps: Sequence[int], spread: Sequence[int]) -> Array:
    """Return, without copying, the elements under the kernel at each position: (N, I, *D', *K)."""
    axes = tuple(range(2, padded.ndim))
    every = np.lib.stride_tricks.sliding_window_view(padded, tuple(reach), axes)
    positions = [slice(None, None, step) for step in steps]
    taps = [slice(None, None, dilation) for dilation in spread]
    return every[(slice(None), slice(None), *positions, *taps)]


def _apply(rounded: Rounding, windows: Array, weight: Array, groups: int) -> Array:
    """Multiply the windows (N, I, *D', *K) of every group by its kernels; (N, O, *D')."""
    rank = weight.ndim - 2
    batch, channels, *rest = windows.shape
    sizes, kernel = rest[:rank], rest[rank:]
    grouped = windows.reshape(batch, groups, channels // groups, *sizes, *kernel)
    # (N, G, I/G, *D', *K) → (N, G, I/G, *K, *D') → (N, G, I/G·K, D')
    order = (0, 1, 2, *range(3 + rank, 3 + 2 * rank), *range(3, 3 + rank))
    columns = grouped.transpose(order).reshape(batch, groups, -1, math.prod(sizes))
    kernels = weight.reshape(groups, len(weight) // groups, -1)  # (G, O/G, I/G·K)
    return product(rounded, kernels, columns).reshape(batch, len(weight), *sizes)


CONVOLUTIONS: Mapping[str, Callable[..., Array]] = {"conv": conv}
