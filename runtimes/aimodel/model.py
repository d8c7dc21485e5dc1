"""A Core AI asset as dataclasses: what its files say, whoever wrote them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FREE = -1
"""A size that the caller sets."""


@dataclass(frozen=True)
class TensorType:
    """A tensor's type. `dtype` is a name of `attributes.SCALARS`, numpy's where it has one; `shape` may hold FREE."""

    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class TensorSpec(TensorType):
    """An input or output of a function."""

    name: str


@dataclass(frozen=True)
class Constant:
    """A constant that is stored beside the operations: its name, type, and where its bytes lie in the program file."""

    name: str
    type: TensorType
    offset: int
    size_bytes: int


@dataclass(frozen=True)
class Function:
    """One entry point. `operations` counts what it computes by; `rows` is how many rows each input may choose from.

    Those are of the tables that an input's numbers, unchanged, gather from: an input of another use is not among them.
    """

    name: str
    inputs: Sequence[TensorSpec]
    outputs: Sequence[TensorSpec]
    operations: Mapping[str, int] = field(default_factory=dict)
    rows: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Metadata:
    """metadata.json: what it says of the model, and the author's own entries."""

    description: str
    author: str
    license: str
    creation_date: str
    producer: str
    user_defined: Mapping[str, Any]


@dataclass(frozen=True)
class Asset:
    """An asset that was checked: functions by name, constants in the order of the file."""

    directory: Path
    metadata: Metadata
    producer: str
    minimum_system: str
    functions: Sequence[Function]
    constants: Sequence[Constant]
