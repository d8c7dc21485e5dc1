import numpy as np
import pytest
import torch
from coremltools.converters.mil import Builder as mb

from runtimes.mil.numerics import exact, to_half
from runtimes.mil.ops.conv import conv

RANDOM = np.random.default_rng(0)
CONVOLVE = {1: torch.nn.functional.conv1d, 2: torch.nn.functional.conv2d, 3: torch.nn.functional.conv3d}

# (input, weight, parameters): 1×1 as in the channels layout, then everything else there is
CASES = {
    "1x1": ((2, 8, 1, 9), (6, 8, 1, 1), {}),
    "1d": ((2, 4, 11), (6, 4, 3), {"strides": [2]}),
    "2d": ((1, 4, 7, 9), (6, 4, 3, 2), {"strides": [1, 2]}),
    "grouped": ((2, 4, 5, 5), (6, 2, 3, 3), {"groups": 2}),
    "depthwise": ((1, 4, 6), (4, 1, 3), {"groups": 4}),
    "dilated": ((1, 2, 9, 9), (3, 2, 3, 3), {"dilations": [2, 3]}),
    "padded": ((1, 2, 5, 6), (3, 2, 3, 3), {"pad_type": "custom", "pad": [1, 2, 0, 3], "strides": [2, 1]}),
    "3d": ((1, 2, 4, 5, 6), (3, 2, 2, 3, 2), {}),
}


def _reference(x, weight, bias, groups=1, strides=1, dilations=1, pad=(), pad_type="valid"):
    pairs = [pad[i : i + 2] for i in range(0, len(pad), 2)]
    padded = torch.nn.functional.pad(torch.from_numpy(x), [n for pair in reversed(pairs) for n in pair])
    weights = (torch.from_numpy(weight), torch.from_numpy(bias))
    return CONVOLVE[x.ndim - 2](padded, *weights, stride=strides, dilation=dilations, groups=groups).numpy()


def _operands(name):
    input_shape, weight_shape, parameters = CASES[name]
    x, weight = (RANDOM.normal(size=shape).astype(np.float32) for shape in (input_shape, weight_shape))
    return x, weight, RANDOM.normal(size=weight_shape[0]).astype(np.float32), parameters


@pytest.mark.parametrize("name", CASES)
def test_convolution_equals_torch(evaluate, name):
    x, weight, bias, parameters = _operands(name)
    (result,) = evaluate(lambda x: mb.conv(x=x, weight=weight, bias=bias, **parameters), x=x)
    np.testing.assert_allclose(result, _reference(x, weight, bias, **parameters), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("pad_type", "pad"), [("same", [0, 1, 1, 1]), ("same_lower", [1, 0, 1, 1])])
def test_same_padding_puts_the_odd_element_where_it_says(evaluate, pad_type, pad):
    target = "iOS16"  # the first opset with same_lower
    x, weight = (RANDOM.normal(size=shape).astype(np.float32) for shape in ((1, 2, 6, 7), (3, 2, 2, 3)))
    (result,) = evaluate(lambda x: mb.conv(x=x, weight=weight, pad_type=pad_type), target, x=x)
    np.testing.assert_allclose(result, _reference(x, weight, np.zeros(3, np.float32), pad=pad), rtol=1e-5, atol=1e-5)


def test_strict_is_close_but_not_equal():
    x, weight, bias, _ = _operands("2d")
    strict = conv(to_half, x, weight, bias)
    assert 0 < np.abs(strict - conv(exact, x, weight, bias)).max() < 0.02


def test_unknown_padding_is_refused():
    x, weight, bias, _ = _operands("1d")
    with pytest.raises(ValueError, match="pad_type"):
        conv(exact, x, weight, bias, pad_type="custom")
