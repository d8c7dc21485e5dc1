import numpy as np
import pytest
from coremltools.converters.mil import Builder as mb
from hypothesis import given, settings
from hypothesis import strategies as st

from runtimes.mil.ops.quantize import dequantize, quantize

X = np.linspace(-3, 3, 24, dtype=np.float32).reshape(2, 3, 4)
SCALES = np.array([0.01, 0.02, 0.05], np.float32)


@pytest.mark.parametrize(("dtype", "zero"), [("int8", np.int8(3)), ("uint8", np.uint8(128)), ("int8", None)])
def test_one_scale_quantises_and_comes_back(evaluate, dtype, zero):
    scale = np.float32(0.02)

    def body(x):
        levels = mb.quantize(input=x, scale=scale, zero_point=zero, output_dtype=dtype)
        return mb.cast(x=levels, dtype="int32"), mb.dequantize(input=levels, scale=scale, zero_point=zero)

    levels, values = evaluate(body, x=X)
    shift = 0 if zero is None else int(zero)
    limits = np.iinfo(dtype)
    expected = np.clip(np.round(X.astype(np.float64) / scale) + shift, limits.min, limits.max)
    np.testing.assert_array_equal(levels, expected)
    np.testing.assert_allclose(values, (expected - shift) * scale, rtol=1e-6)


def test_scales_lie_along_their_axis(evaluate):
    zeros = np.array([1, -2, 3], np.int8)
    parameters = {"scale": SCALES, "zero_point": zeros, "axis": 1}
    (values,) = evaluate(
        lambda x: mb.dequantize(input=mb.quantize(input=x, output_dtype="int8", **parameters), **parameters), x=X
    )
    scales, shifts = SCALES.reshape(1, 3, 1), zeros.astype(int).reshape(1, 3, 1)
    levels = np.clip(np.round(X / scales) + shifts, -128, 127)
    np.testing.assert_allclose(values, (levels - shifts) * scales, rtol=1e-5, atol=1e-7)


def test_halves_go_to_the_even_number():
    x = np.array([0.5, 1.5, 2.5, -0.5], np.float32)
    np.testing.assert_array_equal(quantize(x, np.float32(1), np.array("int8")), [0, 2, 2, 0])


def test_several_scales_without_an_axis_are_refused():
    with pytest.raises(ValueError, match="without an axis"):
        quantize(X, SCALES, np.array("int8"))


@settings(max_examples=50, deadline=None)
@given(st.floats(2**-6, 1, width=32), st.integers(-128, 127), st.floats(-1, 1, width=32))
def test_what_is_in_range_comes_back_within_half_a_step(scale, zero, value):
    step, shift = np.float32(scale), np.int8(zero)
    x = np.float32([value * min(127 - zero, zero + 128) * scale * 0.99])
    back = dequantize(quantize(x, step, np.array("int8"), shift), step, shift)
    assert abs(back[0] - x[0]) <= scale / 2 * 1.001 + 1e-6
