"""The signature of a function: names, types and allowed shapes of its inputs, and checking of feeds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from runtimes.mil.budget import MOST_ELEMENTS
from runtimes.mil.datatypes import Array, DataType
from runtimes.mil.ops.sizes import padded
from runtimes.mil.refusal import refusal
from runtimes.mil.values import Dimensions, TensorType


@dataclass(frozen=True)
class Range:
    """Sizes from `lower` to `upper`, both allowed; `upper` None has no bound."""

    lower: int
    upper: int | None

    def __contains__(self, size: int) -> bool:
        return self.lower <= size and (self.upper is None or size <= self.upper)

    def __str__(self) -> str:
        if self.lower == self.upper:
            return str(self.lower)
        return f"{self.lower}..{'' if self.upper is None else self.upper}"


@dataclass(frozen=True)
class TensorSpec:
    """Name, element type (a name such as `fp16`) and shape of an output; None: known only when the program runs."""

    name: str
    dtype: str
    shape: Dimensions


@dataclass(frozen=True)
class InputSpec(TensorSpec):
    """An input; `allowed` lists the shapes it takes: one, several (EnumeratedShapes), or ranges (RangeDim)."""

    data_type: DataType
    allowed: tuple[tuple[Range, ...], ...]

    def accepts(self, shape: tuple[int, ...]) -> bool:
        """Whether an array of `shape` may be fed."""
        return any(
            len(ranges) == len(shape) and all(size in r for size, r in zip(shape, ranges, strict=True))
            for ranges in self.allowed
        )


def input_spec(message: Any, feature: Any | None) -> InputSpec:
    """Read one input of a function; `feature` is its description, which alone knows flexible shapes.

    Raises `BundleError` for what is no tensor, such as the state of an iOS 18 model.
    """
    tensor = TensorType.of(message.type, f"input {message.name}")
    if padded(size or 1 for size in tensor.shape) > MOST_ELEMENTS:
        raise refusal(f"input {message.name}: {tensor.shape} is larger than any text; export the package again")
    allowed = _flexible(feature) or (tuple(_range(size) for size in tensor.shape),)
    return InputSpec(message.name, tensor.data_type.name, tensor.shape, tensor.data_type, allowed)


def _range(size: int | None) -> Range:
    return Range(0, None) if size is None else Range(size, size)


def _flexible(feature: Any | None) -> tuple[tuple[Range, ...], ...]:
    if feature is None or feature.type.WhichOneof("Type") != "multiArrayType":
        return ()
    array = feature.type.multiArrayType
    match array.WhichOneof("ShapeFlexibility"):
        case "enumeratedShapes":
            return tuple(tuple(Range(n, n) for n in one.shape) for one in array.enumeratedShapes.shapes)
        case "shapeRange":
            # An upper bound of −1 means none (FeatureTypes.proto, SizeRange).
            bounds = array.shapeRange.sizeRanges
            return (tuple(Range(b.lowerBound, b.upperBound if b.upperBound >= 0 else None) for b in bounds),)
        case _:
            return ()


def check_feeds(specs: tuple[InputSpec, ...], feeds: Mapping[str, Array]) -> dict[str, Array]:
    """Return the feeds in the declared types; `BundleError` for a missing, unknown, misshaped or mistyped one."""
    expected = [spec.name for spec in specs]
    if set(feeds) != set(expected):
        found = ", ".join(sorted(feeds)) or "none"
        raise refusal(f"inputs: expected {', '.join(expected)}; found {found}; feed exactly these names")
    return {spec.name: _checked(spec, np.asarray(feeds[spec.name])) for spec in specs}


def _checked(spec: InputSpec, feed: Array) -> Array:
    if not spec.accepts(feed.shape):
        allowed = " or ".join(f"({', '.join(str(r) for r in ranges)})" for ranges in spec.allowed)
        raise refusal(f"input {spec.name}: shape {feed.shape}, expected {allowed}; pad or truncate to a declared shape")
    if not np.can_cast(feed.dtype, spec.data_type.dtype, "same_kind"):
        raise refusal(f"input {spec.name}: {feed.dtype} given, expected {spec.dtype}; convert it before the call")
    converted = feed.astype(spec.data_type.dtype, copy=False)
    if feed.dtype.kind in "iu" and not np.array_equal(converted, feed):
        raise refusal(f"input {spec.name}: values beyond {spec.dtype}; check the ids that are fed")
    return converted
