"""Numbers of the .tflite format that bertport writes: tensor types, operators, and where their options lie.

Source: LiteRT's schema.fbs, version 3. A flatbuffer knows fields by their slot, so that the numbers are the format;
`tests/runtimes/tflite/test_schema.py` holds them against the schema that ai-edge-litert ships.
"""

from collections.abc import Mapping
from dataclasses import dataclass

VERSION, IDENTIFIER = 3, b"TFL3"
MAX_BYTES = 2**31 - 1
"""What 32-bit offsets of a flatbuffer reach."""
ALIGNMENT = 16
"""Of a buffer's data (`force_align` in the schema)."""

TYPES = {
    "float32": 0,
    "float16": 1,
    "int32": 2,
    "uint8": 3,
    "int64": 4,
    "bool": 6,
    "int8": 9,
    "int4": 17,
}
"""Type of a tensor → TensorType. Two int4 share a byte: the even one is in its low half, in two's complement."""


@dataclass(frozen=True)
class Option:
    """A field of an operator's options: its slot, its kind as flatbuffers calls it, its value where none is stored."""

    slot: int
    kind: str
    default: int | float | bool | tuple[int, ...]


@dataclass(frozen=True)
class Operator:
    """A builtin operator: its BuiltinOperator, its member of the union BuiltinOptions (0: none), and their fields."""

    number: int
    union: int = 0
    options: Mapping[str, Option] | None = None


_ACTIVATION = {"activation": Option(0, "Int8", 0)}
_KEEP_DIMS = {"keep_dims": Option(0, "Bool", False)}

OPERATORS: dict[str, Operator] = {
    "ADD": Operator(0, 11, _ACTIVATION),
    "CONCATENATION": Operator(2, 10, {"axis": Option(0, "Int32", 0), "activation": Option(1, "Int8", 0)}),
    "DEQUANTIZE": Operator(6, 38),
    "EMBEDDING_LOOKUP": Operator(7),
    "FULLY_CONNECTED": Operator(
        9,
        8,
        {
            **_ACTIVATION,
            "weights_format": Option(1, "Int8", 0),
            "keep_dims": Option(2, "Bool", False),
            "asymmetric": Option(3, "Bool", False),
        },
    ),
    "LOGISTIC": Operator(14),
    "MUL": Operator(18, 21, _ACTIVATION),
    "RELU": Operator(19),
    "RESHAPE": Operator(22, 17),
    "SOFTMAX": Operator(25, 9, {"beta": Option(0, "Float32", 0.0)}),
    "TANH": Operator(28),
    "PAD": Operator(34, 22),
    "GATHER": Operator(36, 23, {"axis": Option(0, "Int32", 0), "batch_dims": Option(1, "Int32", 0)}),
    "TRANSPOSE": Operator(39, 26),
    "MEAN": Operator(40, 27, _KEEP_DIMS),
    "SUB": Operator(41, 28, _ACTIVATION),
    "DIV": Operator(42, 29, _ACTIVATION),
    "SQUEEZE": Operator(43, 30, {"axes": Option(0, "Ints", ())}),
    "STRIDED_SLICE": Operator(
        45,
        32,
        {
            "begin_mask": Option(0, "Int32", 0),
            "end_mask": Option(1, "Int32", 0),
            "shrink_axis_mask": Option(4, "Int32", 0),
        },
    ),
    "SPLIT": Operator(49, 35, {"parts": Option(0, "Int32", 0)}),
    "CAST": Operator(53, 37, {"from_type": Option(0, "Int8", 0), "to_type": Option(1, "Int8", 0)}),
    "MAXIMUM": Operator(55, 39),
    "SLICE": Operator(65, 48),
    "EXPAND_DIMS": Operator(70, 52),
    "NOT_EQUAL": Operator(72, 54),
    "SUM": Operator(74, 27, _KEEP_DIMS),
    "SQRT": Operator(75),
    "RSQRT": Operator(76),
    "SHAPE": Operator(77, 55, {"out_type": Option(0, "Int8", 0)}),
    "REDUCE_MAX": Operator(82, 27, _KEEP_DIMS),
    "SQUARE": Operator(92, 66),
    "SQUARED_DIFFERENCE": Operator(99, 76),
    "SELECT_V2": Operator(123, 98),
    "BATCH_MATMUL": Operator(126, 101, {"adj_x": Option(0, "Bool", False), "adj_y": Option(1, "Bool", False)}),
    "CUMSUM": Operator(128, 102, {"exclusive": Option(0, "Bool", False), "reverse": Option(1, "Bool", False)}),
    "GELU": Operator(150, 116, {"approximate": Option(0, "Bool", False)}),
}
"""All operators that the LiteRT target emits."""
