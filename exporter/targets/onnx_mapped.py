"""A second door to a saved ONNX model: the same graph in a small file whose large weights lie in the first one's bytes.

ONNX Runtime copies what it parses, but maps external data and keeps of it what is read: less memory for an app that
opens models by their path. Protobuf aligns nothing, so only what any address will do for is mapped: bytes (int8, packed
int4), and tables that are gathered from, row by row by memcpy.
"""

import onnx
from onnx import TensorProto

from exporter.bundle import MAPPED

FILE = MAPPED
_LEAST_BYTES = 1 << 12
_LARGEST_SHARE = 1 / 12
_BYTES = (TensorProto.INT8, TensorProto.UINT8)


def mapped(content: bytes, location: str) -> bytes | None:
    """The graph of a serialised model, its weights as external data in `location`, the file that holds `content`.

    None where more than a twelfth of the model would be repeated: float32 and float16 linear layers.
    """
    proto = onnx.load_from_string(content)
    gathered = {node.input[0] for node in proto.graph.node if node.op_type == "Gather"}
    for tensor in proto.graph.initializer:
        anywhere = tensor.data_type in _BYTES or tensor.name in gathered
        if anywhere and len(tensor.raw_data) >= _LEAST_BYTES:
            _refer(tensor, location, content.index(tensor.raw_data))
    door = bytes(proto.SerializeToString(deterministic=True))
    return door if len(door) <= _LARGEST_SHARE * len(content) else None


def _refer(tensor: TensorProto, location: str, offset: int) -> None:
    """Replace a tensor's bytes by where they are."""
    length = len(tensor.raw_data)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", offset), ("length", length)):
        tensor.external_data.add(key=key, value=str(value))
