"""Audit of product-quantized tables: whether codes and codebooks can come from k-means over the table."""

from collections.abc import Iterator

import numpy as np

from exporter.compression import product_quantization
from exporter.model.ops import Array
from exporter.targets.audit import rounding

_SHARE = 2.5
"""Most of a table's variance that its codes may lose, over entries^(−2 / d): the rate at which errors of codes fall
(Zador 1982). Measured with 256 entries: of 30,522 normal numbers without structure 1.48 times that with 4 in a
sub-vector and 1.22 with 8; weighed by √ of counts that fall as Zipf's law has them, 1.55 and 1.28."""
_NOISE = 4e-6
"""Of products of float32 as large as a place's largest: how much nearer than the nearest another may seem elsewhere."""

_ROWS = 256
_TRAINED_FACTOR = 2.0
_NOWHERE = 1e9


def audit_codes(table: Array, codes: Array, codebook: Array, step: float = 0.0) -> Iterator[str]:
    """What is wrong with the codes uint8 [rows, places] and centroids float32 [places, 256, d] of `table` [rows, H].

    Each sub-vector is to be coded by the nearest centroid of its place; where a place has no more of them than
    centroids, it is to be stored itself, as float16 or in int8 by `step`; and all of them together lose no more than
    k-means would.
    """
    if not np.isfinite(codebook).all():
        yield "expected numbers in the codebooks, found NaN or infinity"
        return
    places, entries, dimensions = codebook.shape
    far = np.zeros(len(table), bool)
    lost = total = 0.0
    for place in range(places):
        points = np.ascontiguousarray(table[:, place * dimensions : (place + 1) * dimensions])
        stored = codebook[place][codes[:, place]]
        errors = np.square(points - stored).sum(1, dtype=np.float64)
        lost, total = lost + float(errors.sum()), total + float(points.var(0, dtype=np.float64).sum() * len(points))
        far |= _exceeds(points, stored, step) if _are_few(points) else _far(points, codes[:, place], codebook[place])
    if far.any():
        yield f"row {int(far.argmax()):,}, and {int(far.sum()):,} in all: expected the nearest centroids, found others"
    share = min(1.0, _SHARE * entries ** (-2 / dimensions))
    if not lost <= share * total:
        yield f"expected codes that lose {share:.0%} of the table's variance at most, found {lost / total:.0%}"


def audit_trained_codes(table: Array, codes: Array, codebook: Array) -> Iterator[str]:
    """As `audit_codes`, of codes whose centroids were trained since: rows that share a code are still near each other.

    What is compared is the mean of such rows. A row may be as far from its means as twice from the nearest ones, for
    centroids that were weighed or trained are no means; and the centroids may lose what means may.
    """
    if not np.isfinite(codebook).all():
        yield "expected numbers in the codebooks, found NaN or infinity"
        return
    places, entries, dimensions = codebook.shape
    own, nearest = np.zeros(len(table)), np.zeros(len(table))
    lost = total = 0.0
    for place in range(places):
        points = np.ascontiguousarray(table[:, place * dimensions : (place + 1) * dimensions])
        means = _means(points, codes[:, place], entries)
        own += np.square(points - means[codes[:, place]]).sum(1)
        nearest += _least(points, means)
        lost += float(np.square(points - codebook[place][codes[:, place]]).sum(dtype=np.float64))
        total += float(points.var(0, dtype=np.float64).sum() * len(points))
    far = own > _TRAINED_FACTOR * nearest + _NOISE * np.square(table).sum(1)
    if far.any():
        yield f"row {int(far.argmax()):,}, and {int(far.sum()):,} in all: expected codes of rows near it, found others"
    share = min(1.0, _SHARE * entries ** (-2 / dimensions))
    if not lost <= share * total:
        yield f"expected codes that lose {share:.0%} of the table's variance at most, found {lost / total:.0%}"


def _means(points: Array, codes: Array, entries: int) -> Array:
    """Of the points [rows, d] of each code: float32 [entries, d]; far away where a code has none."""
    counts = np.bincount(codes, minlength=entries)
    sums = np.stack([np.bincount(codes, column, entries) for column in points.T], 1)
    return np.where(counts[:, None] > 0, sums / np.maximum(counts, 1)[:, None], _NOWHERE).astype(np.float32)


def _least(points: Array, means: Array) -> Array:
    """Squared distance of each point to the nearest mean."""
    entries, columns = _augmented(points, means)
    starts = range(0, len(points), _ROWS)
    nearness = [(entries @ columns[:, start : start + _ROWS]).max(0) for start in starts]
    return np.asarray(np.maximum(np.square(points).sum(1) - 2 * np.concatenate(nearness), 0))


def _augmented(points: Array, codebook: Array) -> tuple[Array, Array]:
    """[c, −|c|² / 2] and [x, 1], whose product is (|x|² − |x − c|²) / 2: [entries, d + 1] and [d + 1, rows]."""
    squares = np.square(codebook).sum(-1, keepdims=True) / 2
    return np.concatenate([codebook, -squares], 1), np.concatenate([points.T, np.ones((1, len(points)), np.float32)])


def _are_few(points: Array) -> bool:
    """Whether each may have a centroid of its own; of most tables the first rows tell, and sorting takes long.

    Bytes tell 0 from −0, which are one point.
    """
    most = product_quantization.ENTRIES
    beginning = {row.tobytes() for row in points[: 4 * most]}
    return len(beginning) <= 2 * most and len(np.unique(points, axis=0)) <= most


def _exceeds(points: Array, stored: Array, step: float) -> Array:
    """Rows of points [rows, d] that are not stored as they are."""
    bound = rounding.float16_bound(points, 0.0) + np.float32(rounding.HALF_STEP * step)
    return np.asarray((~(np.abs(stored - points) <= bound)).any(1))


def _far(points: Array, codes: Array, codebook: Array) -> Array:
    """Rows of points [rows, d] for which another of the centroids [256, d] is nearer.

    One product, of so few rows that no BLAS shares it among threads: with other processes at work that takes fifty
    times as long.
    """
    entries, columns = _augmented(points, codebook)
    noise = _NOISE * float(np.abs(points).max() * np.abs(codebook).max() * codebook.shape[1] - entries[:, -1].min())
    far = np.zeros(len(points), bool)
    for start in range(0, len(points), _ROWS):
        rows = slice(start, start + _ROWS)
        nearness = entries @ columns[:, rows]  # [256, rows]
        own = np.take_along_axis(nearness, codes[None, rows].astype(np.intp), 0)[0]
        far[rows] = nearness.max(0) - own > noise
    return far
