"""Shape and type inference for the operations of ML programs that the Core ML target uses.

Rules: coremltools' MIL operation reference. Shapes are fixed, batch 1.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Shape: TypeAlias = tuple[int, ...]
Kind: TypeAlias = tuple[str, Shape]
"""Element type, by `runtimes.mil.datatypes`' name, and shape."""


@dataclass(frozen=True)
class Tensor:
    """A tensor of a program: coremltools' Var, as far as `MilOps` asks it."""

    name: str
    dtype: str
    shape: Shape

    @property
    def rank(self) -> int:
        """The number of its axes."""
        return len(self.shape)


def _same(x: Tensor, **_: Any) -> Kind:
    return x.dtype, x.shape


def _broadcast(x: Any, y: Any) -> Kind:
    """Of tensors, and of numbers and arrays that the operation holds."""
    return _FLOATS.get(str(x.dtype), str(x.dtype)), _broadcast_shape(x.shape, getattr(y, "shape", ()))


def _broadcast_shape(left: Shape, right: Shape) -> Shape:
    rank = max(len(left), len(right))
    pairs = zip((1,) * (rank - len(left)) + left, (1,) * (rank - len(right)) + right, strict=True)
    return tuple(b if a == 1 else a for a, b in pairs)


def _compared(x: Tensor, y: Any) -> Kind:
    return "bool", _broadcast(x, y)[1]


def _cast(x: Tensor, dtype: str) -> Kind:
    return dtype, x.shape


def _quantized(input: Tensor, scale: Any, output_dtype: str) -> Kind:  # noqa: A002, ARG001 - the operation's names
    return output_dtype, input.shape


def _dequantized(input: Tensor, scale: Any) -> Kind:  # noqa: A002 - the operation's name
    return _FLOATS[scale.dtype.name], input.shape


_FLOATS = {"float16": "fp16", "float32": "fp32"}


def _gathered(x: Tensor, indices: Tensor, axis: int, validate_indices: bool = False) -> Kind:  # noqa: ARG001
    return x.dtype, (*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :])


def _reshaped(x: Tensor, shape: Sequence[int]) -> Kind:
    known = math.prod(size for size in shape if size != -1)
    return x.dtype, tuple(math.prod(x.shape) // known if size == -1 else size for size in shape)


def _sliced(x: Tensor, begin: Sequence[int], end: Sequence[int], squeeze_mask: Sequence[bool] = ()) -> Kind:
    squeezed = tuple(squeeze_mask) or (False,) * x.rank
    sizes = zip(begin, end, squeezed, strict=True)
    return x.dtype, tuple(last - first for first, last, gone in sizes if not gone)


def _cut(x: Tensor, begin: Sequence[int], size: Sequence[int]) -> Kind:  # noqa: ARG001 - the operation's names
    return x.dtype, tuple(size)


def _padded(x: Tensor, pad: Sequence[int], mode: str, constant_val: Any) -> Kind:  # noqa: ARG001
    ends = zip(x.shape, pad[::2], pad[1::2], strict=True)
    return x.dtype, tuple(size + before + after for size, before, after in ends)


def _concatenated(values: Sequence[Tensor], axis: int) -> Kind:
    shape = list(values[0].shape)
    shape[axis] = sum(one.shape[axis] for one in values)
    return values[0].dtype, tuple(shape)


def _expanded(x: Tensor, axes: Sequence[int]) -> Kind:
    shape = list(x.shape)
    for axis in sorted(axes):
        shape.insert(axis, 1)
    return x.dtype, tuple(shape)


def _squeezed(x: Tensor, axes: Sequence[int]) -> Kind:
    return x.dtype, tuple(size for axis, size in enumerate(x.shape) if axis not in axes)


def _transposed(x: Tensor, perm: Sequence[int]) -> Kind:
    return x.dtype, tuple(x.shape[axis] for axis in perm)


def _split(x: Tensor, axis: int, num_splits: int = 0, split_sizes: Sequence[int] = ()) -> list[Kind]:
    axis %= x.rank
    sizes = list(split_sizes) or [x.shape[axis] // num_splits] * num_splits
    return [(x.dtype, (*x.shape[:axis], size, *x.shape[axis + 1 :])) for size in sizes]


def _reduced(x: Tensor, axes: Sequence[int], keep_dims: bool) -> Kind:
    whole = ((axis in axes, size) for axis, size in enumerate(x.shape))
    return x.dtype, tuple(1 if gone else size for gone, size in whole if keep_dims or not gone)


def _multiplied(x: Tensor, y: Tensor, transpose_y: bool = False) -> Kind:
    columns = y.shape[-2] if transpose_y else y.shape[-1]
    return x.dtype, (*_broadcast_shape(x.shape[:-2], y.shape[:-2]), x.shape[-2], columns)


def _linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Kind:  # noqa: ARG001
    return x.dtype, (*x.shape[:-1], weight.shape[0])


def _convolved(x: Tensor, weight: Tensor, pad_type: str, bias: Tensor | None = None, groups: int = 1) -> Kind:  # noqa: ARG001
    spans = zip(x.shape[2:], weight.shape[2:], strict=True)  # pad_type is "valid"
    return x.dtype, (x.shape[0], weight.shape[0], *(size - width + 1 for size, width in spans))


def _einsum(values: Sequence[Tensor], equation: str) -> Kind:
    given, _, wanted = equation.partition("->")
    sizes = {
        axis: n
        for letters, one in zip(given.split(","), values, strict=True)
        for axis, n in zip(letters, one.shape, strict=True)
    }
    return values[0].dtype, tuple(sizes[axis] for axis in wanted)


def _attended(query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor) -> Kind:  # noqa: ARG001
    return query.dtype, (*query.shape[:-1], value.shape[-1])


RESULTS: Mapping[str, Callable[..., Kind | list[Kind]]] = {
    **dict.fromkeys(
        ("abs", "cumsum", "gelu", "identity", "layer_norm", "relu", "silu", "softmax", "sqrt", "tanh"), _same
    ),
    **dict.fromkeys(("add", "maximum", "mul", "real_div", "sub"), _broadcast),
    **dict.fromkeys(("reduce_l2_norm", "reduce_max", "reduce_sum"), _reduced),
    "cast": _cast,
    "concat": _concatenated,
    "conv": _convolved,
    "dequantize": _dequantized,
    "einsum": _einsum,
    "expand_dims": _expanded,
    "gather": _gathered,
    "linear": _linear,
    "matmul": _multiplied,
    **dict.fromkeys(("less_equal", "not_equal"), _compared),
    "pad": _padded,
    "quantize": _quantized,
    "reshape": _reshaped,
    "scaled_dot_product_attention": _attended,
    "slice_by_index": _sliced,
    "slice_by_size": _cut,
    "split": _split,
    "squeeze": _squeezed,
    "transpose": _transposed,
}
"""Operation → type and shape of its result, or of each of its results."""

DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "conv": {"strides": 1, "pad": 0, "dilations": 1, "groups": 1},
    "cumsum": {"exclusive": False, "reverse": False},
    "gather": {"axis": 0, "batch_dims": 0, "validate_indices": False},
    "matmul": {"transpose_x": False, "transpose_y": False},
    "softmax": {"axis": -1},
    "concat": {"interleave": False},
    "slice_by_index": {"begin_mask": False, "end_mask": False, "squeeze_mask": False, "stride": 1},
    "linear": {"bias": 0},
}
"""Operation → parameters that coremltools writes, or not, where none was given: the value of each of their elements."""
