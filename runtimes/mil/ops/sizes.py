"""The size and work of an operation's result, from the shapes of its arguments.

Each entry of `SIZES` takes an operation's arguments by name and returns a `Size`: the elements of the largest tensor
that the operation holds beside its arguments, and the products that it adds up. An axis of size 0 counts as 1, so that
no other axis hides behind it.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from runtimes.mil.datatypes import Array
from runtimes.mil.ops.activation import ACTIVATIONS, COMPOSITE_ACTIVATIONS
from runtimes.mil.ops.conv import padding
from runtimes.mil.ops.elementwise import CHOICE, ELEMENTWISE
from runtimes.mil.ops.index import INDEX
from runtimes.mil.ops.normalise import NORMALISATIONS
from runtimes.mil.ops.quantize import per_axis
from runtimes.mil.ops.reduce import REDUCTIONS
from runtimes.mil.ops.shape import SHAPE, integers


class Size(NamedTuple):
    """Elements of the largest tensor made, and multiply-adds."""

    elements: int
    products: int = 0


Measure: TypeAlias = Callable[..., Size]


def padded(shape: Iterable[int]) -> int:
    """Elements of a tensor of `shape`; an axis of size 0 counts as 1."""
    return math.prod(max(1, int(size)) for size in shape)


def _size(*shapes: Sequence[int]) -> Size:
    """Of what tensors of these shapes broadcast to."""
    return Size(padded(np.broadcast_shapes(*map(tuple, shapes))))


def _broadcast(**arguments: Any) -> Size:
    return _size(*(np.shape(argument) for argument in arguments.values()))


_GIVEN = ("x", "data", "source_val", "data_mask", "ref_tensor", "probabilities")
"""What operations call the tensor that they work on."""


def _as_given(**arguments: Any) -> Size:
    """Of an operation whose result is no larger than what it is given."""
    return Size(max(padded(np.shape(arguments[name])) for name in _GIVEN if name in arguments))


def _normalised(x: Array, epsilon: Array | float = 0.0, **parameters: Any) -> Size:
    """Parameters of channels may be longer than x's own axis, where that is of size 1; an epsilon may be a tensor."""
    per_channel = [np.size(parameters.get(name, 0)) for name in ("mean", "variance", "gamma", "beta")]
    longer = max(per_channel) if x.ndim > 1 and x.shape[1] == 1 else 1
    return Size(padded(x.shape) * max(1, longer) * padded(np.shape(epsilon)))


def _nothing(**_: Any) -> Size:
    return Size(0)


def _concat(values: Sequence[Array], **_: Any) -> Size:
    return Size(sum(padded(np.shape(value)) for value in values))


def _tile(x: Array, reps: Array) -> Size:
    return Size(padded(x.shape) * padded(integers(reps)))


def _pad(x: Array, pad: Array, **_: Any) -> Size:
    pairs = np.reshape(pad, (-1, 2)).tolist()
    widths = [[0, 0]] * (x.ndim - len(pairs)) + pairs
    return Size(padded(size + before + after for size, (before, after) in zip(x.shape, widths, strict=True)))


def _gather(x: Array, indices: Array, axis: Array | int = 0, batch_dims: Array | int = 0, **_: Any) -> Size:
    along, batch = int(axis) % x.ndim, int(batch_dims)
    return Size(padded([*x.shape[:along], *np.shape(indices)[batch:], *x.shape[along + 1 :]]))


def _gather_along_axis(x: Array, indices: Array, axis: Array | int = 0, **_: Any) -> Size:
    others = list(x.shape)
    others[int(axis)] = 1
    return _size(others, np.shape(indices))


def _gather_nd(x: Array, indices: Array, batch_dims: Array | int = 0, **_: Any) -> Size:
    sizes = np.shape(indices)
    return Size(padded([*sizes[:-1], *x.shape[int(batch_dims) + sizes[-1] :]]) + padded(sizes))


def _fill(shape: Array, **_: Any) -> Size:
    return Size(padded(integers(shape)))


def _range(start: Array, end: Array, step: Array) -> Size:
    return Size(max(1, math.ceil((end.item() - start.item()) / step.item())))


def _one_hot(indices: Array, one_hot_vector_size: Array, **_: Any) -> Size:
    return Size(padded([*np.shape(indices), int(one_hot_vector_size)]))


def _non_zero(x: Array) -> Size:
    return Size(padded(x.shape) * max(1, x.ndim))


def _linear(x: Array, weight: Array, bias: Array | None = None) -> Size:
    rows, (outputs, inputs) = padded(x.shape[:-1]), weight.shape
    made = _size((rows, outputs), () if bias is None else bias.shape)
    return Size(made.elements, rows * outputs * inputs)


def _matmul(x: Array, y: Array, transpose_x: Array | bool = False, transpose_y: Array | bool = False) -> Size:
    left, right = _matrix(x.shape, bool(transpose_x), (1,)), _matrix(y.shape, bool(transpose_y), (1,))
    columns, inner = (right[-1], left[-1]) if y.ndim > 1 else (1, left[-1])
    made = padded([*np.broadcast_shapes(left[:-2], right[:-2]), left[-2], columns])
    return Size(made, made * max(1, inner))


def _matrix(shape: tuple[int, ...], transposed: bool, vector: tuple[int, ...]) -> tuple[int, ...]:
    if len(shape) < 2:
        return (*vector, *shape) if shape else (1, 1)
    return (*shape[:-2], shape[-1], shape[-2]) if transposed else shape


