import numpy as np
import pytest
import torch
from coremltools.converters.mil import Builder as mb

from runtimes.mil.ops.reduce import REDUCTIONS, cumsum

X = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)
POSITIVE = np.abs(X) + np.float32(0.1)

BY_AXES = {
    "reduce_l1_norm": lambda x, axes, keep: x.abs().sum(axes, keepdim=keep),
    "reduce_l2_norm": lambda x, axes, keep: x.pow(2).sum(axes, keepdim=keep).sqrt(),
    "reduce_log_sum": lambda x, axes, keep: x.sum(axes, keepdim=keep).log(),
    "reduce_log_sum_exp": lambda x, axes, keep: torch.logsumexp(x, axes, keepdim=keep),
    "reduce_max": lambda x, axes, keep: x.amax(axes, keepdim=keep),
    "reduce_mean": lambda x, axes, keep: x.mean(axes, keepdim=keep),
    "reduce_min": lambda x, axes, keep: x.amin(axes, keepdim=keep),
    "reduce_prod": lambda x, axes, keep: x.flatten(min(axes)).prod(-1).reshape(x.amax(axes, keepdim=keep).shape),
    "reduce_sum": lambda x, axes, keep: x.sum(axes, keepdim=keep),
    "reduce_sum_square": lambda x, axes, keep: x.pow(2).sum(axes, keepdim=keep),
}
BY_AXIS = {"reduce_argmax": torch.argmax, "reduce_argmin": torch.argmin}
FORMS = [((-1,), False), ((1, 2), True), ((0, 1, 2), False)]


def test_every_operation_of_the_table_is_checked():
    assert BY_AXES.keys() | BY_AXIS.keys() | {"cumsum"} == REDUCTIONS.keys()


@pytest.fixture(scope="module")
def results(evaluate):
    names = [(name, form) for name in BY_AXES for form in FORMS]
    outputs = evaluate(
        lambda x: tuple(getattr(mb, name)(x=x, axes=list(axes), keep_dims=keep) for name, (axes, keep) in names),
        x=POSITIVE,
    )
    return dict(zip(names, outputs, strict=True))


@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize("name", BY_AXES)
def test_reduction_equals_torch(results, name, form):
    axes, keep = form
    positive = tuple(axis % 3 for axis in axes)
    expected = BY_AXES[name](torch.from_numpy(POSITIVE), positive, keep).numpy()
    assert results[name, form].shape == expected.shape
    np.testing.assert_allclose(results[name, form], expected, rtol=2e-6)


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("name", BY_AXIS)
def test_position_of_the_extreme_equals_torch(evaluate, name, keep):
    (result,) = evaluate(lambda x: getattr(mb, name)(x=x, axis=1, keep_dims=keep), x=X)
    assert result.dtype == np.int32
    np.testing.assert_array_equal(result, BY_AXIS[name](torch.from_numpy(X), 1, keepdim=keep).numpy())


def test_without_axes_everything_is_reduced():
    np.testing.assert_allclose(REDUCTIONS["reduce_sum"](X), X.sum(dtype=np.float64), rtol=1e-5)


def test_sums_run_forwards_and_backwards(evaluate):
    forwards, backwards = evaluate(lambda x: (mb.cumsum(x=x, axis=1), mb.cumsum(x=x, axis=2, reverse=True)), x=X)
    np.testing.assert_allclose(forwards, np.cumsum(X, 1), rtol=1e-6)
    np.testing.assert_allclose(backwards, np.cumsum(X[..., ::-1], 2)[..., ::-1], rtol=1e-6)


def test_an_exclusive_sum_leaves_the_element_out():
    np.testing.assert_array_equal(cumsum(X, 1, exclusive=True), np.cumsum(X, 1) - X)


@pytest.mark.parametrize("operation", ["cumsum", "reduce_sum"])
def test_sums_of_half_precision_are_summed_in_single(evaluate, operation):
    """4,096 ones: a float16 total would stop at 2,048."""
    axes = {"axis": 0} if operation == "cumsum" else {"axes": [0]}
    ones = np.ones(4096, np.float32)
    (result,) = evaluate(lambda x: getattr(mb, operation)(x=mb.cast(x=x, dtype="fp16"), **axes), "iOS16", x=ones)
    assert result.ravel()[-1] == 4096
