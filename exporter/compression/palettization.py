"""Palettization of weights: a short table of values and an index into it for each weight."""

import numpy as np

from exporter.model.ops import Array

_BINS = 4096
_ROUNDS = 300


def palettize(values: Array, bits: int) -> tuple[Array, Array]:
    """`values` ≈ table[indices]: indices uint8 in the shape of `values`, table float16 [2^bits], ascending.

    One-dimensional k-means: Lloyd's rounds (1982) from the points of Panter & Dite (1951), whose density goes with the
    cube root of the weights' own: where k-means ends when there are many points. Values are taken as float16.
    """
    half = values.astype(np.float16)
    distinct, counts = _distinct(half)
    table = _settled(distinct, counts, _companded(distinct, counts, 2**bits)).astype(np.float16)
    wide = table.astype(np.float32)
    indices = np.searchsorted((wide[1:] + wide[:-1]) / 2, half.astype(np.float32)).astype(np.uint8)
    return indices, table


def pack(indices: Array, bits: int) -> Array:
    """Indices, `bits` each, one after the other from the lowest bit of the first byte: uint8 [ceil(n · bits / 8)]."""
    planes = (indices.reshape(-1, 1) >> np.arange(bits, dtype=np.uint8)) & 1
    return np.packbits(planes.astype(np.uint8), bitorder="little")


def _distinct(half: Array) -> tuple[Array, Array]:
    """The values that occur, ascending in float64, and how often each does: float16 has 2¹⁶ patterns to count."""
    occurrences = np.bincount(half.reshape(-1).view(np.uint16), minlength=1 << 16)
    patterns = np.flatnonzero(occurrences)
    distinct = patterns.astype(np.uint16).view(np.float16).astype(np.float64)
    order = np.argsort(distinct, kind="stable")
    return distinct[order], occurrences[patterns][order].astype(np.float64)


def _companded(distinct: Array, counts: Array, size: int) -> Array:
    """The first table: quantiles of the cube root of the density."""
    density, edges = np.histogram(distinct, bins=_BINS, weights=counts)
    mass = np.concatenate([[0.0], np.cumsum(np.cbrt(density))])
    return np.asarray(np.interp((np.arange(size) + 0.5) / size * mass[-1], mass, edges))


def _settled(distinct: Array, counts: Array, table: Array) -> Array:
    """Move every entry to the mean of the values nearest to it, until none moves; one that nothing is near stays."""
    many = np.concatenate([[0.0], np.cumsum(counts)])
    total = np.concatenate([[0.0], np.cumsum(counts * distinct)])
    for _ in range(_ROUNDS):
        inner = np.searchsorted(distinct, (table[1:] + table[:-1]) / 2)
        bounds = np.concatenate([[0], inner, [len(distinct)]])
        weight = np.diff(many[bounds])
        moved = np.where(weight > 0, np.diff(total[bounds]) / np.maximum(weight, 1), table)
        if np.array_equal(moved, table):
            break
        table = moved
    return table
