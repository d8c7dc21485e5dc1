import numpy as np
import pytest
import torch
from coremltools.converters.mil import Builder as mb

from runtimes.mil.numerics import exact, to_half
from runtimes.mil.ops.linear import einsum, linear, matmul, product

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(2, 5, 48)).astype(np.float32)
WEIGHT = RANDOM.normal(size=(7, 48)).astype(np.float32)
BIAS = RANDOM.normal(size=7).astype(np.float32)


@pytest.mark.parametrize("bias", [None, BIAS], ids=["without bias", "with bias"])
def test_linear_equals_torch(evaluate, bias):
    (result,) = evaluate(lambda x: mb.linear(x=x, weight=WEIGHT, bias=bias), x=X)
    tensors = [None if value is None else torch.from_numpy(value) for value in (X, WEIGHT, bias)]
    np.testing.assert_allclose(result, torch.nn.functional.linear(*tensors).numpy(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("transpose_x", "transpose_y"), [(False, False), (True, False), (False, True), (True, True)])
def test_matmul_transposes_and_broadcasts(evaluate, transpose_x, transpose_y):
    x = RANDOM.normal(size=(3, 1, 4, 6)).astype(np.float32)
    y = RANDOM.normal(size=(2, 6, 5)).astype(np.float32)
    fed_x = np.swapaxes(x, -1, -2).copy() if transpose_x else x
    fed_y = np.swapaxes(y, -1, -2).copy() if transpose_y else y
    (result,) = evaluate(
        lambda x, y: mb.matmul(x=x, y=y, transpose_x=transpose_x, transpose_y=transpose_y), x=fed_x, y=fed_y
    )
    np.testing.assert_allclose(result, np.matmul(x, y), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shapes", [((4,), (4,)), ((4,), (2, 4, 3)), ((2, 3, 4), (4,))])
def test_vectors_multiply_as_in_numpy(shapes):
    x, y = (RANDOM.normal(size=shape).astype(np.float32) for shape in shapes)
    np.testing.assert_allclose(matmul(exact, x, y), x @ y, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("equation", "shapes"),
    [
        ("bkhc,bchq->bkhq", ((2, 5, 3, 4), (2, 4, 3, 6))),
        ("nchw,nwhu->nchu", ((1, 5, 3, 4), (2, 4, 1, 6))),
        ("chw,whr->chr", ((5, 3, 4), (4, 3, 6))),
    ],
)
def test_einsum_of_a_program_equals_numpys(evaluate, equation, shapes):
    x, y = (RANDOM.normal(size=shape).astype(np.float32) for shape in shapes)
    (result,) = evaluate(lambda x, y: mb.einsum(values=[x, y], equation=equation), x=x, y=y)
    np.testing.assert_allclose(result, np.einsum(equation, x, y), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("equation", ["bij,bjk->bik", "bij,bkj->bki", "bij,bjk->b"])
def test_any_other_equation_is_numpys(equation):
    x, y = (RANDOM.normal(size=(2, 3, 3)).astype(np.float32) for _ in range(2))
    np.testing.assert_allclose(
        einsum(exact, [x, y], np.array(equation)), np.einsum(equation, x, y), rtol=1e-5, atol=1e-6
    )


def test_strict_rounds_the_running_total():
    left, right = X[0], WEIGHT.T
    strict, truth = product(to_half, left, right), left.astype(np.float64) @ right
    assert np.array_equal(strict, to_half(strict))
    assert 0 < np.abs(strict - truth).max() < 0.05
    assert np.abs(product(exact, left, right) - truth).max() < 1e-4


def test_strict_rounds_before_the_bias_is_added():
    small, large = np.full((1, 1), 2049, np.float32), np.ones((1, 1), np.float32)  # 2049 is no float16
    assert linear(to_half, small, large, np.float32([-1]))[0, 0] == 2047
