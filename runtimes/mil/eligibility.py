"""Eligibility for the Neural Engine: what in a saved package keeps an operation from it, never placement.

Core ML decides where an operation runs when it loads a model on a device, and small encoders that are eligible
throughout have been seen to run on the CPU. The rules: coremltools' guide ("ML programs: typed execution", "flexible
inputs"), Apple's "Deploying Transformers on the Apple Neural Engine" (2022) and hollance/neural-engine.

The program is read as it is saved: nothing is computed, and no weight is decoded.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from runtimes.errors import BertportError, BundleError
from runtimes.mil.datatypes import DATA_TYPES, Array
from runtimes.mil.package import Package, read_package
from runtimes.mil.values import TensorType, read_value

MAX_RANK = 5
MAX_SIZE = 16384
LANES = 32
_FLOAT16_MAX = 65504.0
_SIXTEEN_BITS = ("int16", "uint16", "int8", "uint8")
_CHUNK = 1 << 20
"""Elements of a constant that are looked at together."""
_FLOATS = frozenset(kind.number for kind in DATA_TYPES if kind.dtype.kind == "f")


@dataclass(frozen=True)
class Finding:
    """One obstacle: the operation's kind and its output, or `input` and an input's name."""

    function: str
    operation: str
    output: str
    finding: str


@dataclass(frozen=True)
class _Tensor:
    """A tensor that an operation yields, as the program declares it."""

    name: str
    dtype: str
    shape: tuple[int | None, ...]


@dataclass(frozen=True)
class _Seen:
    """An operation, the tensors before it by name, the names that are put out, and the package with the constants."""

    package: Package
    message: Any
    tensors: dict[str, _Tensor]
    outputs: frozenset[str]

    @property
    def computed(self) -> list[_Tensor]:
        """The tensors that the operation computes at run time."""
        constant = self.message.type == "const" or self.message.type.startswith("constexpr_")
        found = [self.tensors.get(output.name) for output in self.message.outputs]
        return [] if constant else [one for one in found if one is not None]


def find_obstacles(package: Path) -> list[Finding]:
    """Every finding of every function, in the program's order.

    Raises BundleError for what is no readable ML program.
    """
    try:
        read = read_package(package)
        return [*_flexible_inputs(read.model.description), *_in_functions(read)]
    except BertportError as error:
        raise BundleError(f"{package}: not a readable ML program ({error}); export it again") from error


def _in_functions(package: Package) -> Iterator[Finding]:
    for name in sorted(package.functions):
        _, function = package.function(name)
        for block in function.block_specializations.values():
            tensors = {tensor.name: tensor for tensor in map(_tensor, function.inputs) if tensor}
            for message in block.operations:
                tensors |= {tensor.name: tensor for tensor in map(_tensor, message.outputs) if tensor}
                seen = _Seen(package, message, tensors, frozenset(block.outputs))
                for rule in _RULES:
                    yield from (Finding(name, message.type, *found) for found in rule(seen))


def _tensor(message: Any) -> _Tensor | None:
    """None for what is no tensor: the dictionary of a classifier, a list."""
    if message.type.WhichOneof("type") != "tensorType":
        return None
    declared = TensorType.of(message.type, f"tensor {message.name}")
    return _Tensor(message.name, declared.data_type.name, declared.shape)


def _flexible_inputs(description: Any) -> Iterator[Finding]:
    for part in list(description.functions) or [description]:
        for feature in part.input:
            kind = feature.type.multiArrayType.WhichOneof("ShapeFlexibility")
            if kind is not None:
                finding = f"flexible shape ({kind}); fixed ones run"
                yield Finding(getattr(part, "name", "main"), "input", feature.name, finding)


def _large(seen: _Seen) -> Iterator[tuple[str, str]]:
    for output in seen.computed:
        if len(output.shape) > MAX_RANK:
            yield output.name, f"rank {len(output.shape)}, more than {MAX_RANK}"
        if any(size is not None and size > MAX_SIZE for size in output.shape):
            yield output.name, f"shape {list(output.shape)} has an axis longer than {MAX_SIZE}"
        if None in output.shape:
            yield output.name, "shape known only when it runs"


def _thin(seen: _Seen) -> Iterator[tuple[str, str]]:
    for output in seen.computed:
        if len(output.shape) >= 3 and output.dtype == "fp16" and 1 <= (output.shape[-1] or 0) < LANES:
            yield output.name, f"last axis of {output.shape[-1]} takes the room of {LANES}"


def _wide_types(seen: _Seen) -> Iterator[tuple[str, str]]:
    for output in seen.computed:
        if output.dtype == "fp32" and output.name not in seen.outputs:
            yield output.name, "float32; only float16 runs there"


def _indices(seen: _Seen) -> Iterator[tuple[str, str]]:
    if seen.message.type == "gather" and "indices" in seen.message.inputs:
        names = [binding.name for binding in seen.message.inputs["indices"].arguments]
        for kind in [seen.tensors[name].dtype for name in names if name in seen.tensors]:
            if kind not in _SIXTEEN_BITS:
                yield seen.message.outputs[0].name, f"gathers by {kind} indices; 16-bit ones run"


def _constants(seen: _Seen) -> Iterator[tuple[str, str]]:
    value = seen.message.attributes["val"] if seen.message.type == "const" else None
    if value is None or value.type.tensorType.dataType not in _FLOATS:
        return
    name = seen.message.outputs[0].name
    largest = _largest(read_value(value, seen.package.blob_file, f"constant {name}").ravel())
    if not np.isfinite(largest):
        yield name, "holds NaN or infinity"
    elif largest > _FLOAT16_MAX:
        yield name, f"holds {largest:.4g}, beyond float16's {_FLOAT16_MAX:.0f}"


def _largest(values: Array) -> float:
    """The largest magnitude, NaN where there is one; a part at a time, for the values are mapped from a file."""
    parts = (values[at : at + _CHUNK] for at in range(0, len(values), _CHUNK))
    return max((float(np.abs(part).max()) for part in parts), default=0.0, key=lambda found: (np.isnan(found), found))


def _layout(seen: _Seen) -> Iterator[tuple[str, str]]:
    if seen.message.type == "linear":
        yield seen.message.outputs[0].name, "rows layout (B, S, C); 1×1 convolutions over (B, C, 1, S) suit it"


_RULES: tuple[Callable[[_Seen], Iterator[tuple[str, str]]], ...] = (
    _large,
    _thin,
    _wide_types,
    _indices,
    _constants,
    _layout,
)
