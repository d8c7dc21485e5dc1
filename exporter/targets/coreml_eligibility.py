"""What in a saved package keeps the Neural Engine from taking an operation: eligibility, never placement.

Core ML decides where an operation runs when it loads a model on a device, and small encoders that are eligible
throughout have been seen to run on the CPU. The rules: coremltools' guide ("ML programs: typed execution", "flexible
inputs"), Apple's "Deploying Transformers on the Apple Neural Engine" (2022) and hollance/neural-engine.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from exporter.errors import BundleError, in_one_line
from exporter.targets.coreml_quiet import ct, types

_MAX_RANK = 5
_MAX_SIZE = 16384
_LANES = 32
_FLOAT16_MAX = 65504.0
_SIXTEEN_BITS = ("int16", "uint16", "int8", "uint8")


@dataclass(frozen=True)
class Finding:
    """One obstacle: the operation's kind and its output, or `input` and an input's name."""

    function: str
    operation: str
    output: str
    finding: str


def find_obstacles(package: Path) -> list[Finding]:
    """Every finding of every function, in the program's order.

    Raises BundleError for what is no readable ML program.
    """
    program, spec = _read(package)
    findings = [Finding(*found) for found in _flexible_inputs(spec.description)]
    for name, function in program.functions.items():
        for operation in function.operations:
            for rule in _RULES:
                findings += [Finding(name, operation.op_type, *found) for found in rule(operation, function.outputs)]
    return findings


def _read(package: Path) -> tuple[Any, Any]:
    from coremltools.converters.mil.frontend.milproto.load import load

    try:
        model = ct.models.MLModel(str(package), skip_model_load=True)
        spec = model.get_spec()
        return load(spec, spec.specificationVersion, model.weights_dir), spec
    except Exception as error:  # coremltools lets through whatever its readers met: nothing narrower covers them
        reason = in_one_line(error, 200) or type(error).__name__
        raise BundleError(f"{package}: not a readable ML program ({reason}); export it again") from error


def _flexible_inputs(description: Any) -> Iterator[tuple[str, str, str, str]]:
    for part in list(description.functions) or [description]:
        for feature in part.input:
            kind = feature.type.multiArrayType.WhichOneof("ShapeFlexibility")
            if kind is not None:
                yield getattr(part, "name", "main"), "input", feature.name, f"flexible shape ({kind}); fixed ones run"


def _large(operation: Any, _: Any) -> Iterator[tuple[str, str]]:
    for output in _computed(operation):
        if output.rank > _MAX_RANK:
            yield output.name, f"rank {output.rank}, more than {_MAX_RANK}"
        if any(isinstance(size, int) and size > _MAX_SIZE for size in output.shape):
            yield output.name, f"shape {list(output.shape)} has an axis longer than {_MAX_SIZE}"
        if not all(isinstance(size, int | np.integer) for size in output.shape):
            yield output.name, "shape known only when it runs"


def _thin(operation: Any, _: Any) -> Iterator[tuple[str, str]]:
    for output in _computed(operation):
        if output.rank >= 3 and output.dtype == types.fp16 and output.shape[-1] in range(1, _LANES):
            yield output.name, f"last axis of {output.shape[-1]} takes the room of {_LANES}"


def _wide_types(operation: Any, outputs: Any) -> Iterator[tuple[str, str]]:
    for output in _computed(operation):
        if output.dtype == types.fp32 and output.name not in {last.name for last in outputs}:
            yield output.name, "float32; only float16 runs there"


def _indices(operation: Any, _: Any) -> Iterator[tuple[str, str]]:
    if operation.op_type == "gather":
        kind = types.builtin_to_string(operation.indices.dtype)
        if kind not in _SIXTEEN_BITS:
            yield operation.outputs[0].name, f"gathers by {kind} indices; 16-bit ones run"


def _constants(operation: Any, _: Any) -> Iterator[tuple[str, str]]:
    value = operation.outputs[0].val if operation.op_type == "const" else None
    if isinstance(value, np.ndarray | np.floating | float) and np.asarray(value).dtype.kind == "f":
        if not np.isfinite(value).all():
            yield operation.outputs[0].name, "holds NaN or infinity"
        elif np.abs(value).max(initial=0) > _FLOAT16_MAX:
            yield operation.outputs[0].name, f"holds {np.abs(value).max():.4g}, beyond float16's {_FLOAT16_MAX:.0f}"


def _layout(operation: Any, _: Any) -> Iterator[tuple[str, str]]:
    if operation.op_type == "linear":
        yield operation.outputs[0].name, "rows layout (B, S, C); 1×1 convolutions over (B, C, 1, S) suit it"


def _computed(operation: Any) -> list[Any]:
    """The tensors that an operation computes at run time."""
    constant = operation.op_type == "const" or operation.op_type.startswith("constexpr_")
    return [] if constant else [output for output in operation.outputs if types.is_tensor(output.sym_type)]


_RULES: tuple[Callable[[Any, Any], Iterator[tuple[str, str]]], ...] = (
    _large,
    _thin,
    _wide_types,
    _indices,
    _constants,
    _layout,
)
