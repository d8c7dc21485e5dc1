import numpy as np
import pytest
import torch
from coremltools.converters.mil import Builder as mb

from runtimes.mil.numerics import exact, to_half
from runtimes.mil.ops.attention import scaled_dot_product_attention as attention

RANDOM = np.random.default_rng(0)
QUERY, KEY, VALUE = (
    RANDOM.normal(size=shape).astype(np.float32) for shape in ((2, 3, 4, 8), (2, 3, 5, 8), (2, 3, 5, 6))
)
FLAGS = np.array([1, 1, 0, 1, 0], np.int32).reshape(1, 1, 1, 5)
ADDED = ((FLAGS - 1) * 1e4).astype(np.float32)


def _reference(mask):
    tensors = (torch.from_numpy(x) for x in (QUERY, KEY, VALUE))
    masked = None if mask is None else torch.from_numpy(mask)
    return torch.nn.functional.scaled_dot_product_attention(*tensors, attn_mask=masked).numpy()


def _attend(query, key, value, mask=None, *, flags=False):
    mask = mb.cast(x=mask, dtype="bool") if flags else mask
    return mb.scaled_dot_product_attention(query=query, key=key, value=value, attn_mask=mask)


@pytest.mark.parametrize(
    ("feeds", "flags", "mask"),
    [({}, False, None), ({"mask": ADDED}, False, ADDED), ({"mask": FLAGS}, True, FLAGS.astype(bool))],
    ids=["no mask", "added mask", "bool mask"],
)
def test_attention_equals_torch(evaluate, feeds, flags, mask):
    (result,) = evaluate(
        lambda **inputs: _attend(**inputs, flags=flags), "iOS18", query=QUERY, key=KEY, value=VALUE, **feeds
    )
    np.testing.assert_allclose(result, _reference(mask), rtol=1e-5, atol=1e-6)


def test_a_masked_key_does_not_matter():
    other = KEY.copy()
    other[:, :, 2] = 9
    np.testing.assert_array_equal(
        attention(exact, QUERY, KEY, VALUE, ADDED), attention(exact, QUERY, other, VALUE, ADDED)
    )
    assert not np.array_equal(attention(exact, QUERY, KEY, VALUE), attention(exact, QUERY, other, VALUE))


def test_strict_is_close_but_not_equal():
    strict = attention(to_half, QUERY, KEY, VALUE, ADDED)
    assert 0 < np.abs(strict - attention(exact, QUERY, KEY, VALUE, ADDED)).max() < 0.01
