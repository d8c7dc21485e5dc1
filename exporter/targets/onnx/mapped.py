"""The memory-mapped variant of a saved ONNX model: its graph in a small file whose large weights lie in the model's.

ONNX Runtime copies what it parses, but maps external data and keeps of it what is read: less memory for an app that
opens models by their path. Protobuf aligns nothing, so only what any address will do for is mapped: bytes (int8, packed
int4), and tables that are gathered from, row by row by memcpy.
"""

import onnx
from onnx import TensorProto

from exporter.targets.onnx.file import Saved, Tensor, described, little_endian, read
from runtimes.backends.onnx.file_check import check_onnx
from runtimes.bundle.manifest import MAPPED
from runtimes.bundle.reading import Bundle
from runtimes.errors import BundleError, in_our_words
from runtimes.files.bounded_read import MAX_WEIGHT_BYTES, read_bounded

FILE = MAPPED
_LEAST_BYTES = 1 << 12
_LARGEST_SHARE = 1 / 12


def mapped(saved: Saved, location: str) -> bytes | None:
    """The graph of a model that was saved in the file `location`, its weights as external data there.

    None where more than a twelfth of the model would be repeated: float32 and float16 linear layers.
    """
    gathered = {node.input[0] for node in saved.model.graph.node if node.op_type == "Gather"}
    referred = [_anywhere(tensor, gathered) for tensor in saved.tensors]
    repeated = [values.nbytes for (_, values), refer in zip(saved.tensors, referred, strict=True) if not refer]
    if sum(repeated) > _LARGEST_SHARE * saved.size_bytes:
        return None
    proto = onnx.ModelProto()
    proto.CopyFrom(saved.model)
    for tensor, start, refer in zip(saved.tensors, saved.starts, referred, strict=True):
        proto.graph.initializer.append(_reference(tensor, location, start) if refer else _whole(tensor))
    variant = bytes(proto.SerializeToString(deterministic=True))
    return variant if len(variant) <= _LARGEST_SHARE * saved.size_bytes else None


def check_mapped(bundle: Bundle) -> None:
    """Refuse a memory-mapped variant that is not the model's graph: what is compared is the model.

    Raises BundleError.
    """
    if FILE not in bundle.manifest.files:
        return
    model = bundle.directory / bundle.manifest.models[0]
    check_onnx(model)
    found = read_bounded(bundle.directory / FILE, MAX_WEIGHT_BYTES, BundleError)
    with in_our_words(lambda why: BundleError(f"{bundle.directory / FILE}: no ONNX model ({why}); export again")):
        expected = mapped(read(read_bounded(model, MAX_WEIGHT_BYTES, BundleError)), model.name)
        same = expected is not None and onnx.load_from_string(found) == onnx.load_from_string(expected)
    if not same:
        raise BundleError(f"{bundle.directory / FILE}: not the graph of {model.name}; export again")


def _anywhere(tensor: Tensor, gathered: set[str]) -> bool:
    """Whether a tensor is large, and may lie at any address."""
    name, values = tensor
    return values.nbytes >= _LEAST_BYTES and (values.itemsize == 1 or name in gathered)


def _whole(tensor: Tensor) -> TensorProto:
    proto = described(*tensor)
    proto.raw_data = little_endian(tensor[1]).tobytes()
    return proto


def _reference(tensor: Tensor, location: str, start: int) -> TensorProto:
    """A tensor with where its bytes are in place of them."""
    proto = described(*tensor)
    proto.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", start), ("length", tensor[1].nbytes)):
        proto.external_data.add(key=key, value=str(value))
    return proto
