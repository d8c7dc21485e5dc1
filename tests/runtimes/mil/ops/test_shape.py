import numpy as np
import pytest
from coremltools.converters.mil import Builder as mb

from runtimes.mil.ops.shape import SHAPE, concat, pad, reshape, split

X = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
ROW = X[:, :1]
HALF_PADDED = np.pad(X, [(0, 0), (1, 2), (0, 3)], constant_values=7)
PAD = np.array([1, 2, 0, 3], np.int32)

# name → (built operation, expected)
CASES = {
    "concat": (lambda x: mb.concat(values=[x, x], axis=-1), np.concatenate([X, X], -1)),
    "concat interleaved": (
        lambda x: mb.concat(values=[x, mb.mul(x=x, y=np.float32(-1))], axis=1, interleave=True),
        np.stack([X, -X], 2).reshape(2, 6, 4),
    ),
    "expand_dims": (lambda x: mb.expand_dims(x=x, axes=[0, -1]), X[None, ..., None]),
    "flatten2d": (lambda x: mb.flatten2d(x=x, axis=2), X.reshape(6, 4)),
    "identity": (lambda x: mb.identity(x=x), X),
    "pad": (lambda x: mb.pad(x=x, pad=PAD, constant_val=np.float32(7)), HALF_PADDED),
    "pad reflect": (
        lambda x: mb.pad(x=x, pad=np.array([1, 2], np.int32), mode="reflect"),
        np.pad(X, [(0, 0), (0, 0), (1, 2)], mode="reflect"),
    ),
    "pad replicate": (
        lambda x: mb.pad(x=x, pad=np.array([1, 2], np.int32), mode="replicate"),
        np.pad(X, [(0, 0), (0, 0), (1, 2)], mode="edge"),
    ),
    "reshape": (lambda x: mb.reshape(x=x, shape=[4, 6]), X.reshape(4, 6)),
    "reshape keeps and infers": (lambda x: mb.reshape(x=x, shape=[0, -1, 2]), X.reshape(2, 6, 2)),
    "reshape_like": (
        lambda x: mb.reshape_like(x=x, ref_tensors=(x, x), begins=(0, 2), ends=(2, 0), end_masks=(False, True)),
        X,
    ),
    "reverse": (lambda x: mb.reverse(x=x, axes=[0, 2]), X[::-1, :, ::-1]),
    "shape": (lambda x: mb.shape(x=x), np.array([2, 3, 4], np.int32)),
    "split": (lambda x: mb.split(x=x, num_splits=2, axis=2)[1], X[..., 2:]),
    "split unevenly": (lambda x: mb.split(x=x, split_sizes=[1, 3], axis=2)[1], X[..., 1:]),
    "squeeze": (lambda x: mb.squeeze(x=mb.expand_dims(x=x, axes=[0, 2]), axes=[0]), X[:, None]),
    "stack": (lambda x: mb.stack(values=[x, x], axis=1), np.stack([X, X], 1)),
    "tile": (lambda x: mb.tile(x=x, reps=[1, 2, 3]), np.tile(X, (1, 2, 3))),
    "transpose": (lambda x: mb.transpose(x=x, perm=[2, 0, -2]), X.transpose(2, 0, 1)),
}


def test_every_operation_of_the_table_is_checked():
    assert {name.split()[0] for name in CASES} == set(SHAPE)


@pytest.fixture(scope="module")
def results(evaluate):
    outputs = evaluate(lambda x: tuple(mb.identity(x=build(x)) for build, _ in CASES.values()), x=X)
    return dict(zip(CASES, outputs, strict=True))


@pytest.mark.parametrize("name", CASES)
def test_elements_move_where_numpy_puts_them(results, name):
    np.testing.assert_array_equal(results[name], CASES[name][1])


def test_a_split_into_other_sizes_is_refused():
    with pytest.raises(ValueError, match="split sizes"):
        split(X, np.int32(2), split_sizes=np.array([1, 4]))
    with pytest.raises(ValueError, match="neither"):
        split(X, np.int32(2))


def test_an_impossible_reshape_is_refused():
    with pytest.raises(ValueError, match="reshape"):
        reshape(X, np.array([5, 5]))


def test_an_unknown_padding_is_refused():
    with pytest.raises(ValueError, match="pad mode circular"):
        pad(X, PAD, "circular")


def test_scalars_join_to_a_vector():
    np.testing.assert_array_equal(concat([np.array(3), np.array(4)], np.array(0)), [3, 4])
