import numpy as np
import pytest
import torch
from coremltools.converters.mil import Builder as mb

from runtimes.mil.ops.create import CREATE, topk

X = np.random.default_rng(0).permutation(24).reshape(2, 3, 4).astype(np.float32) - 9
IDS = np.array([[3, 0], [1, 4]], np.int32)
TENSOR = torch.from_numpy(X)
FLOAT, INT = np.float32, np.int32

CASES = {
    "argsort": (lambda x, i: mb.argsort(x=x, axis=1), np.argsort(-X, 1)),
    "argsort ascending": (lambda x, i: mb.argsort(x=x, axis=-1, ascending=True), np.argsort(X, -1)),
    "band_part": (lambda x, i: mb.band_part(x=x, lower=1, upper=0), np.tril(X) - np.tril(X, -2)),
    "band_part upper": (lambda x, i: mb.band_part(x=x, lower=0, upper=-1), np.triu(X)),
    "fill": (lambda x, i: mb.fill(shape=mb.shape(x=x), value=FLOAT(2.5)), np.full(X.shape, 2.5)),
    "fill_like": (lambda x, i: mb.fill_like(ref_tensor=x, value=INT(7)), np.full(X.shape, 7)),
    "non_zero": (lambda x, i: mb.non_zero(x=mb.relu(x=x)), np.argwhere(X > 0)),
    "one_hot": (lambda x, i: mb.one_hot(indices=i, one_hot_vector_size=5), np.eye(5)[IDS]),
    "one_hot axis": (
        lambda x, i: mb.one_hot(indices=i, one_hot_vector_size=5, axis=1, on_value=FLOAT(3), off_value=FLOAT(-1)),
        np.moveaxis(np.where(np.eye(5)[IDS] > 0, 3, -1), -1, 1),
    ),
    "range_1d": (
        lambda x, i: mb.range_1d(
            start=INT(1), end=mb.squeeze(x=mb.slice_by_size(x=mb.shape(x=x), begin=[2], size=[1])), step=INT(2)
        ),
        np.array([1, 3]),
    ),
    "topk": (lambda x, i: mb.topk(x=x, k=2, axis=-1)[0], torch.topk(TENSOR, 2).values.numpy()),
    "topk indices": (
        lambda x, i: mb.topk(x=x, k=2, axis=1, ascending=True)[1],
        torch.topk(TENSOR, 2, 1, largest=False).indices.numpy(),
    ),
}


def test_every_operation_of_the_table_is_checked():
    assert {name.split()[0] for name in CASES} == set(CREATE)


@pytest.fixture(scope="module")
def results(evaluate):
    outputs = evaluate(lambda x, i: tuple(mb.identity(x=build(x, i)) for build, _ in CASES.values()), x=X, i=IDS)
    return dict(zip(CASES, outputs, strict=True))


@pytest.mark.parametrize("name", CASES)
def test_tensors_are_made_as_defined(results, name):
    np.testing.assert_array_equal(results[name], CASES[name][1])


def test_topk_of_minus_one_takes_all_and_values_alone_if_asked():
    (values,) = topk(X, np.int32(-1), return_indices=False)
    np.testing.assert_array_equal(values, -np.sort(-X))


def test_more_of_the_largest_than_there_are_is_refused():
    with pytest.raises(ValueError, match="largest of"):
        CREATE["topk"](np.zeros(3), np.array(1 << 40))
