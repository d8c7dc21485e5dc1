import math

import numpy as np
import pytest
import torch
from coremltools.converters.mil import Builder as mb
from coremltools.converters.mil.mil import types
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from runtimes.mil.ops.elementwise import ELEMENTWISE

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(2, 3, 4)).astype(np.float32)
Y = RANDOM.normal(size=(3, 1)).astype(np.float32)
POSITIVE = np.abs(X) + np.float32(0.1)
WITHIN_ONE = np.tanh(X)
INTEGERS = RANDOM.integers(-9, 9, (2, 3, 4)).astype(np.int32)
DIVISORS = np.array([[2], [-3], [5]], np.int32)
FLAGS = X > 0

UNARY = {
    "abs": (X, torch.abs),
    "acos": (WITHIN_ONE, torch.acos),
    "asin": (WITHIN_ONE, torch.asin),
    "atan": (X, torch.atan),
    "atanh": (WITHIN_ONE, torch.atanh),
    "ceil": (X, torch.ceil),
    "cos": (X, torch.cos),
    "cosh": (X, torch.cosh),
    "exp": (X, torch.exp),
    "exp2": (X, torch.exp2),
    "floor": (X, torch.floor),
    "inverse": (POSITIVE, lambda x: 1 / (x + 1e-4)),
    "log": (POSITIVE, torch.log),
    "logical_not": (FLAGS, torch.logical_not),
    "round": (X * 3, torch.round),
    "rsqrt": (POSITIVE, torch.rsqrt),
    "sign": (X, torch.sign),
    "sin": (X, torch.sin),
    "sinh": (X, torch.sinh),
    "sqrt": (POSITIVE, torch.sqrt),
    "square": (X, torch.square),
    "tan": (X, torch.tan),
    "tanh": (X, torch.tanh),
}
BINARY = {
    "add": (X, Y, torch.add),
    "equal": (INTEGERS, INTEGERS[:1], torch.eq),
    "floor_div": (X, Y, torch.floor_divide),
    "greater": (X, Y, torch.gt),
    "greater_equal": (INTEGERS, INTEGERS[:1], torch.ge),
    "less": (X, Y, torch.lt),
    "less_equal": (INTEGERS, INTEGERS[:1], torch.le),
    "logical_and": (FLAGS, FLAGS[:1], torch.logical_and),
    "logical_or": (FLAGS, FLAGS[:1], torch.logical_or),
    "logical_xor": (FLAGS, FLAGS[:1], torch.logical_xor),
    "maximum": (X, Y, torch.maximum),
    "minimum": (X, Y, torch.minimum),
    "mod": (INTEGERS, DIVISORS, torch.remainder),
    "mul": (X, Y, torch.mul),
    "not_equal": (INTEGERS, INTEGERS[:1], torch.ne),
    "pow": (POSITIVE, Y, torch.pow),
    "real_div": (X, Y, torch.div),
    "sub": (X, Y, torch.sub),
}


def test_every_operation_of_the_table_is_checked():
    assert set(ELEMENTWISE) == UNARY.keys() | BINARY.keys() | {"clip", "threshold"}


@pytest.fixture(scope="module")
def results(evaluate):
    """All unary and binary operations, in one program: its inputs are numbered in the order of the tables."""
    operands = [(name, case[:-1]) for table in (UNARY, BINARY) for name, case in table.items()]
    feeds = {f"{name}_input{i}": _fed(value) for name, values in operands for i, value in enumerate(values)}

    def body(**inputs):
        return tuple(_applied(name, [inputs[f"{name}_input{i}"] for i in range(len(v))]) for name, v in operands)

    return dict(zip([name for name, _ in operands], evaluate(body, **feeds), strict=True))


def _fed(value):
    return value.astype(np.int32) if value.dtype == bool else value  # a package takes and gives no bool


