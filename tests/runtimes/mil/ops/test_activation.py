import math

import numpy as np
import pytest
import torch
from coremltools.converters.mil import Builder as mb

from runtimes.mil.numerics import exact, to_half
from runtimes.mil.ops.activation import ACTIVATIONS, COMPOSITE_ACTIVATIONS, erf, gelu

X = np.linspace(-6, 6, 240, dtype=np.float32).reshape(3, -1)
HALF, TENTH = np.float32(0.5), np.float32(0.1)
functional = torch.nn.functional

CASES = {
    "clamped_relu": ({"alpha": TENTH, "beta": HALF}, lambda x: functional.leaky_relu(x, 0.1).clamp(max=0.5)),
    "elu": ({"alpha": HALF}, lambda x: functional.elu(x, 0.5)),
    "erf": ({}, torch.erf),
    "gelu": ({"mode": "EXACT"}, functional.gelu),
    "leaky_relu": ({"alpha": TENTH}, lambda x: functional.leaky_relu(x, 0.1)),
    "linear_activation": ({"alpha": HALF, "beta": TENTH}, lambda x: 0.5 * x + 0.1),
    "relu": ({}, torch.relu),
    "relu6": ({}, functional.relu6),
    "scaled_tanh": ({"alpha": HALF, "beta": TENTH}, lambda x: 0.5 * torch.tanh(0.1 * x)),
    "sigmoid": ({}, torch.sigmoid),
    "sigmoid_hard": ({"alpha": TENTH, "beta": HALF}, lambda x: (0.1 * x + 0.5).clamp(0, 1)),
    "silu": ({}, functional.silu),
    "softplus": ({}, functional.softplus),
    "softsign": ({}, functional.softsign),
}


def test_every_operation_of_the_tables_is_checked():
    assert ACTIVATIONS.keys() | COMPOSITE_ACTIVATIONS.keys() == CASES.keys()


@pytest.fixture(scope="module")
def results(evaluate):
    """All activations of X, in one program."""
    names = sorted(CASES)
    return dict(
        zip(names, evaluate(lambda x: tuple(getattr(mb, n)(x=x, **CASES[n][0]) for n in names), x=X), strict=True)
    )


@pytest.mark.parametrize("name", sorted(CASES))
def test_activation_equals_torch(results, name):
    expected = CASES[name][1](torch.from_numpy(X)).numpy()
    np.testing.assert_allclose(results[name], expected, rtol=0, atol=1e-6)  # 1 + erf(x) cancels for x < 0


@pytest.mark.parametrize(
    ("mode", "reference"),
    [
        ("TANH_APPROXIMATION", lambda x: functional.gelu(x, approximate="tanh")),
        ("SIGMOID_APPROXIMATION", lambda x: x * torch.sigmoid(1.702 * x)),
    ],
)
def test_approximate_gelu_equals_its_formula(evaluate, mode, reference):
    (result,) = evaluate(lambda x: mb.gelu(x=x, mode=mode), x=X)
    np.testing.assert_allclose(result, reference(torch.from_numpy(X)).numpy(), rtol=0, atol=1e-6)


def test_the_three_gelus_differ():
    modes = ("EXACT", "TANH_APPROXIMATION", "SIGMOID_APPROXIMATION")
    exact_gelu, by_tanh, by_sigmoid = (gelu(exact, X, mode) for mode in modes)
    assert np.abs(exact_gelu - by_tanh).max() > 1e-4
    assert np.abs(exact_gelu - by_sigmoid).max() > 1e-2


def test_unknown_gelu_is_refused():
    with pytest.raises(ValueError, match="gelu mode OTHER"):
        gelu(exact, X, "OTHER")


def test_erf_is_within_a_ten_millionth_of_the_truth():
    x = np.concatenate([np.linspace(-7, 7, 200_001), np.geomspace(1e-30, 1e-2, 1_001)]).astype(np.float32)
    truth = np.array([math.erf(value) for value in x.tolist()])
    result = erf(x)
    assert result.dtype == np.float32
    assert np.abs(result - truth).max() <= 1e-7


def test_erf_is_odd_and_keeps_what_is_not_a_number():
    assert np.array_equal(erf(-X), -erf(X))
    assert np.isnan(erf(np.array([np.nan], np.float32)))[0]
    np.testing.assert_allclose(erf(np.array([np.inf, -np.inf], np.float32)), [1, -1], atol=1e-7)


def test_gelu_rounds_its_inner_steps_in_strict():
    strict = gelu(to_half, X)
    assert 0 < np.abs(strict - gelu(exact, X)).max() < 1e-2
