"""The operations of ML programs by name: the function that computes each, and its arguments."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from runtimes.mil.ops.activation import ACTIVATIONS, COMPOSITE_ACTIVATIONS
from runtimes.mil.ops.attention import ATTENTION
from runtimes.mil.ops.compressed import COMPRESSED
from runtimes.mil.ops.conv import CONVOLUTIONS
from runtimes.mil.ops.create import CREATE
from runtimes.mil.ops.elementwise import CHOICE, ELEMENTWISE
from runtimes.mil.ops.index import INDEX
from runtimes.mil.ops.linear import LINEAR
from runtimes.mil.ops.normalise import NORMALISATIONS
from runtimes.mil.ops.quantize import QUANTIZATION
from runtimes.mil.ops.reduce import REDUCTIONS
from runtimes.mil.ops.shape import SHAPE


class Kind(Enum):
    """What an operation does with numbers, and therefore what its function receives."""

    MOVES = "elements pass unchanged: arguments come in their stored type"
    COMPUTES = "float16 arguments come as float32"
    COMPOSES = "as COMPUTES, and the rounding of inner steps comes first"
    DECODES = "weights, decoded once when the program is opened"


@dataclass(frozen=True)
class Operation:
    """One entry of the table."""

    function: Callable[..., Any]
    kind: Kind


def _entries(kind: Kind, *tables: Mapping[str, Callable[..., Any]]) -> dict[str, Operation]:
    return {name: Operation(function, kind) for table in tables for name, function in table.items()}


OPERATIONS: Mapping[str, Operation] = {
    **_entries(Kind.MOVES, SHAPE, INDEX, CREATE, CHOICE),
    **_entries(Kind.COMPUTES, ELEMENTWISE, ACTIVATIONS, REDUCTIONS, QUANTIZATION),
    **_entries(Kind.COMPOSES, COMPOSITE_ACTIVATIONS, NORMALISATIONS, LINEAR, CONVOLUTIONS, ATTENTION),
    **_entries(Kind.DECODES, COMPRESSED),
}
