"""The types that operators of .tflite files read and make, and how integers among them stand for floats.

LiteRT's kernels look at the type of one tensor and write as many bytes of another: a type that its operator does not
make corrupts memory (seen in ai-edge-litert 2.3.0: a RESHAPE of float16 into int4, a DEQUANTIZE of int8 in blocks).
"""

from collections.abc import Mapping, Sequence

from runtimes.backends.litert.shapes import UnfitError
from runtimes.tflite.model import Node, Subgraph

_PLAIN = frozenset(("float32", "float16", "int32", "int64", "int16", "int8", "uint8", "bool"))
_KINDS = {
    "F": frozenset(("float32",)),
    "H": frozenset(("float16",)),
    "I": frozenset(("int32", "int64")),
    "L": frozenset(("int32",)),
    "B": frozenset(("bool",)),
    "Q": frozenset(("int8", "uint8", "int16")),
    "8": frozenset(("int8",)),
    "4": frozenset(("int4",)),
    "T": _PLAIN,
    "U": _PLAIN,
}
"""Letter of a pattern → what it stands for; T is one type wherever it is in a pattern, and so is Q."""
_ONE_TYPE = "TQ"
_OF_BLOCKS = ("FULLY_CONNECTED", "EMBEDDING_LOOKUP")
"""What makes floats of int4 rows whose blocks have scales."""


def _each(names: str, *patterns: str) -> dict[str, tuple[str, ...]]:
    return dict.fromkeys(names.split(), patterns)


PATTERNS: Mapping[str, tuple[str, ...]] = {
    **_each("ABS CEIL COS ELU EXP FLOOR GELU HARD_SWISH L2_NORMALIZATION LEAKY_RELU LOG", "F>F", "Q>Q"),
    **_each("LOGISTIC LOG_SOFTMAX RELU RELU6 ROUND RSQRT SIGN SIN SOFTMAX SQRT SQUARE TANH", "F>F", "Q>Q"),
    **_each("NEG ZEROS_LIKE SQUEEZE UNPACK", "T>T"),
    **_each("ADD DIV MAXIMUM MINIMUM MUL SQUARED_DIFFERENCE SUB FLOOR_DIV FLOOR_MOD POW", "TT>T"),
    **_each("ADD_N CONCATENATION PACK", "T*>T"),
    **_each("EQUAL GREATER GREATER_EQUAL LESS LESS_EQUAL NOT_EQUAL", "TT>B"),
    **_each("LOGICAL_AND LOGICAL_OR", "BB>B"),
    **_each("LOGICAL_NOT", "B>B"),
    **_each("SELECT SELECT_V2", "BTT>T"),
    **_each("MEAN REDUCE_MAX REDUCE_MIN REDUCE_PROD SUM EXPAND_DIMS RESHAPE TILE BROADCAST_TO", "TI>T"),
    **_each("CUMSUM GATHER GATHER_ND PAD TRANSPOSE", "TI>T"),
    **_each("REDUCE_ALL REDUCE_ANY", "BI>B"),
    **_each("PADV2", "TIT>T"),
    **_each("SLICE SPLIT_V", "TII>T"),
    **_each("STRIDED_SLICE", "TIII>T"),
    **_each("SPLIT FILL", "IT>T"),
    **_each("RANGE", "TTT>T"),
    **_each("ONE_HOT", "ILTT>T"),
    **_each("ARG_MAX ARG_MIN", "TI>I"),
    **_each("SHAPE RANK", "U>I"),
    **_each("CAST", "U>T"),
    **_each("DEQUANTIZE", "H>F", "Q>F"),
    **_each("QUANTIZE", "F>Q", "U>8"),
    **_each("FULLY_CONNECTED", "FFF>F", "F8F>F", "F4F>F", "QQL>Q"),
    **_each("BATCH_MATMUL", "FF>F", "F8>F", "QQ>Q"),
    **_each("EMBEDDING_LOOKUP", "LT>T", "L8>F", "L4>F"),
}
"""What each operator reads and makes, in letters; * is any number of the one before, and the last may be absent."""


def check_types(graph: Subgraph, node: Node) -> None:
    """Raise UnfitError for a node whose tensors are not of the types that it reads and makes."""
    reads = [graph.tensors[number].dtype if number >= 0 else "" for number in node.inputs]
    makes = [graph.tensors[number].dtype for number in node.outputs]
    if not any(_fits(pattern, reads, makes) for pattern in PATTERNS[node.operator]):
        raise UnfitError(f"of {', '.join(reads)} to {', '.join(makes)}")


def _fits(pattern: str, reads: Sequence[str], makes: Sequence[str]) -> bool:
    left, _, right = pattern.partition(">")
    letters = left[0] * len(reads) if left.endswith("*") else left[: len(reads)]
    pairs = [*zip(letters, reads, strict=False), *((right, one) for one in makes)]
    same = all(len({one for letter, one in pairs if letter == kind}) <= 1 for kind in _ONE_TYPE)
    return same and all(one in _KINDS[letter] for letter, one in pairs if one)


def check_blocks(graph: Subgraph, node: Node) -> None:
    """Raise UnfitError for scales by block elsewhere than in a table of int4 rows, with a float16 for each block."""
    for place, number in enumerate(node.inputs):
        how = graph.tensors[number].quantization if number >= 0 else None
        if how is not None and how.block_scales is not None:
            table, scales = graph.tensors[number], graph.tensors[how.block_scales]
            rows, width = table.shape if len(table.shape) == 2 else (0, 0)
            wanted = ("float16", (rows, width // how.block_size))
            fits = (scales.dtype, scales.shape) == wanted and width % how.block_size == 0 and scales.buffer != 0
            if not fits or table.dtype != "int4" or place != 1 or node.operator not in _OF_BLOCKS:
                raise UnfitError(f"{table.dtype} {table.shape} in blocks of {how.block_size} by {scales.shape}")
