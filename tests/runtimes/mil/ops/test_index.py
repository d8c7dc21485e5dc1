import numpy as np
import pytest
import torch
from coremltools.converters.mil import Builder as mb
from hypothesis import given, settings
from hypothesis import strategies as st

from runtimes.errors import BundleError
from runtimes.mil import open_package
from runtimes.mil.ops.index import gather, gather_nd, slice_by_index

X = np.random.default_rng(0).normal(size=(4, 5, 6)).astype(np.float32)
IDS = np.array([[3, 0, 1], [2, 2, -1]], np.int32)


@pytest.mark.parametrize("target", ["iOS15", "iOS16", "iOS17", "iOS18"])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_gather_takes_slices_in_every_opset(evaluate, target, axis):
    (result,) = evaluate(lambda x, ids: mb.gather(x=x, indices=ids, axis=axis), target, x=X, ids=IDS)
    np.testing.assert_array_equal(result, np.take(X, IDS, axis))


@pytest.mark.parametrize("index", [99, -5])
def test_an_index_outside_the_axis_is_refused_with_the_operation_named(save, index):
    feeds = {"x": X, "ids": IDS}
    program = open_package(save(lambda x, ids: mb.gather(x=x, indices=ids, axis=0, name="words"), feeds))
    with pytest.raises(BundleError, match=r"'gather' → words \(number \d+\).*out of bounds") as caught:
        program.run({"x": X, "ids": np.full_like(IDS, index)})
    assert "\n" not in str(caught.value)


def test_batched_gather_pairs_the_leading_axes(evaluate):
    ids = np.array([[3, 0], [1, 1], [2, -1], [0, 4]], np.int32)
    (result,) = evaluate(lambda x, ids: mb.gather(x=x, indices=ids, axis=1, batch_dims=1), "iOS16", x=X, ids=ids)
    np.testing.assert_array_equal(result, np.stack([X[i][ids[i]] for i in range(4)]))


def test_gather_along_axis_equals_torch(evaluate):
    ids = np.random.default_rng(1).integers(0, 5, (4, 2, 6)).astype(np.int32)
    (result,) = evaluate(lambda x, ids: mb.gather_along_axis(x=x, indices=ids, axis=1), x=X, ids=ids)
    expected = torch.gather(torch.from_numpy(X), 1, torch.from_numpy(ids).long())
    np.testing.assert_array_equal(result, expected.numpy())


def test_gather_nd_takes_coordinates(evaluate):
    ids = np.array([[0, 1], [3, 4], [-1, 0]], np.int32)
    (result,) = evaluate(lambda x, ids: mb.gather_nd(x=x, indices=ids), x=X, ids=ids)
    np.testing.assert_array_equal(result, X[ids[:, 0], ids[:, 1]])


def test_batched_gather_nd_pairs_the_leading_axes():
    ids = np.array([[[0, 1], [4, 5]], [[1, 1], [2, 2]], [[3, 0], [0, 0]], [[1, 5], [-1, -1]]], np.int32)
    expected = np.stack([X[i][ids[i, :, 0], ids[i, :, 1]] for i in range(4)])
    np.testing.assert_array_equal(gather_nd(X, ids, np.int32(1)), expected)


@pytest.fixture(scope="module")
def sliced(evaluate):
    def body(x):
        yes, no = True, False
        return (
            mb.slice_by_index(x=x, begin=[1, 0, 2], end=[3, 5, 6], stride=[1, 2, 3]),
            mb.slice_by_index(x=x, begin=[1, 9, 1], end=[9, 9, -1], begin_mask=[no, yes, no], end_mask=[yes, yes, no]),
            mb.slice_by_index(x=x, begin=[0, -1, 0], end=[0, 0, 6], end_mask=[yes, no, no], squeeze_mask=[no, yes, no]),
            mb.slice_by_index(x=x, begin=[0, 4, 5], end=[4, 0, 0], stride=[1, -2, -1], end_mask=[no, no, yes]),
            mb.slice_by_size(x=x, begin=[1, 0, 2], size=[2, -1, 3]),
        )

    return evaluate(body, x=X)


@pytest.mark.parametrize(
    ("position", "expected"),
    list(enumerate([X[1:3, 0:5:2, 2:6:3], X[1:, :, 1:-1], X[:, -1, 0:6], X[0:4, 4:0:-2, ::-1], X[1:3, :, 2:5]])),
)
def test_slices_follow_masks_and_strides(sliced, position, expected):
    np.testing.assert_array_equal(sliced[position], expected)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_slice_is_numpys_slice(data):
    begin, end = (np.array(data.draw(st.lists(st.integers(-6, 6), min_size=3, max_size=3))) for _ in range(2))
    stride = np.array(data.draw(st.lists(st.sampled_from([-3, -1, 1, 2]), min_size=3, max_size=3)))
    expected = X[tuple(slice(b, e, s) for b, e, s in zip(begin, end, stride, strict=True))]
    np.testing.assert_array_equal(slice_by_index(X, begin, end, stride), expected)


def test_the_slice_of_another_rank_is_refused():
    with pytest.raises(ValueError, match="zip"):
        slice_by_index(X, np.array([0, 0]), np.array([1, 1]))


def test_a_half_precision_table_is_gathered_as_it_is_stored():
    table = X.astype(np.float16)
    assert gather(table, IDS).dtype == np.float16


def test_classify_names_the_most_probable_class(save):
    from coremltools import ClassifierConfig, PassPipeline

    labels = ["negative", "neutral", "positive"]
    x = np.array([[0.2, 0.7, 0.1]], np.float32)
    path = save(
        lambda x: mb.softmax(x=x, axis=-1, name="p"),
        {"x": x},
        classifier_config=ClassifierConfig(labels),
        passes=PassPipeline.DEFAULT,
    )
    program = open_package(path)
    label, probabilities = program.run({"x": x}).values()
    assert label == "neutral"
    np.testing.assert_allclose(probabilities, np.exp(x[0]) / np.exp(x).sum(), rtol=1e-6)
    assert [spec.dtype for spec in program.outputs] == ["string", "dictionary"]
