"""What is inside an ONNX file: opset, operators, and its largest weights."""

from collections import Counter
from pathlib import Path

import onnx

from exporter.targets.target import Inspection
from runtimes.backends.onnx.file_check import check_onnx, size_bytes

_TOP = 12


def inspect_onnx(path: Path) -> Inspection:
    """Inspect an ONNX file. Raises BundleError where it is none."""
    check_onnx(path)
    model = onnx.load_model(path, load_external_data=False)  # no weight is read: the checks held sizes against files
    opsets = ", ".join(f"{entry.domain or 'ai.onnx'} {entry.version}" for entry in model.opset_import)
    operators = Counter(node.op_type for node in model.graph.node)
    return Inspection({"opset": opsets}, dict(operators.most_common()), _weights(path, model)[:_TOP])


def _weights(path: Path, model: onnx.ModelProto) -> list[tuple[str, str, list[int], int]]:
    rows = [
        (t.name, onnx.TensorProto.DataType.Name(t.data_type).lower(), list(t.dims), size_bytes(path, t))
        for t in model.graph.initializer
    ]
    return sorted(rows, key=lambda row: (-row[3], row[0]))
