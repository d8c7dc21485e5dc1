"""The constants of a saved asset by name, read where they lie in its program file."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from exporter.model.ops import Array
from runtimes.aimodel.model import Asset
from runtimes.aimodel.names import PROGRAM
from runtimes.mil.datatypes import BY_NAME, unpack

_BYTE = 8


@dataclass(frozen=True)
class StoredConstant:
    """A constant; `data` are its bytes, a view of the file. Of numbers narrower than a byte several share one."""

    element: str
    shape: tuple[int, ...]
    data: Array

    @property
    def kind(self) -> str:
        """Type and shape, as a finding says them."""
        return f"{self.element} {list(self.shape)}"

    def numbers(self, start: int, end: int) -> Array:
        """Some of its numbers, flat; `start` is a multiple of 8."""
        bits = bits_of(self.element)
        if bits >= _BYTE:
            return self.data.view(self.element)[start:end]
        part = self.data[start * bits // _BYTE : math.ceil(end * bits / _BYTE)]
        return unpack(part, end - start, BY_NAME[self.element])

    def read(self) -> Array:
        """All of them, in shape."""
        return self.numbers(0, math.prod(self.shape)).reshape(self.shape)


def bits_of(element: str) -> int:
    """Of one number."""
    return int("".join(filter(str.isdigit, element)))


def size_bytes(element: str, shape: tuple[int, ...]) -> int:
    """What so many numbers take."""
    return math.ceil(math.prod(shape) * bits_of(element) / _BYTE)


def stored_constants(asset: Asset) -> Mapping[str, StoredConstant]:
    """Every constant of an asset that was checked; one whose bytes its type does not fill is left out."""
    content = np.memmap(asset.directory / PROGRAM, np.uint8, mode="r")
    return {
        one.name: StoredConstant(
            one.type.dtype, tuple(one.type.shape), content[one.offset : one.offset + one.size_bytes]
        )
        for one in asset.constants
        if size_bytes(one.type.dtype, tuple(one.type.shape)) == one.size_bytes
    }
