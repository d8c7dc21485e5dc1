"""Checking an ONNX file before ONNX Runtime opens it: the files it reads, and its operators.

ONNX Runtime opens whatever path a tensor's external data names (older versions, any path; none stops at a link), and
allocates what a shape says. So both are looked at first, in the file's own terms.
"""

from collections.abc import Iterator
from math import prod
from pathlib import Path
from stat import S_ISREG
from typing import Any

from runtimes.backends.onnx.sizes import check_sizes
from runtimes.errors import BundleError, in_our_words

OPERATORS = frozenset(
    (  # noqa: SIM905 - read by people
        "Abs Add And BitShift BitwiseAnd Cast Concat Cos CumSum Div DynamicQuantizeLinear Equal Flatten Gather Gelu "
        "Gemm Greater Identity LayerNormalization MatMul MatMulInteger Max Mul Not Pad Range ReduceL2 ReduceMax "
        "ReduceSum Relu Reshape Shape Sigmoid Sin Slice Softmax Split Sqrt Squeeze Sub Tanh Transpose Unsqueeze Where"
    ).split()
)
"""All that the ONNX target emits: no branches, loops or functions. Range makes a tensor of a size: see `sizes`."""
FOREIGN_OPERATORS = OPERATORS | frozenset(
    (  # noqa: SIM905 - read by people
        "Attention Ceil Clip Constant ConstantOfShape DequantizeLinear Einsum Elu Erf Exp Expand Floor "
        "GatherElements GatherND GreaterOrEqual HardSigmoid IsInf IsNaN LeakyRelu Less LessOrEqual Log "
        "LogSoftmax LpNormalization Mean Min Mod Neg OneHot Or Pow QLinearMatMul QuantizeLinear Reciprocal "
        "ReduceL1 ReduceMean ReduceMin ReduceProd ReduceSumSquare Round ScatterElements ScatterND Sign Size "
        "Softplus Sum Swish Tile Trilu Xor com.microsoft::Attention com.microsoft::BiasGelu "
        "com.microsoft::DynamicQuantizeMatMul com.microsoft::EmbedLayerNormalization com.microsoft::FastGelu "
        "com.microsoft::FusedMatMul com.microsoft::Gelu com.microsoft::MatMulIntegerToFloat "
        "com.microsoft::MatMulNBits com.microsoft::MultiHeadAttention com.microsoft::QAttention "
        "com.microsoft::QuickGelu com.microsoft::SkipLayerNormalization"
    ).split()
)
"""What encoders that others exported are made of, too; no branches, loops or functions either."""
MAX_MODEL_BYTES = 2**31
"""What a protobuf can hold."""


def check_onnx(path: Path, operators: frozenset[str] = OPERATORS) -> None:
    """Refuse a model that could read elsewhere, or whose tensors are not there.

    Raises BundleError for a file that is no model, an operator that is none of `operators`, a tensor whose data is
    outside the model's folder, behind a link or beyond its file's end, one that does not hold what its shape says, and
    a graph that makes more out of its constants than any encoder.
    """
    from onnx import load_model  # here: a process that is measured gets a file that was checked before

    with in_our_words(lambda why: BundleError(f"{path}: no ONNX model can be read from it ({why}); export again")):
        if path.stat().st_size > MAX_MODEL_BYTES:
            raise BundleError(f"{path}: larger than an ONNX file can be; export again")
        model = load_model(path, load_external_data=False)
    _check_operators(path, model, operators)
    tensors = [*model.graph.initializer, *(one for node in model.graph.node for one in _constants(node))]
    for tensor in tensors:
        _check_tensor(path, tensor)
    check_sizes(path, model, path.stat().st_size + sum(size_bytes(path, tensor) for tensor in tensors))


def _check_operators(path: Path, model: Any, operators: frozenset[str]) -> None:
    found = {f"{node.domain}::{node.op_type}" if node.domain else node.op_type for node in model.graph.node}
    strange = sorted(found - operators)
    strange += [f"function {function.name}" for function in model.functions]
    strange += ["a sparse tensor"] if len(model.graph.sparse_initializer) or len(model.training_info) else []
    strange += [f"a graph in {node.name}" for node in model.graph.node if any(a.HasField("g") for a in node.attribute)]
    if strange:
        does = "writes" if operators is OPERATORS else "runs"
        raise BundleError(f"{path}: bertport {does} no {', '.join(strange[:5])}; export again")


def _constants(node: Any) -> Iterator[Any]:
    """The tensors in a node's attributes."""
    for attribute in node.attribute:
        if attribute.HasField("t"):
            yield attribute.t
        yield from attribute.tensors


def _check_tensor(path: Path, tensor: Any) -> None:
    expected = size_bytes(path, tensor)
    if tensor.data_location != tensor.EXTERNAL:
        if tensor.HasField("raw_data") and len(tensor.raw_data) != expected:
            raise _refused(path, tensor, f"holds {len(tensor.raw_data):,} bytes, its shape needs {expected:,}")
        return
    facts = {entry.key: entry.value for entry in tensor.external_data}
    name = facts.get("location", "")
    place = path.parent / name
    found_bytes = _size_of_plain(place) if Path(name).name == name else None
    if found_bytes is None:
        raise _refused(path, tensor, f"has its data in {name[:200]!r}, which is no plain file beside it")
    try:
        start, length = int(facts.get("offset", "0")), int(facts.get("length", str(expected)))
    except ValueError as error:
        raise _refused(path, tensor, "has an offset or a length that is no number") from error
    if start < 0 or length != expected or start + length > found_bytes:
        raise _refused(path, tensor, f"needs {expected:,} bytes from {start:,} on, and {place.name} has them not")


def _size_of_plain(place: Path) -> int | None:
    """Bytes of a file that is there and no link, pipe or device."""
    try:
        found = place.lstat()
    except (OSError, ValueError):
        return None
    return found.st_size if S_ISREG(found.st_mode) else None


def size_bytes(path: Path, tensor: Any) -> int:
    """What the shape and the type say. Raises BundleError for a negative size or an unknown type."""
    from onnx import helper

    try:
        item = helper.tensor_dtype_to_np_dtype(tensor.data_type)
    except (KeyError, ValueError, TypeError) as error:
        raise _refused(path, tensor, f"has the unknown type {tensor.data_type}") from error
    if any(size < 0 for size in tensor.dims):
        raise _refused(path, tensor, f"has the shape {list(tensor.dims)}")
    bits = _PACKED_BITS.get(item.name, item.itemsize * 8)
    return (int(prod(tensor.dims)) * bits + 7) // 8


_PACKED_BITS = {"int4": 4, "uint4": 4, "int2": 2, "uint2": 2, "float4_e2m1fn": 4}


def _refused(path: Path, tensor: Any, reason: str) -> BundleError:
    return BundleError(f"{path}: tensor {tensor.name} {reason}; export again")
