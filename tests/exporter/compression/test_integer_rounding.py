"""Integers and scales give back the values they came from, within half a step; and never saturate x86."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from exporter.compression import integer_rounding

weights = arrays(
    np.float32, array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=9), elements=st.floats(-4, 4, width=32)
)
tables = arrays(
    np.float32, st.tuples(st.integers(1, 5), st.sampled_from([8, 32, 48, 64])), elements=st.floats(-4, 4, width=32)
)


@given(weights)
def test_int8_is_within_half_a_step(values):
    q, scale = integer_rounding.int8(values)
    assert q.dtype == np.int8
    assert q.min(initial=0) >= -127
    np.testing.assert_allclose(q * scale, values, atol=float(scale.max()) * 0.5001 + 1e-35)


@given(weights)
def test_int8_without_saturation_is_within_half_a_step_and_its_pairs_fit(values):
    q, scale = integer_rounding.int8_without_saturation(values)
    np.testing.assert_allclose(q * scale, values, atol=float(scale.max()) * 0.5001 + 1e-35)
    assert integer_rounding.largest_pair(q) <= 128


def test_full_range_int8_would_saturate():
    values = np.ones((1, 2), np.float32)
    assert integer_rounding.largest_pair(integer_rounding.int8(values)[0]) == 254


def test_real_looking_weights_keep_more_than_seven_bits():
    values = np.random.default_rng(0).normal(size=(128, 128)).astype(np.float32)
    q, _ = integer_rounding.int8_without_saturation(values)
    assert np.abs(q.astype(int)).max(-1).mean() > 80  # 7-bit weights reach 63


@given(tables)
def test_int4_is_within_a_step_of_its_block(values):
    q, scale = integer_rounding.int4_blocks(values)
    assert q.max() <= 15
    blocks = scale.shape[1]
    back = (q.reshape(len(q), blocks, -1).astype(np.float32) - 8) * scale[..., None].astype(np.float32)
    extreme = np.abs(values.reshape(len(q), blocks, -1)).max(-1, keepdims=True)
    error = np.abs(back.reshape(values.shape) - values)
    assert (error.reshape(len(q), blocks, -1) <= 0.34 * extreme + 1e-6).all()  # a clipped extreme loses 30 % at most


def test_int4_takes_the_best_of_its_candidates():
    values = np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32)
    q, scale = integer_rounding.int4_blocks(values)
    back = (q.reshape(64, 2, 32).astype(np.float32) - 8) * scale[..., None].astype(np.float32)
    parts = values.reshape(64, 2, 32)
    plain = np.abs(parts).max(-1, keepdims=True) / 7
    rounded = np.clip(np.rint(parts / plain), -7, 7) * plain
    assert np.square(back - parts).mean() < 0.9 * np.square(rounded - parts).mean()


@pytest.mark.parametrize("hidden", [24, 64, 312])
def test_blocks_divide_the_row(hidden):
    _, scale = integer_rounding.int4_blocks(np.ones((2, hidden), np.float32))
    assert hidden % scale.shape[1] == 0


@given(arrays(np.uint8, (3, 8), elements=st.integers(0, 15)))
def test_nibbles_unpack_to_what_was_packed(q):
    packed = integer_rounding.pack_nibbles(q)
    np.testing.assert_array_equal(np.concatenate([packed & 15, packed >> 4], -1), q)


def test_a_row_of_almost_zeros_does_not_break_the_pairs():
    values = np.full((1, 2), 9.16e-43, np.float32)  # its scale would be subnormal, and the quotient off by a third
    assert integer_rounding.largest_pair(integer_rounding.int8_without_saturation(values)[0]) == 0


def test_zero_rows_stay_zero():
    for function in (integer_rounding.int8, integer_rounding.int8_without_saturation):
        q, scale = function(np.zeros((2, 4), np.float32))
        assert not (q * scale).any()
        assert np.isfinite(scale).all()


def test_int8_by_hand():
    values = np.array([[[127, -63.5, 1.4], [0.5, 0.25, -1]], [[0, 0, 0], [-254, 3, 253]]], np.float32)
    q, scale = integer_rounding.int8(values)
    assert q.tolist() == [[[127, -64, 1], [64, 32, -127]], [[0, 0, 0], [-127, 2, 126]]]
    np.testing.assert_allclose(scale[..., 0], [[1, 1 / 127], [1, 2]], rtol=1e-6)
    assert (scale.dtype, scale.shape) == (np.float32, (2, 2, 1))


def test_a_scale_is_what_is_stored_of_it():
    """In float16 a scale of 1/3 is another: what is rounded by is what a reader multiplies by."""
    values = np.array([[127 / 3, 21.165]], np.float32)
    q, scale = integer_rounding.int8(values, np.float16)
    assert (scale.dtype, float(scale[0, 0])) == (np.float16, float(np.float16(1 / 3)))
    assert q.tolist() == [[127, round(21.165 / float(np.float16(1 / 3)))]]
    assert integer_rounding.int8(values * 127, np.float16)[0].max() == 127


def test_a_scale_too_small_to_store_counts_as_zeros():
    tiny = np.finfo(np.float32).tiny
    q, scale = integer_rounding.int8(np.array([[tiny * 127, 0], [tiny * 64, 0]], np.float32))
    assert q.tolist() == [[127, 0], [0, 0]]
    assert scale[1, 0] == 1
    q, scale = integer_rounding.int8(np.array([[1e-7, 0]], np.float32), np.float16)  # float16 ends at 6e-8
    assert (q.tolist(), scale.tolist()) == ([[0, 0]], [[1]])


def test_a_scale_rounded_down_by_half_does_not_wrap_round():
    """Near its end float16 has a third of a step or more to lose: 189 steps are cut to 127."""
    values = np.array([[1, -1]], np.float32) * np.float32(127 * 8.9e-8)
    q, scale = integer_rounding.int8(values, np.float16)
    assert scale.tolist() == [[2.0**-24]]
    assert q.tolist() == [[127, -127]]


def test_pairs_of_one_sign_set_the_scale_and_others_do_not():
    values = np.array([[100, 54, -10, 20], [-100, -27, 0, 0], [100, -100, 5, 5], [1, 2, 3, 127]], np.float32)
    q, scale = integer_rounding.int8_without_saturation(values)
    np.testing.assert_allclose(scale[:, 0] * 127, [154, 127, 100, 130], rtol=1e-6)
    assert q.tolist() == [[82, 45, -8, 16], [-100, -27, 0, 0], [127, -127, 6, 6], [1, 2, 3, 124]]
    assert integer_rounding.largest_pair(q) == 127
    apart = np.array([[0.5, -0.25], [-1e-3, 1e-3]], np.float32)  # of two signs: each is safe alone
    np.testing.assert_array_equal(integer_rounding.int8_without_saturation(apart)[0], integer_rounding.int8(apart)[0])


def test_the_last_of_an_odd_row_stands_alone():
    q, scale = integer_rounding.int8_without_saturation(np.array([[127, 127, 5], [10, 20, 127]], np.float32))
    assert q.tolist() == [[64, 64, 2], [10, 20, 127]]
    assert scale.tolist() == [[2], [1]]
    assert integer_rounding.largest_pair(np.array([[1, 2, -9]], np.int8)) == 9
    assert integer_rounding.largest_pair(np.array([[100, 100], [3, -4]], np.int8)) == 200  # int8 itself would wrap
    assert integer_rounding.largest_pair(np.zeros((0, 4), np.int8)) == 0


def test_nibbles_by_hand():
    packed = integer_rounding.pack_nibbles(np.array([[1, 2, 3, 15, 0, 9]], np.uint8))
    assert packed.tolist() == [[0xF1, 0x02, 0x93]]
    assert packed.dtype == np.uint8
    assert integer_rounding.pack_nibbles(np.array([[1, 2]], np.int64)).dtype == np.uint8


def test_int4_by_hand():
    """A block that eighths of its extreme spell exactly: the extreme is −8, and nothing is clipped."""
    row = np.arange(-8, 8, dtype=np.float32)
    q, scale = integer_rounding.int4_blocks(np.stack([row, -2 * row]), 16)
    assert q.tolist() == [list(range(16))] * 2
    assert scale.tolist() == [[1], [-2]]
    assert (q.dtype, scale.dtype) == (np.uint8, np.float16)


def test_of_two_int4_scales_as_good_the_first_is_taken():
    """Either number can be met, the other is then off by as much: the scale that is tried first has it."""
    q, scale = integer_rounding.int4_blocks(np.array([[-8, -7.6015625]], np.float32), 2)
    assert scale.tolist() == [[0.9501953125]]
    assert q.tolist() == [[0, 0]]


def test_int4_blocks_of_zeros_are_zeros():
    q, scale = integer_rounding.int4_blocks(np.zeros((1, 64), np.float32))
    assert q.tolist() == [[8] * 64]
    assert scale.tolist() == [[1, 1]]


def test_int4_has_a_scale_for_each_block():
    row = np.concatenate([np.arange(-8, 8), np.arange(-8, 8) * 16]).astype(np.float32)
    q, scale = integer_rounding.int4_blocks(np.stack([row, row[::-1]]), 16)
    assert scale.tolist() == [[1, 16], [16, 1]]
    assert q.tolist() == [[*range(16)] * 2, [*range(15, -1, -1)] * 2]
    assert integer_rounding.int4_blocks(np.ones((1, 64), np.float32))[1].shape == (
        1,
        2,
    )  # blocks of 32 where nothing is said


def test_int4_with_positive_scales_alone():
    row = np.arange(-7, 9, dtype=np.float32)  # the extreme is +8: its block would have a negative scale
    assert (integer_rounding.int4_blocks(row[None], 16)[1] < 0).all()
    q, scale = integer_rounding.int4_blocks(row[None], 16, positive_scales=True)
    assert (scale > 0).all()
    error = np.abs((q.astype(np.float32) - 8) * scale.astype(np.float32) - row)
    assert error.max() <= 1.01
    seven = np.arange(-7, 8, dtype=np.float32)[None, :14]  # the extreme as 7: the widest candidate, 8/7
    q, scale = integer_rounding.int4_blocks(-seven, 14, positive_scales=True)
    assert scale.tolist() == [[1]]
    np.testing.assert_array_equal((q.astype(np.float32) - 8), -seven)


def test_int4_takes_the_least_squared_error_of_its_block():
    """By the definition: every candidate tried, the first of the best taken."""
    values = np.random.default_rng(1).standard_t(3, size=(16, 24)).astype(np.float32)
    for positive, ratios in ((False, np.linspace(0.7, 1.0, 7)), (True, np.linspace(0.7, 8 / 7, 10))):
        q, scale = integer_rounding.int4_blocks(values, 8, positive)
        back = (q.reshape(16, 3, 8) - 8.0) * scale[..., None].astype(np.float64)
        for block, found in zip(values.reshape(-1, 8), back.reshape(-1, 8), strict=True):
            extreme = block[np.abs(block).argmax()]
            extreme = -abs(extreme) if positive else extreme
            scales = [np.float32(np.float16(extreme * ratio / -8)) for ratio in ratios]
            tried = [np.clip(np.rint(block / one), -8, 7) * one for one in scales]
            best = min(float(np.square(one - block).sum()) for one in tried)
            assert float(np.square(found - block).sum()) == pytest.approx(best, rel=1e-4)


@given(weights)
def test_int4_by_row_is_within_half_a_step_of_what_it_clips(values):
    q, half = integer_rounding.int4_rows(values)
    assert (q.dtype, half.dtype, half.shape) == (np.int8, np.float16, (*values.shape[:-1], 1))
    assert -8 <= q.min() <= q.max() <= 7
    scale = half.astype(np.float32)
    clipped = np.clip(values, -8 * scale, 7 * scale)
    assert (np.abs(q * scale - clipped) <= 0.505 * scale).all()


def test_int4_by_row_takes_the_scale_that_costs_least():
    values = np.random.default_rng(0).normal(size=(64, 256)).astype(np.float32)
    q, half = integer_rounding.int4_rows(values)
    own = np.square(q * half.astype(np.float32) - values).sum(-1)
    for steps in (7, 8, 10, 12):
        scale = np.abs(values).max(-1, keepdims=True) / steps
        assert (own <= 1.001 * np.square(np.clip(np.rint(values / scale), -8, 7) * scale - values).sum(-1)).all()
    assert own.sum() < 0.8 * np.square(np.rint(values / np.abs(values).max() * 7) - values).sum()


@pytest.mark.parametrize("gain", [0.31, 1.7])
def test_a_row_times_a_gain_is_the_same_int4(gain):
    """What fine-tuning trains of a linear layer must change no integer of it."""
    values = np.random.default_rng(1).normal(size=(64, 128)).astype(np.float32)
    (before, scale), (after, scaled) = (integer_rounding.int4_rows(rows) for rows in (values, values * gain))
    np.testing.assert_array_equal(before, after)
    np.testing.assert_allclose(scaled.astype(float), scale.astype(float) * gain, rtol=1e-3)


def test_rows_of_next_to_nothing_become_zeros_or_keep_their_scale():
    rows = np.array([[0, 0], [1e-9, -1e-9], [3e-4, -2e-4], [1, -1]], np.float32)
    q, scale = integer_rounding.int4_rows(rows)
    assert (scale > 0).all()
    assert (np.abs(q * scale.astype(np.float32) - rows) <= 0.04 * np.abs(rows).max(-1, keepdims=True) + 1e-8).all()


@given(arrays(np.int8, st.tuples(st.integers(1, 5), st.sampled_from([2, 6])), elements=st.integers(-8, 7)))
def test_pairs_come_back(q):
    packed = integer_rounding.pack_pairs(q)
    assert (packed.dtype, packed.shape) == (np.uint8, (q.size // 2,))
    np.testing.assert_array_equal(integer_rounding.unpack_pairs(packed, q.shape), q)
