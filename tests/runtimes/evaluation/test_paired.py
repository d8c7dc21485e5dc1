"""Intervals hold the truth as often as they say, and are no points."""

import numpy as np
import pytest

from runtimes.evaluation.metrics import f1_value, mean_value
from runtimes.evaluation.paired import paired_interval


def column(values):
    return np.array(values, float)[:, None]


def test_bonett_and_prices_interval_by_hand():
    """9 lost and 2 gained of 50: (10 − 3) / 52 ± 1.96·√((13/52 − (7/52)²) / 52)."""
    left = column([1] * 9 + [0] * 2 + [1] * 39)
    right = column([0] * 9 + [1] * 2 + [1] * 39)
    interval = paired_interval(left, right, mean_value)
    assert (interval.low, interval.high) == pytest.approx((0.0037, 0.2655), abs=5e-4)
    assert "Bonett-Price" in interval.method


def test_no_difference_in_few_rows_is_no_certainty():
    interval = paired_interval(column([1] * 20), column([1] * 20), mean_value)
    assert interval.low < -0.05 < 0.05 < interval.high


def test_the_interval_narrows_with_rows():
    widths = []
    for rows in (100, 10_000):
        values = column([1] * rows)
        interval = paired_interval(values, values, mean_value)
        widths.append(interval.high - interval.low)
    assert widths[1] < widths[0] / 50


def test_right_and_wrong_rows_are_covered_as_often_as_it_says():
    random = np.random.default_rng(1)
    hits = 0
    for _ in range(400):
        left = random.random(300) < 0.9
        flipped = random.random(300) < 0.05
        right = left ^ flipped  # E[left − right] = 0.05 · (0.9 − 0.1) = 0.04
        interval = paired_interval(column(left), column(right), mean_value)
        hits += interval.low <= 0.04 <= interval.high
    assert 0.92 <= hits / 400 <= 0.99


def test_other_figures_are_resampled_and_repeat():
    random = np.random.default_rng(2)
    there = random.integers(1, 4, 500)
    left = np.stack([random.binomial(there, 0.8), there, there], -1).astype(float)
    right = np.stack([random.binomial(there, 0.7), there, there], -1).astype(float)
    interval = paired_interval(left, right, f1_value)
    assert interval.low < 0.1 < interval.high
    assert interval.low > 0
    assert interval == paired_interval(left, right, f1_value)
    assert "seed 0" in interval.method


def test_the_same_answers_differ_by_nothing():
    values = np.random.default_rng(3).random((50, 1))
    interval = paired_interval(values, values, mean_value)
    assert (interval.low, interval.high) == (0, 0)
