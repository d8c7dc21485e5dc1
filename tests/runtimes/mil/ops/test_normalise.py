import numpy as np
import pytest
import torch
from coremltools.converters.mil import Builder as mb

from runtimes.mil.numerics import exact, to_half
from runtimes.mil.ops.normalise import NORMALISATIONS, batch_norm, layer_norm, softmax

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(2, 3, size=(2, 6, 1, 5)).astype(np.float32)
GAMMA, BETA, MEAN = (RANDOM.normal(size=6).astype(np.float32) for _ in range(3))
VARIANCE = np.abs(RANDOM.normal(size=6)).astype(np.float32)
functional = torch.nn.functional


def tensors(*arrays):
    return [torch.from_numpy(array) for array in arrays]


def test_every_operation_of_the_table_is_known():
    assert set(NORMALISATIONS) == {"batch_norm", "instance_norm", "l2_norm", "layer_norm", "softmax"}


@pytest.mark.parametrize("axis", [1, -1])
def test_softmax_equals_torch(evaluate, axis):
    (result,) = evaluate(lambda x: mb.softmax(x=x, axis=axis), x=X)
    np.testing.assert_allclose(result, torch.softmax(torch.from_numpy(X), axis).numpy(), rtol=1e-6)


def test_softmax_of_huge_scores_does_not_overflow():
    np.testing.assert_array_equal(softmax(exact, np.array([1e38, 1e38, -1e38], np.float32)), [0.5, 0.5, 0])


@pytest.mark.parametrize("epsilon", [1e-12, 0.5])
def test_layer_norm_of_rows_equals_torch(evaluate, epsilon):
    x = np.ascontiguousarray(X[:, :, 0].swapaxes(1, 2))
    (result,) = evaluate(
        lambda x: mb.layer_norm(x=x, axes=[-1], gamma=GAMMA, beta=BETA, epsilon=np.float32(epsilon)), x=x
    )
    expected = functional.layer_norm(torch.from_numpy(x), (6,), *tensors(GAMMA, BETA), eps=epsilon)
    np.testing.assert_allclose(result, expected.numpy(), rtol=1e-5, atol=1e-6)


def test_layer_norm_over_channels_standardises_them(evaluate):
    (result,) = evaluate(lambda x: mb.layer_norm(x=x, axes=[1], epsilon=np.float32(1e-5)), x=X)
    rows = functional.layer_norm(torch.from_numpy(X).movedim(1, -1), (6,), eps=1e-5).movedim(-1, 1)
    np.testing.assert_allclose(result, rows.numpy(), rtol=1e-5, atol=1e-6)


def test_layer_norm_over_two_axes_equals_torch(evaluate):
    gamma, beta = (RANDOM.normal(size=(1, 5)).astype(np.float32) for _ in range(2))
    (result,) = evaluate(lambda x: mb.layer_norm(x=x, axes=[2, 3], gamma=gamma, beta=beta), x=X)
    expected = functional.layer_norm(torch.from_numpy(X), (1, 5), *tensors(gamma, beta)).numpy()
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-5)


def test_batch_norm_equals_torch(evaluate):
    parameters = {"mean": MEAN, "variance": VARIANCE, "gamma": GAMMA, "beta": BETA, "epsilon": np.float32(1e-3)}
    (result,) = evaluate(lambda x: mb.batch_norm(x=x, **parameters), x=X)
    expected = functional.batch_norm(*tensors(X, MEAN, VARIANCE, GAMMA, BETA), eps=1e-3)
    np.testing.assert_allclose(result, expected.numpy(), rtol=1e-5, atol=1e-5)


def test_instance_norm_equals_torch(evaluate):
    (result,) = evaluate(lambda x: mb.instance_norm(x=x, gamma=GAMMA, beta=BETA, epsilon=np.float32(1e-5)), x=X)
    gamma, beta = tensors(GAMMA, BETA)
    expected = functional.instance_norm(torch.from_numpy(X), weight=gamma, bias=beta)
    np.testing.assert_allclose(result, expected.numpy(), rtol=1e-5, atol=1e-5)


def test_l2_norm_divides_by_the_norm_of_the_last_three_axes(evaluate):
    (result,) = evaluate(lambda x: mb.l2_norm(x=x, epsilon=np.float32(1e-6)), x=X)
    norms = np.sqrt((X.astype(np.float64) ** 2).sum((1, 2, 3), keepdims=True) + 1e-6)
    np.testing.assert_allclose(result, X / norms, rtol=1e-6)


@pytest.mark.parametrize("normalise", [layer_norm, softmax])
def test_strict_is_close_but_not_equal(normalise):
    strict = normalise(to_half, X)
    assert 0 < np.abs(strict - normalise(exact, X)).max() < 0.01


def test_a_statistic_of_another_size_is_refused():
    with pytest.raises(ValueError, match="broadcast"):
        batch_norm(exact, X, MEAN[:5], VARIANCE[:5])
