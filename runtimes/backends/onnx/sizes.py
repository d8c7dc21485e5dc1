"""Bounding the size of an ONNX file's tensors before ONNX Runtime opens it.

ONNX Runtime computes at load what is constant, so that a file of a few hundred bytes can ask for gigabytes. ONNX's own
shape inference says how large each tensor is; it is given the small constants, which make shapes, and the shapes of the
large ones. Sizes of inputs are unknown (batch, sequence) and count as 1.
"""

from math import prod
from pathlib import Path
from typing import Any

from runtimes.errors import BundleError, in_our_words

MOST_ELEMENTS = 1 << 28
"""Of one tensor whose size the file alone decides, an axis of size 0 counted as 1."""
_ELEMENTS, _RATIO = 1 << 26, 64
"""Of all of them together: so many, and so many for each byte of the file and of what lies beside it."""
_SMALL = 1024
"""Elements of a constant that may say a shape."""


def check_sizes(path: Path, model: Any, file_bytes: int) -> None:
    """Raise BundleError for a model that makes tensors beyond reason out of itself. `file_bytes`: with its weights."""
    sizes = {name: prod(max(1, size) for size in shape) for name, shape in _shapes(path, model).items()}
    largest = max(sizes, key=lambda name: sizes[name], default=None)
    if largest is not None and sizes[largest] > MOST_ELEMENTS:
        made = f"makes a tensor of {sizes[largest]:,} elements, at most {MOST_ELEMENTS:,} are made"
        raise BundleError(f"{path}: {largest!r} {made}; export again")
    most, total = _ELEMENTS + _RATIO * file_bytes, sum(sizes.values())
    if total > most:
        raise BundleError(f"{path}: makes tensors of {total:,} elements in all, at most {most:,}; export again")


def _shapes(path: Path, model: Any) -> dict[str, list[int]]:
    """Sizes by name of what nodes yield; 1 for those that are not known."""
    from onnx import shape_inference

    with in_our_words(lambda why: BundleError(f"{path}: shapes that do not fit ({why}); export again"), 200):
        inferred = shape_inference.infer_shapes(_without_weights(model))
    made = {name for node in inferred.graph.node for name in node.output}
    found = [one for one in (*inferred.graph.value_info, *inferred.graph.output) if one.name in made]
    return {one.name: [size.dim_value or 1 for size in one.type.tensor_type.shape.dim] for one in found}


def _without_weights(model: Any) -> Any:
    """A copy whose large constants are inputs of their shapes: nothing of their size is copied or read."""
    from onnx import ModelProto, helper

    bare = ModelProto(ir_version=model.ir_version, opset_import=model.opset_import)
    for field in ("node", "input", "output", "value_info"):
        getattr(bare.graph, field).extend(getattr(model.graph, field))
    bare.graph.name = model.graph.name or "graph"
    known = {one.name for one in model.graph.input}
    for tensor in model.graph.initializer:
        if prod(tensor.dims) <= _SMALL and tensor.data_location != tensor.EXTERNAL:
            bare.graph.initializer.append(tensor)
        elif tensor.name not in known:
            bare.graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
    return bare
