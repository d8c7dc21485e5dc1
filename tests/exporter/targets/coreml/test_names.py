"""Names go into a program and come back; so do shapes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.targets.coreml.names import canonical_name, canonical_tensors, mil_name

WORDS = st.from_regex(r"[a-z0-9]+(_[a-z0-9]+)*", fullmatch=True)


@given(st.lists(WORDS, min_size=1, max_size=5))
def test_a_name_can_be_read_back(words):
    name = ".".join(words)
    assert canonical_name(mil_name(name)) == name
    assert "." not in mil_name(name)


def test_outputs_keep_their_names():
    assert canonical_name("start_logits", ("start_logits", "end_logits")) == "start_logits"


def test_channels_become_tokens():
    x = np.arange(6, dtype=np.float16).reshape(1, 3, 1, 2)
    found = canonical_tensors({"layer_0_output": x}, ())["layer.0.output"]
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, [[[0, 2, 4], [1, 3, 5]]])


@pytest.mark.parametrize("shape", [(1, 5), (1, 4, 5), (1, 2, 4, 4)])
def test_other_shapes_stay(shape):
    x = np.ones(shape, np.int32)
    assert canonical_tensors({"x": x}, ())["x"] is x


def test_the_first_token_loses_its_axes():
    assert canonical_tensors({"pooler": np.ones((1, 7, 1, 1), np.float32)}, ())["pooler"].shape == (1, 7)


def test_heads_are_stacked_in_their_order():
    heads = {f"a_scores_head{n}": np.full((1, 3, 1, 2), n, np.float32) for n in (1, 0, 10, 2)}
    found = canonical_tensors(heads, ())
    assert list(found) == ["a.scores"]
    assert found["a.scores"].shape == (1, 4, 2, 3)  # [B, A, Q, K]
    np.testing.assert_array_equal(found["a.scores"][0, :, 0, 0], [0, 1, 2, 10])
