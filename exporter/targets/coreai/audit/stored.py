"""The constants of a saved asset by name, read where they lie in its program file."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from exporter.model.ops import Array
from runtimes.aimodel.attributes import BITS
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
        bits = BITS[self.element]
        if bits >= _BYTE:
            return self.data.view(self.element)[start:end]
        part = self.data[start * bits // _BYTE : math.ceil(end * bits / _BYTE)]
        return unpack(part, end - start, BY_NAME[self.element])

    def read(self) -> Array:
        """All of them, in shape."""
        return self.numbers(0, math.prod(self.shape)).reshape(self.shape)


def stored_constants(asset: Asset) -> Mapping[str, StoredConstant]:
    """Every constant of an asset, whose reader holds its bytes to its type."""
    content = np.memmap(asset.directory / PROGRAM, np.uint8, mode="r")
    return {
        one.name: StoredConstant(one.type.dtype, one.type.shape, content[one.offset : one.offset + one.size_bytes])
        for one in asset.constants
    }
