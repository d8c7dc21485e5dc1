"""Flatbuffer tables by slot, with flatbuffers' builder alone: what the model and its metadata are written with."""

from collections.abc import Sequence

import numpy as np

from runtimes.extras import require_extra

OFFSET = "UOffsetTRelative"
Slots = Sequence[tuple[int, str, object]]
"""(slot, kind as flatbuffers' builder calls it, value) of each field that is stored."""


class Flatbuffer:
    """Writes tables, vectors and strings from the leaves up; each is known by its offset."""

    def __init__(self, size: int = 1 << 10) -> None:
        require_extra("litert", "writing a .tflite file", "flatbuffers")
        from flatbuffers import Builder  # of an optional extra

        self.builder: Builder = Builder(size)

    def text(self, value: str) -> int:
        """A string."""
        return int(self.builder.CreateString(value))

    def table(self, count: int, slots: Slots) -> int:
        """A table of `count` slots: all that are given are stored, whatever their defaults."""
        self.builder.StartObject(count)
        for slot, kind, value in slots:
            if kind == OFFSET:
                self.builder.PrependUOffsetTRelativeSlot(slot, value, 0)
            else:
                getattr(self.builder, f"Prepend{kind}")(value)
                self.builder.Slot(slot)
        return int(self.builder.EndObject())

    def ints(self, values: object) -> int:
        """A vector of int32."""
        return int(self.builder.CreateNumpyVector(np.array(values, "<i4").reshape(-1)))

    def offsets(self, offsets: Sequence[int]) -> int:
        """A vector of tables or strings."""
        self.builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self.builder.PrependUOffsetTRelative(offset)
        return int(self.builder.EndVector())

    def finished(self, root: int, identifier: bytes) -> bytearray:
        """The whole, once its root is written."""
        self.builder.Finish(root, file_identifier=identifier)
        return bytearray(self.builder.Output())
