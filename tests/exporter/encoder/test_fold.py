"""Every fold changes no output."""

import numpy as np
import pytest

from exporter.encoder import fold

HIDDEN = 24


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


@pytest.fixture(params=[1, 2, 4])
def heads(request):
    return request.param


@pytest.fixture
def layer():
    random = np.random.default_rng(0)
    names = ("wq", "wk", "wv", "wo")
    weights = {name: random.normal(scale=0.2, size=(HIDDEN, HIDDEN)) for name in names}
    return weights | {f"b{name[1]}": random.normal(size=HIDDEN) for name in names}


@pytest.fixture
def x():
    return np.random.default_rng(1).normal(size=(7, HIDDEN))


def attend(x, layer, heads):
    """Multi-head attention by the book, [S, H] → [S, H]."""
    size = HIDDEN // heads
    q, k, v = (x @ layer[f"w{n}"].T + layer[f"b{n}"] for n in "qkv")
    split = [slice(h * size, (h + 1) * size) for h in range(heads)]
    context = [softmax(q[:, s] @ k[:, s].T / np.sqrt(size)) @ v[:, s] for s in split]
    return np.concatenate(context, -1) @ layer["wo"].T + layer["bo"]


def test_scaling_the_query_and_dropping_the_key_bias_and_moving_the_value_bias(x, layer, heads):
    weight, bias = fold.scale_query(layer["wq"], layer["bq"], heads)
    output_bias = fold.value_bias_through_output(layer["bv"], layer["wo"], layer["bo"])
    size = np.sqrt(HIDDEN // heads)
    folded = layer | {"wq": weight * size, "bq": bias * size, "bk": 0, "bv": 0, "bo": output_bias}
    np.testing.assert_allclose(attend(x, folded, heads), attend(x, layer, heads), atol=1e-10)


def first_token(x, layer, heads, premultiplied):
    weight, bias = fold.scale_query(layer["wq"], layer["bq"], heads)
    if premultiplied:
        product, product_bias = fold.premultiply_query_key(weight, bias, layer["wk"], heads)
        t = (product @ x[0] + product_bias).reshape(heads, HIDDEN)
    else:
        q = (weight @ x[0] + bias).reshape(heads, -1)
        t = np.einsum("ahd,ad->ah", fold.key_per_head(layer["wk"], heads), q)
    seen = softmax(t @ x.T) @ x  # [A, H]
    if premultiplied:
        out = fold.premultiply_value_output(layer["wv"], layer["wo"], heads) @ seen.reshape(-1)
    else:
        out = layer["wo"] @ np.einsum("adh,ah->ad", fold.value_per_head(layer["wv"], heads), seen).reshape(-1)
    return out + fold.value_bias_through_output(layer["bv"], layer["wo"], layer["bo"])


@pytest.mark.parametrize("premultiplied", [True, False])
def test_the_first_token_alone_equals_the_first_row_of_all(x, layer, heads, premultiplied):
    np.testing.assert_allclose(first_token(x, layer, heads, premultiplied), attend(x, layer, heads)[0], atol=1e-10)


def test_the_first_token_differs_when_a_weight_does(x, layer, heads):
    changed = layer | {"wk": layer["wk"] + 0.1}
    assert np.abs(first_token(x, changed, heads, True) - attend(x, layer, heads)[0]).max() > 1e-3


def test_the_first_type_folds_into_positions():
    random = np.random.default_rng(2)
    positions, types = random.normal(size=(5, 4)), random.normal(size=(2, 4))
    moved, rest = fold.first_type_into_positions(positions, types)
    for kind in (0, 1):
        np.testing.assert_allclose(moved + rest[kind], positions + types[kind], atol=1e-12)
    assert not rest[0].any()
