"""Integers and scales give back the values they came from, within half a step; and never saturate x86."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from exporter import quantize

weights = arrays(
    np.float32, array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=9), elements=st.floats(-4, 4, width=32)
)
tables = arrays(
    np.float32, st.tuples(st.integers(1, 5), st.sampled_from([8, 32, 48, 64])), elements=st.floats(-4, 4, width=32)
)


@given(weights)
def test_int8_is_within_half_a_step(values):
    q, scale = quantize.int8(values)
    assert q.dtype == np.int8
    assert q.min(initial=0) >= -127
    np.testing.assert_allclose(q * scale, values, atol=float(scale.max()) * 0.5001 + 1e-35)


@given(weights)
def test_int8_without_saturation_is_within_half_a_step_and_its_pairs_fit(values):
    q, scale = quantize.int8_without_saturation(values)
    np.testing.assert_allclose(q * scale, values, atol=float(scale.max()) * 0.5001 + 1e-35)
    assert quantize.largest_pair(q) <= 128


def test_full_range_int8_would_saturate():
    values = np.ones((1, 2), np.float32)
    assert quantize.largest_pair(quantize.int8(values)[0]) == 254


def test_real_looking_weights_keep_more_than_seven_bits():
    values = np.random.default_rng(0).normal(size=(128, 128)).astype(np.float32)
    q, _ = quantize.int8_without_saturation(values)
    assert np.abs(q.astype(int)).max(-1).mean() > 80  # 7-bit weights reach 63


@given(tables)
def test_int4_is_within_a_step_of_its_block(values):
    q, scale = quantize.int4_blocks(values)
    assert q.max() <= 15
    blocks = scale.shape[1]
    back = (q.reshape(len(q), blocks, -1).astype(np.float32) - 8) * scale[..., None].astype(np.float32)
    extreme = np.abs(values.reshape(len(q), blocks, -1)).max(-1, keepdims=True)
    error = np.abs(back.reshape(values.shape) - values)
    assert (error.reshape(len(q), blocks, -1) <= 0.34 * extreme + 1e-6).all()  # a clipped extreme loses 30 % at most


def test_int4_takes_the_best_of_its_candidates():
    values = np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32)
    q, scale = quantize.int4_blocks(values)
    back = (q.reshape(64, 2, 32).astype(np.float32) - 8) * scale[..., None].astype(np.float32)
    parts = values.reshape(64, 2, 32)
    plain = np.abs(parts).max(-1, keepdims=True) / 7
    rounded = np.clip(np.rint(parts / plain), -7, 7) * plain
    assert np.square(back - parts).mean() < 0.9 * np.square(rounded - parts).mean()


@pytest.mark.parametrize("hidden", [24, 64, 312])
def test_blocks_divide_the_row(hidden):
    _, scale = quantize.int4_blocks(np.ones((2, hidden), np.float32))
    assert hidden % scale.shape[1] == 0


@given(arrays(np.uint8, (3, 8), elements=st.integers(0, 15)))
def test_nibbles_unpack_to_what_was_packed(q):
    packed = quantize.pack_nibbles(q)
    np.testing.assert_array_equal(np.concatenate([packed & 15, packed >> 4], -1), q)


def test_a_row_of_almost_zeros_does_not_break_the_pairs():
    values = np.full((1, 2), 9.16e-43, np.float32)  # its scale would be subnormal, and the quotient off by a third
    assert quantize.largest_pair(quantize.int8_without_saturation(values)[0]) == 0


def test_zero_rows_stay_zero():
    for function in (quantize.int8, quantize.int8_without_saturation):
        q, scale = function(np.zeros((2, 4), np.float32))
        assert not (q * scale).any()
        assert np.isfinite(scale).all()
