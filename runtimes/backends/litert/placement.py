"""Which nodes of a .tflite graph XNNPACK takes: measured by LiteRT in a process of its own, or told by rules."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from runtimes.errors import BertportError, BundleError
from runtimes.extras import require_extra
from runtimes.process.child import Child, Program
from runtimes.process.frames import ARRAYS
from runtimes.process.launch import python_path
from runtimes.runner import Array
from runtimes.tflite.model import Model, Subgraph

_LIMIT_S = 120.0
TAKEN = frozenset(
    (  # noqa: SIM905 - read by people
        "ABS ADD BATCH_MATMUL CEIL CONCATENATION COS DEQUANTIZE DIV ELU EXP EXPAND_DIMS FLOOR FULLY_CONNECTED GELU "
        "HARD_SWISH LEAKY_RELU LOG LOGISTIC MAXIMUM MEAN MINIMUM MUL NEG PAD RELU RELU6 RESHAPE ROUND RSQRT SIGN SIN "
        "SLICE SOFTMAX SPLIT SQRT SQUARE SQUARED_DIFFERENCE STRIDED_SLICE SUB SUM TANH TRANSPOSE"
    ).split()
)
"""Operators on float32 that XNNPACK has kernels for (seen in ai-edge-litert 2.3.0)."""
_MOVES = ("RESHAPE", "SLICE")
"""Those that it takes on float16 too."""
_INTEGERS = ("int32", "int64")


@dataclass(frozen=True)
class Placement:
    """Numbers of the first graph's nodes that XNNPACK takes, and in how many parts."""

    taken: frozenset[int]
    parts: int


def measured(path: Path, graph: Subgraph) -> Placement:
    """What LiteRT hands over when it opens the file, which must have been checked; sizes that are free are 1.

    Raises RuntimeUnavailable without LiteRT or where its process ends, BundleError where it does not load the file.
    """
    require_extra("litert", "the placement of a .tflite file", "ai_edge_litert")
    command = (sys.executable, "-P", "-m", "runtimes.backends.litert.placement_child")

    def refused(text: str) -> BertportError:
        return BundleError(f"{path}: LiteRT does not load it: {text}; export again")

    child = Child(Program(f"{path}: its placement", "LiteRT's process", command, python_path(), refused, _LIMIT_S))
    try:
        found = child.exchange(ARRAYS, {"path": np.frombuffer(str(path.absolute()).encode(), np.uint8)})
    finally:
        child.close()
    return Placement(_within(graph, found), len(found) // 2)


def _within(graph: Subgraph, found: Mapping[str, Array]) -> frozenset[int]:
    """The nodes between what parts of a graph read and what they make."""
    makers = {tensor: number for number, node in enumerate(graph.nodes) for tensor in node.outputs}
    taken: set[int] = set()
    for part in range(len(found) // 2):
        given, waiting = set(found[f"reads {part}"].tolist()), found[f"makes {part}"].tolist()
        while waiting:
            tensor = waiting.pop()
            maker = makers.get(tensor)
            if tensor not in given and maker is not None and maker not in taken:
                taken.add(maker)
                waiting += graph.nodes[maker].inputs
    return frozenset(taken)


def obstacle(model: Model, graph: Subgraph, number: int) -> str:
    """Why XNNPACK does not take a node, by rules; nothing where none speaks against it."""
    node = graph.nodes[number]
    if node.operator not in TAKEN:
        return "no kernel for the operator"
    reads = [graph.tensors[one] for one in node.inputs if one >= 0]
    wrong = {graph.tensors[made].dtype for made in node.outputs} - (
        {"float32", "float16"} if node.operator in _MOVES else {"float32"}
    )
    if wrong:
        return f"makes {', '.join(sorted(wrong))}, not float32"
    if any(one.dtype in _INTEGERS and not one.buffer for one in reads):
        return "reads integers that are computed"
    if node.operator == "DEQUANTIZE" and not reads[0].buffer and reads[0].quantization is None:
        return "makes floats of what is no constant"
    if node.operator == "SLICE" and -1 in model.values(reads[2]):
        return "a size that is all that is left"
    return "axes that are taken one of" if node.options.get("shrink_axis_mask") else ""
