"""The first tensor that departs is found, whatever layout the other side keeps it in."""

import numpy as np

from runtimes.parity.first_departure import depart


def tensors():
    random = np.random.default_rng(0)
    return {name: random.normal(size=(2, 3, 4)).astype(np.float32) for name in ("a", "b", "c")}


def test_equal_sides_have_no_departure():
    rows = depart(tensors(), tensors(), 1e-6)
    assert [row.name for row in rows] == ["a", "b", "c"]
    assert not any(row.beyond for row in rows)


def test_the_first_departure_is_marked():
    other = tensors()
    other["b"][1, 2, 3] += 1
    assert [row.beyond for row in depart(tensors(), other, 1e-3)] == [False, True, False]


def test_flat_tokens_and_first_tokens_are_aligned():
    left = tensors()
    right = {"a": left["a"].reshape(6, 4), "b": left["b"][:, 0], "d": left["c"]}
    rows = depart(left, right, 1e-9)
    assert [(row.name, row.relative) for row in rows] == [("a", 0.0), ("b", 0.0)]


def test_nan_is_beyond_any_share():
    other = tensors()
    other["c"][0] = np.nan
    assert depart(tensors(), other, 1e9)[-1].beyond


def test_masks_of_different_depth_are_equal_but_a_missing_one_is_not():
    left = {"scores": np.array([[1.0, 2.0, -1e9]], np.float32)}
    assert not depart(left, {"scores": np.array([[1.0, 2.0, -4e4]], np.float32)}, 1e-6)[0].beyond
    assert depart(left, {"scores": np.array([[1.0, 2.0, 3.0]], np.float32)}, 1e6)[0].beyond
    assert depart(left, {"scores": np.array([[1.5, 2.0, -4e4]], np.float32)}, 1e-3)[0].beyond
