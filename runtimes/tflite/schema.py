"""Numbers of the .tflite format: tensor types, operators, and where the options of those that bertport writes lie.

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
FOREIGN_TYPES = {
    "string": 5,
    "int16": 7,
    "complex64": 8,
    "float64": 10,
    "complex128": 11,
    "uint64": 12,
    "resource": 13,
    "variant": 14,
    "uint32": 15,
    "uint16": 16,
    "bfloat16": 18,
    "int2": 19,
    "uint4": 20,
    "float8_e4m3fn": 21,
    "float8_e5m2": 22,
}
"""The same for what bertport does not write."""
BITS = {
    **dict.fromkeys(("int2",), 2),
    **dict.fromkeys(("int4", "uint4"), 4),
    **dict.fromkeys(("bool", "int8", "uint8", "float8_e4m3fn", "float8_e5m2"), 8),
    **dict.fromkeys(("int16", "uint16", "float16", "bfloat16"), 16),
    **dict.fromkeys(("int32", "uint32", "float32"), 32),
    **dict.fromkeys(("int64", "uint64", "float64", "complex64"), 64),
    "complex128": 128,
}
"""Of one number; texts, resources and variants have no size."""


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
    "RESHAPE": Operator(22, 17, {"new_shape": Option(0, "Ints", ())}),
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
    "MINIMUM": Operator(57, 39),
    "NEG": Operator(59, 42),
    "SLICE": Operator(65, 48),
    "SIN": Operator(66),
    "EXPAND_DIMS": Operator(70, 52),
    "NOT_EQUAL": Operator(72, 54),
    "SUM": Operator(74, 27, _KEEP_DIMS),
    "SQRT": Operator(75),
    "RSQRT": Operator(76),
    "SHAPE": Operator(77, 55, {"out_type": Option(0, "Int8", 0)}),
    "REDUCE_MAX": Operator(82, 27, _KEEP_DIMS),
    "SQUARE": Operator(92, 66),
    "SQUARED_DIFFERENCE": Operator(99, 76),
    "RANGE": Operator(96, 73),
    "ABS": Operator(101, 78),
    "COS": Operator(108, 84),
    "SELECT_V2": Operator(123, 98),
    "BATCH_MATMUL": Operator(126, 101, {"adj_x": Option(0, "Bool", False), "adj_y": Option(1, "Bool", False)}),
    "CUMSUM": Operator(128, 102, {"exclusive": Option(0, "Bool", False), "reverse": Option(1, "Bool", False)}),
    "GELU": Operator(150, 116, {"approximate": Option(0, "Bool", False)}),
}
"""All operators that the LiteRT target emits."""

OPERATOR_NAMES = tuple(
    (  # noqa: SIM905 - read by people
        "ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE EMBEDDING_LOOKUP "
        "FLOOR FULLY_CONNECTED HASHTABLE_LOOKUP L2_NORMALIZATION L2_POOL_2D LOCAL_RESPONSE_NORMALIZATION LOGISTIC "
        "LSH_PROJECTION LSTM MAX_POOL_2D MUL RELU RELU_N1_TO_1 RELU6 RESHAPE RESIZE_BILINEAR RNN SOFTMAX "
        "SPACE_TO_DEPTH SVDF TANH CONCAT_EMBEDDINGS SKIP_GRAM CALL CUSTOM EMBEDDING_LOOKUP_SPARSE PAD "
        "UNIDIRECTIONAL_SEQUENCE_RNN GATHER BATCH_TO_SPACE_ND SPACE_TO_BATCH_ND TRANSPOSE MEAN SUB DIV SQUEEZE "
        "UNIDIRECTIONAL_SEQUENCE_LSTM STRIDED_SLICE BIDIRECTIONAL_SEQUENCE_RNN EXP TOPK_V2 SPLIT LOG_SOFTMAX "
        "DELEGATE BIDIRECTIONAL_SEQUENCE_LSTM CAST PRELU MAXIMUM ARG_MAX MINIMUM LESS NEG PADV2 GREATER "
        "GREATER_EQUAL LESS_EQUAL SELECT SLICE SIN TRANSPOSE_CONV SPARSE_TO_DENSE TILE EXPAND_DIMS EQUAL NOT_EQUAL "
        "LOG SUM SQRT RSQRT SHAPE POW ARG_MIN FAKE_QUANT REDUCE_PROD REDUCE_MAX PACK LOGICAL_OR ONE_HOT "
        "LOGICAL_AND LOGICAL_NOT UNPACK REDUCE_MIN FLOOR_DIV REDUCE_ANY SQUARE ZEROS_LIKE FILL FLOOR_MOD RANGE "
        "RESIZE_NEAREST_NEIGHBOR LEAKY_RELU SQUARED_DIFFERENCE MIRROR_PAD ABS SPLIT_V UNIQUE CEIL REVERSE_V2 ADD_N "
        "GATHER_ND COS WHERE RANK ELU REVERSE_SEQUENCE MATRIX_DIAG QUANTIZE MATRIX_SET_DIAG ROUND HARD_SWISH IF "
        "WHILE NON_MAX_SUPPRESSION_V4 NON_MAX_SUPPRESSION_V5 SCATTER_ND SELECT_V2 DENSIFY SEGMENT_SUM BATCH_MATMUL "
        "PLACEHOLDER_FOR_GREATER_OP_CODES CUMSUM CALL_ONCE BROADCAST_TO RFFT2D CONV_3D IMAG REAL COMPLEX_ABS "
        "HASHTABLE HASHTABLE_FIND HASHTABLE_IMPORT HASHTABLE_SIZE REDUCE_ALL CONV_3D_TRANSPOSE VAR_HANDLE "
        "READ_VARIABLE ASSIGN_VARIABLE BROADCAST_ARGS RANDOM_STANDARD_NORMAL BUCKETIZE RANDOM_UNIFORM MULTINOMIAL "
        "GELU DYNAMIC_UPDATE_SLICE RELU_0_TO_1 UNSORTED_SEGMENT_PROD UNSORTED_SEGMENT_MAX UNSORTED_SEGMENT_SUM "
        "ATAN2 UNSORTED_SEGMENT_MIN SIGN BITCAST BITWISE_XOR RIGHT_SHIFT STABLEHLO_LOGISTIC STABLEHLO_ADD "
        "STABLEHLO_DIVIDE STABLEHLO_MULTIPLY STABLEHLO_MAXIMUM STABLEHLO_RESHAPE STABLEHLO_CLAMP "
        "STABLEHLO_CONCATENATE STABLEHLO_BROADCAST_IN_DIM STABLEHLO_CONVOLUTION STABLEHLO_SLICE "
        "STABLEHLO_CUSTOM_CALL STABLEHLO_REDUCE STABLEHLO_ABS STABLEHLO_AND STABLEHLO_COSINE STABLEHLO_EXPONENTIAL "
        "STABLEHLO_FLOOR STABLEHLO_LOG STABLEHLO_MINIMUM STABLEHLO_NEGATE STABLEHLO_OR STABLEHLO_POWER "
        "STABLEHLO_REMAINDER STABLEHLO_RSQRT STABLEHLO_SELECT STABLEHLO_SUBTRACT STABLEHLO_TANH STABLEHLO_SCATTER "
        "STABLEHLO_COMPARE STABLEHLO_CONVERT STABLEHLO_DYNAMIC_SLICE STABLEHLO_DYNAMIC_UPDATE_SLICE STABLEHLO_PAD "
        "STABLEHLO_IOTA STABLEHLO_DOT_GENERAL STABLEHLO_REDUCE_WINDOW STABLEHLO_SORT STABLEHLO_WHILE "
        "STABLEHLO_GATHER STABLEHLO_TRANSPOSE DILATE STABLEHLO_RNG_BIT_GENERATOR REDUCE_WINDOW STABLEHLO_COMPOSITE "
        "STABLEHLO_SHIFT_LEFT STABLEHLO_CBRT STABLEHLO_CASE"
    ).split()
)
"""All operators of the schema in the order of their BuiltinOperator, for files of others."""