def _applied(name, inputs):
    if name.startswith("logical"):
        inputs = [mb.cast(x=value, dtype="bool") for value in inputs]
    result = getattr(mb, name)(**dict(zip("xy", inputs, strict=False)))
    return mb.cast(x=result, dtype="int32") if result.dtype == types.bool else mb.identity(x=result)


@pytest.mark.parametrize("name", sorted(UNARY | BINARY))
def test_operation_broadcasts_and_equals_torch(results, name):
    *operands, reference = (UNARY | BINARY)[name]
    expected = reference(*(torch.from_numpy(operand) for operand in operands)).numpy()
    np.testing.assert_allclose(results[name], expected, rtol=2e-6, atol=1e-6)


def test_integer_arithmetic_stays_integer(evaluate):
    (result,) = evaluate(lambda x, y: mb.floor_div(x=mb.add(x=x, y=y), y=np.int32(3)), x=INTEGERS, y=DIVISORS)
    assert result.dtype == np.int32
    np.testing.assert_array_equal(result, (INTEGERS + DIVISORS) // 3)


def test_clip_and_threshold_limit(evaluate):
    low, high = np.float32(-0.5), np.float32(0.7)
    results = evaluate(lambda x: (mb.clip(x=x, alpha=low, beta=high), mb.threshold(x=x, alpha=low)), x=X)
    np.testing.assert_array_equal(results[0], np.clip(X, low, high))
    np.testing.assert_array_equal(results[1], np.maximum(X, low))


def test_select_takes_a_where_the_condition_holds(evaluate):
    (result,) = evaluate(lambda x, y: mb.select(cond=mb.greater(x=x, y=np.float32(0)), a=x, b=y), x=X, y=-2 * X)
    np.testing.assert_array_equal(result, np.where(X > 0, X, -2 * X))


@pytest.mark.parametrize("epsilon", [1e-12, 0.5])
def test_rsqrt_adds_epsilon_inside_the_root(evaluate, epsilon):
    (result,) = evaluate(lambda x: mb.rsqrt(x=x, epsilon=np.float32(epsilon)), x=POSITIVE)
    np.testing.assert_allclose(result, 1 / np.sqrt(POSITIVE.astype(np.float64) + epsilon), rtol=1e-6)


def test_cast_cuts_towards_zero(evaluate):
    x = np.array([-2.7, -0.2, 0.0, 1.9], np.float32)
    (result,) = evaluate(lambda x: mb.cast(x=x, dtype="int32"), x=x)
    np.testing.assert_array_equal(result, [-2, 0, 0, 1])


def test_cast_to_bool_is_a_comparison_with_zero(evaluate):
    x = np.array([-2.7, 0.2, 0.0, 1.9], np.float32)
    (result,) = evaluate(lambda x: mb.cast(x=mb.cast(x=x, dtype="bool"), dtype="int32"), x=x)
    np.testing.assert_array_equal(result, [1, 1, 0, 1])


def test_a_float16_result_is_rounded_once(evaluate):
    x = np.array([2048.0, 1.0, 65504.0], np.float32)
    (result,) = evaluate(lambda x: mb.add(x=mb.cast(x=x, dtype="fp16"), y=np.float16(1)), "iOS16", x=x)
    assert result.dtype == np.float16
    np.testing.assert_array_equal(result, (x + 1).astype(np.float16))


def test_float16_overflow_becomes_infinity_without_a_warning(evaluate):
    x = np.array([60000.0], np.float32)
    (result,) = evaluate(lambda x: mb.mul(x=mb.cast(x=x, dtype="fp16"), y=np.float16(4)), "iOS16", x=x)
    assert math.isinf(result[0])


@settings(max_examples=60, deadline=None)
@given(hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=4, max_side=4), st.integers(0, 2**31))
def test_operands_broadcast_like_numpy(shapes, seed):
    random = np.random.default_rng(seed)
    x, y = (random.normal(size=shape).astype(np.float32) for shape in shapes.input_shapes)
    result = ELEMENTWISE["sub"](x=x, y=y)
    assert result.shape == shapes.result_shape
    np.testing.assert_array_equal(result, x - y)
