"""What an operation is said to hold is at least what numpy allocates for it, inner steps and stored result included."""

import gc
import tracemalloc

import numpy as np
import pytest

from runtimes.mil import budget
from runtimes.mil.numerics import exact, to_half
from runtimes.mil.ops.elementwise import ELEMENTWISE
from runtimes.mil.ops.reduce import REDUCTIONS
from runtimes.mil.ops.registry import OPERATIONS, Kind

SIDE = 256
RANDOM = np.random.default_rng(5)
SLACK_BYTES = 30_000
"""Of Python's own objects."""


def floats(*shape):
    return RANDOM.uniform(0.1, 0.9, shape).astype(np.float32)


def whole(*shape, kind=np.int32):
    return RANDOM.integers(0, 4, shape).astype(kind)


X, FEW, ONES = floats(SIDE, SIDE), floats(4, 64, SIDE), np.ones((SIDE, SIDE), np.uint8)
CHANNELS = {name: floats(64) for name in ("gamma", "beta")}
UNARY = "erf relu relu6 sigmoid softplus softsign gelu silu softmax argsort non_zero band_part reverse identity".split()
PAIRED = (
    "add sub mul equal not_equal floor_div greater greater_equal less less_equal logical_and logical_or logical_xor "
    "maximum minimum mod pow real_div"
).split()
ALPHA = {"alpha": np.float32(0.1)}
BOTH = ALPHA | {"beta": np.float32(1)}
ARGUMENTS = {
    **{name: {"x": X} for name in (*ELEMENTWISE, *REDUCTIONS, *UNARY)},
    **{name: {"x": X, "y": floats(SIDE, SIDE)} for name in PAIRED},
    **{name: {"x": X} | ALPHA for name in ("elu", "leaky_relu", "threshold")},
    **{name: {"x": X} | BOTH for name in ("clamped_relu", "linear_activation", "scaled_tanh", "sigmoid_hard", "clip")},
    "batch_norm": {"x": FEW, "mean": floats(64), "variance": floats(64)} | CHANNELS,
    "cast": {"x": X, "dtype": np.array("fp16")},
    "classify": {"probabilities": floats(SIDE), "classes": np.arange(SIDE)},
    "concat": {"values": [X, X], "axis": np.array(0), "interleave": True},
    "constexpr_affine_dequantize": {
        "quantized_data": whole(SIDE, SIDE, kind=np.int8),
        "zero_point": np.int8(0),
        "scale": floats(SIDE),
        "axis": np.array(0),
    },
    "constexpr_blockwise_shift_scale": {
        "data": whole(SIDE, SIDE, kind=np.int8),
        "scale": floats(SIDE, 16),
        "offset": whole(SIDE, 16, kind=np.int8),
    },
    "constexpr_cast": {"source_val": X.astype(np.float16), "output_dtype": np.array("fp32")},
    "constexpr_lut_to_dense": {"indices": whole(SIDE, SIDE, kind=np.uint8), "lut": floats(SIDE, 1, 4, 1)},
    "constexpr_lut_to_sparse": {
        "indices_mask": ONES,
        "indices_nonzero_data": whole(SIDE**2, kind=np.uint8),
        "lut": floats(1, 1, 4, 1),
    },
    "constexpr_sparse_blockwise_shift_scale": {
        "data_mask": ONES,
        "nonzero_data": whole(SIDE**2, kind=np.int8),
        "scale": floats(SIDE, 16),
    },
    "constexpr_sparse_to_dense": {"nonzero_data": floats(SIDE**2), "mask": ONES},
    "conv": {"x": floats(1, 32, 32, 32), "weight": floats(32, 32, 3, 3), "bias": floats(32)},
    "cumsum": {"x": X, "exclusive": True, "reverse": True},
    "dequantize": {"input": whole(SIDE, SIDE, kind=np.int8), "scale": np.float32(0.1), "zero_point": np.int8(1)},
    "einsum": {"values": [floats(4, 32, 8, 64), floats(4, 64, 8, 32)], "equation": np.array("bchw,bwhu->bchu")},
    "expand_dims": {"x": X, "axes": np.array([0])},
    "fill": {"shape": np.array([SIDE, SIDE]), "value": np.float32(1)},
    "fill_like": {"ref_tensor": X, "value": 1.0},
    "flatten2d": {"x": X.T},
    "gather": {"x": floats(9, SIDE), "indices": whole(SIDE), "axis": 0},
    "gather_along_axis": {"x": X, "indices": whole(SIDE, SIDE), "axis": 0},
    "gather_nd": {"x": X, "indices": whole(SIDE**2, 2)},
    "instance_norm": {"x": FEW} | CHANNELS,
    "l2_norm": {"x": FEW},
    "layer_norm": {"x": X, "axes": np.array([1]), "gamma": floats(SIDE), "beta": floats(SIDE)},
    "linear": {"x": floats(SIDE, 64), "weight": floats(SIDE, 64), "bias": floats(SIDE)},
    "matmul": {"x": floats(SIDE, 64), "y": floats(64, SIDE)},
    "one_hot": {"indices": whole(SIDE), "one_hot_vector_size": np.array(SIDE)},
    "pad": {"x": X, "pad": np.array([1, 1, 1, 1])},
    "quantize": {"input": X, "scale": np.float32(0.1), "output_dtype": np.array("int8"), "zero_point": np.int8(1)},
    "range_1d": {"start": np.array(0), "end": np.array(SIDE**2), "step": np.array(1)},
    "reshape": {"x": X.T, "shape": np.array([-1])},
    "reshape_like": {"x": X.T, "ref_tensors": [X], "begins": [0], "ends": [2], "end_masks": [False]},
    "scaled_dot_product_attention": {
        **{name: floats(4, 128, 16) for name in ("query", "key", "value")},
        "attn_mask": floats(1, 128, 128),
    },
    "select": {"cond": X > 0.5, "a": X, "b": X},
    "shape": {"x": X},
    "slice_by_index": {"x": X, "begin": [0, 0], "end": [SIDE, 8]},
    "slice_by_size": {"x": X, "begin": np.array([0, 0]), "size": np.array([SIDE, 8])},
    "split": {"x": X, "axis": np.array(0), "num_splits": np.array(2)},
    "squeeze": {"x": X[None]},
    "stack": {"values": [X, X], "axis": np.array(0)},
    "tile": {"x": floats(8), "reps": np.array([SIDE**2 // 8])},
    "topk": {"x": X, "k": SIDE},
    "transpose": {"x": X, "perm": np.array([1, 0])},
}


def peak_bytes(operation, rounded, arguments):
    gc.collect()
    tracemalloc.start()
    try:
        made = operation.function(*rounded, **arguments)
        stored = [_stored(np.asarray(one)) for one in (made if isinstance(made, tuple) else (made,))]
        return tracemalloc.get_traced_memory()[1] if stored else 0
    finally:
        tracemalloc.stop()


def _stored(values):
    """In float16, as a program may declare it: a copy beside the result."""
    return values.astype(np.float16) if values.dtype.kind == "f" else values


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_no_operation_allocates_more_than_it_is_said_to_hold(name):
    operation, arguments = OPERATIONS[name], ARGUMENTS[name]
    computes = operation.kind in (Kind.COMPUTES, Kind.COMPOSES)
    widened = 4 * sum(np.size(arguments[given]) for given in ("x", "y") if given in arguments) if computes else 0
    said = budget.held_bytes(name, budget.measured(name, arguments)) + SLACK_BYTES
    for rounded in ([exact], [to_half]) if operation.kind is Kind.COMPOSES else ([],):
        assert peak_bytes(operation, rounded, arguments) + widened <= said