def _einsum(values: Sequence[Array], equation: Array) -> Size:
    """By its letters; of one that has other signs, as if nothing were added up."""
    terms, _, result = str(equation).replace(" ", "").partition("->")
    parts = terms.split(",")
    shapes = [np.shape(value) for value in values]
    spelled = len(parts) == len(shapes) and "".join(parts).isalpha()
    if not spelled or [*map(len, parts)] != [*map(len, shapes)]:
        every = math.prod(map(padded, shapes))
        return Size(every, every)
    sizes: dict[str, int] = {}
    for letter, size in zip("".join(parts), (n for shape in shapes for n in shape), strict=True):
        sizes[letter] = max(1, size, sizes.get(letter, 1))
    kept = result if result.isalpha() or "->" in str(equation) else "".join(sizes)
    made = math.prod(sizes.get(letter, 1) for letter in kept)
    return Size(max(made, *map(padded, shapes)), math.prod(sizes.values()))


def _attention(query: Array, key: Array, value: Array, attn_mask: Array | None = None) -> Size:
    batch = np.broadcast_shapes(query.shape[:-2], key.shape[:-2], value.shape[:-2])
    scores = _size((*batch, query.shape[-2], key.shape[-2]), () if attn_mask is None else attn_mask.shape).elements
    made = padded([*batch, query.shape[-2], value.shape[-1]])
    return Size(max(made, scores), scores * max(1, query.shape[-1]) + made * max(1, key.shape[-2]))


def _conv(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    strides: Array | None = None,
    pad_type: Array | str = "valid",
    pad: Array | None = None,
    dilations: Array | None = None,
    groups: Array | int = 1,
) -> Size:
    rank = x.ndim - 2
    steps = [1] * rank if strides is None else integers(strides)
    spread = [1] * rank if dilations is None else integers(dilations)
    reach = [(k - 1) * d + 1 for k, d in zip(weight.shape[2:], spread, strict=True)]
    widths = padding(str(pad_type), pad, x.shape[2:], reach, steps)
    wide = [size + sum(both) for size, both in zip(x.shape[2:], widths, strict=True)]
    places = padded((size - r) // step + 1 for size, r, step in zip(wide, reach, steps, strict=True))
    columns = x.shape[0] * x.shape[1] * places * padded(weight.shape[2:])
    outputs = max(len(weight), 1 if bias is None else bias.size)
    made = x.shape[0] * outputs * places
    products = columns * len(weight) // max(1, int(groups))
    return Size(max(padded([*x.shape[:2], *wide]), columns, made), products)


def _scaled(input: Array, scale: Array, zero_point: Array | None = None, axis: Array | None = None, **_: Any) -> Size:  # noqa: A002
    parameters = [one for one in (scale, zero_point) if one is not None]
    return _size(input.shape, *(per_axis(one, axis, input.ndim).shape for one in parameters))


def _affine(quantized_data: Array, zero_point: Array, scale: Array, axis: Array) -> Size:
    return _scaled(quantized_data, scale, zero_point, axis)


def _palette(indices: Array, lut: Array, shape: Array | None = None, **_: Any) -> Size:
    if shape is not None:
        return Size(padded(integers(shape)) * padded(lut.shape[1:]))
    return Size(padded(indices.shape) * max(1, lut.shape[-1]))


def _sparse_palette(indices_mask: Array, lut: Array, **_: Any) -> Size:
    return _palette(indices_mask, lut)


def _from_mask(mask: Array, shape: Array | None = None, **_: Any) -> Size:
    return Size(padded(mask.shape if shape is None else integers(shape)))


def _each(names: Iterable[str], measure: Measure) -> dict[str, Measure]:
    return dict.fromkeys(names, measure)


SIZES: Mapping[str, Measure] = {
    **_each([*ELEMENTWISE, *CHOICE, *ACTIVATIONS, *COMPOSITE_ACTIVATIONS], _broadcast),
    **_each([*REDUCTIONS, *SHAPE, *INDEX], _as_given),
    **_each(NORMALISATIONS, _normalised),
    "argsort": _as_given,
    "band_part": _as_given,
    "concat": _concat,
    "constexpr_affine_dequantize": _affine,
    "constexpr_blockwise_shift_scale": _as_given,
    "constexpr_cast": _as_given,
    "constexpr_lut_to_dense": _palette,
    "constexpr_lut_to_sparse": _sparse_palette,
    "constexpr_sparse_blockwise_shift_scale": _as_given,
    "constexpr_sparse_to_dense": _from_mask,
    "conv": _conv,
    "dequantize": _scaled,
    "einsum": _einsum,
    "fill": _fill,
    "fill_like": _as_given,
    "gather": _gather,
    "gather_along_axis": _gather_along_axis,
    "gather_nd": _gather_nd,
    "linear": _linear,
    "matmul": _matmul,
    "non_zero": _non_zero,
    "one_hot": _one_hot,
    "pad": _pad,
    "quantize": _scaled,
    "range_1d": _range,
    "scaled_dot_product_attention": _attention,
    "shape": _nothing,
    "stack": _concat,
    "tile": _tile,
    "topk": _as_given,
}
"""Every operation that the interpreter has; a test holds this table against `operations.OPERATIONS`."""
