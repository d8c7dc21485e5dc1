"""Every fold changes no output."""

import numpy as np
import pytest

from exporter.model import folding

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
    """Multi-head attention by the codebook, [S, H] → [S, H]."""
    size = HIDDEN // heads
    q, k, v = (x @ layer[f"w{n}"].T + layer[f"b{n}"] for n in "qkv")
    split = [slice(h * size, (h + 1) * size) for h in range(heads)]
    context = [softmax(q[:, s] @ k[:, s].T / np.sqrt(size)) @ v[:, s] for s in split]
    return np.concatenate(context, -1) @ layer["wo"].T + layer["bo"]


def test_scaling_the_query_and_dropping_the_key_bias_and_moving_the_value_bias(x, layer, heads):
    weight, bias = folding.scale_query(layer["wq"], layer["bq"], heads)
    output_bias = folding.value_bias_through_output(layer["bv"], layer["wo"], layer["bo"])
    size = np.sqrt(HIDDEN // heads)
    folded = layer | {"wq": weight * size, "bq": bias * size, "bk": 0, "bv": 0, "bo": output_bias}
    np.testing.assert_allclose(attend(x, folded, heads), attend(x, layer, heads), atol=1e-10)


def first_token(x, layer, heads, premultiplied):
    weight, bias = folding.scale_query(layer["wq"], layer["bq"], heads)
    if premultiplied:
        product, product_bias = folding.premultiply_query_key(weight, bias, layer["wk"], heads)
        t = (product @ x[0] + product_bias).reshape(heads, HIDDEN)
    else:
        q = (weight @ x[0] + bias).reshape(heads, -1)
        t = np.einsum("ahd,ad->ah", folding.key_per_head(layer["wk"], heads), q)
    seen = softmax(t @ x.T) @ x  # [A, H]
    if premultiplied:
        out = folding.premultiply_value_output(layer["wv"], layer["wo"], heads) @ seen.reshape(-1)
    else:
        out = layer["wo"] @ np.einsum("adh,ah->ad", folding.value_per_head(layer["wv"], heads), seen).reshape(-1)
    return out + folding.value_bias_through_output(layer["bv"], layer["wo"], layer["bo"])


@pytest.mark.parametrize("premultiplied", [True, False])
def test_the_first_token_alone_equals_the_first_row_of_all(x, layer, heads, premultiplied):
    np.testing.assert_allclose(first_token(x, layer, heads, premultiplied), attend(x, layer, heads)[0], atol=1e-10)


def test_the_first_token_differs_when_a_weight_does(x, layer, heads):
    changed = layer | {"wk": layer["wk"] + 0.1}
    assert np.abs(first_token(x, changed, heads, True) - attend(x, layer, heads)[0]).max() > 1e-3


def test_the_first_type_folds_into_positions():
    random = np.random.default_rng(2)
    positions, types = random.normal(size=(5, 4)), random.normal(size=(2, 4))
    moved, rest = folding.first_type_into_positions(positions, types)
    for kind in (0, 1):
        np.testing.assert_allclose(moved + rest[kind], positions + types[kind], atol=1e-12)
    assert not rest[0].any()


def test_the_types_other_rows_keep_their_differences():
    positions, types = np.array([[1.0, 2]]), np.array([[10.0, 20], [11, 22], [9, 30]])
    moved, rest = folding.first_type_into_positions(positions, types)
    assert moved.tolist() == [[11, 22]]
    assert rest.tolist() == [[0, 0], [1, 2], [-1, 10]]


def test_nonorm_folds_into_the_linear_before_it():
    random = np.random.default_rng(3)
    weight, x = random.normal(size=(3, 5)), random.normal(size=5)
    bias, gain, shift = random.normal(size=(3, 3))
    folded, folded_bias = folding.no_norm_into_linear(weight, bias, gain, shift)
    np.testing.assert_allclose(folded @ x + folded_bias, gain * (weight @ x + bias) + shift, atol=1e-12)


def test_two_linears_are_one():
    random = np.random.default_rng(4)
    weight, inner, x = random.normal(size=(3, 4)), random.normal(size=(4, 5)), random.normal(size=5)
    bias, inner_bias = random.normal(size=3), random.normal(size=4)
    both, both_bias = folding.chain(weight, bias, inner, inner_bias)
    assert both.shape == (3, 5)
    np.testing.assert_allclose(both @ x + both_bias, weight @ (inner @ x + inner_bias) + bias, atol=1e-12)


def test_heads_narrower_than_their_share_of_the_width_are_split_alike():
    """A bottleneck: three heads of 2 read and give a width of 5."""
    random = np.random.default_rng(5)
    query, key, value = random.normal(size=(3, 6, 5))
    output, bias = random.normal(size=(5, 6)), random.normal(size=6)
    products, product_bias = folding.premultiply_query_key(query, bias, key, 3)
    joined = folding.premultiply_value_output(value, output, 3)
    keys, values = folding.key_per_head(key, 3), folding.value_per_head(value, 3)
    assert (products.shape, product_bias.shape, joined.shape) == ((15, 5), (15,), (5, 15))
    assert (keys.shape, values.shape) == ((3, 5, 2), (3, 2, 5))
    for head in range(3):
        own, wide = slice(2 * head, 2 * head + 2), slice(5 * head, 5 * head + 5)
        np.testing.assert_allclose(products[wide], key[own].T @ query[own], atol=1e-12)
        np.testing.assert_allclose(product_bias[wide], key[own].T @ bias[own], atol=1e-12)
        np.testing.assert_allclose(joined[:, wide], output[:, own] @ value[own], atol=1e-12)
        np.testing.assert_array_equal(keys[head], key[own].T)
        np.testing.assert_array_equal(values[head], value[own])


def test_the_query_is_scaled_by_the_root_of_its_heads_width():
    weight, bias = folding.scale_query(np.ones((12, 5)), np.full(12, 3.0), 3)
    np.testing.assert_array_equal(weight, np.full((12, 5), 0.5))
    np.testing.assert_array_equal(bias, np.full(12, 1.5))


def test_the_value_bias_comes_out_through_the_output():
    found = folding.value_bias_through_output(np.array([1.0, 2]), np.array([[3.0, 4], [5, 6]]), np.array([10.0, 20]))
    assert found.tolist() == [21, 37]
