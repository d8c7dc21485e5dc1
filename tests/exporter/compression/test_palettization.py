"""Palettes: the nearest entry for each value, entries that are means, and the bits as Core ML packs them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from exporter.compression.palettization import pack, palettize

VALUES = hnp.arrays(np.float32, st.integers(1, 200), elements=st.floats(-100, 100, width=16))


@given(VALUES, st.sampled_from([4, 6]))
@settings(max_examples=50, deadline=None)
def test_every_value_takes_its_nearest_entry(values, bits):
    indices, table = palettize(values, bits)
    assert table.shape == (2**bits,)
    assert indices.dtype == np.uint8
    nearest = np.abs(values[:, None] - table.astype(np.float32)).min(1)
    np.testing.assert_array_equal(np.abs(values - table[indices].astype(np.float32)), nearest)


def test_few_values_are_kept_exactly():
    values = np.repeat(np.array([-3.0, 0.0, 0.5, 7.0], np.float32), 5)
    indices, table = palettize(values, 4)
    np.testing.assert_array_equal(table[indices], values)


@pytest.mark.parametrize(("bits", "decibels"), [(4, 20.2), (6, 31.8)])
def test_a_normal_distribution_loses_what_the_best_quantiser_does(bits, decibels):
    """Max (1960), table 1: distortion 0.009497 of 16 levels; 31.89 dB for 64 (Jayant & Noll 1984, table 4.2)."""
    values = np.random.default_rng(0).normal(size=200_000).astype(np.float32)
    indices, table = palettize(values, bits)
    error = np.square(table[indices].astype(np.float32) - values).mean()
    assert 10 * np.log10(values.var() / error) > decibels


def test_a_worse_table_is_seen():
    """The bound above is one that evenly spaced entries miss."""
    values = np.random.default_rng(0).normal(size=200_000).astype(np.float32)
    table = np.linspace(values.min(), values.max(), 16)
    nearest = table[np.abs(values[:, None] - table).argmin(1)]
    assert 10 * np.log10(values.var() / np.square(nearest - values).mean()) < 20.2


@given(st.lists(st.integers(0, 63), min_size=1, max_size=40))
def test_packed_bits_can_be_read_back(indices):
    packed = pack(np.array(indices, np.uint8), 6)
    assert len(packed) == -(-len(indices) * 6 // 8)
    number = int.from_bytes(packed.tobytes(), "little")
    assert [number >> 6 * position & 63 for position in range(len(indices))] == indices


def test_the_same_each_time():
    values = np.random.default_rng(1).normal(size=(50, 40)).astype(np.float32)
    first, second = palettize(values, 6), palettize(values.copy(), 6)
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
