"""What compares the weights of a .tflite file: see `targets.audit.encoded_weights`."""

from typing import Any

import numpy as np

from exporter.model.ops import Array
from exporter.targets.audit.encoded_weights import AuditedWeights
from exporter.targets.audit.held import Held, HeldTensor
from exporter.targets.audit.tally import Tally
from exporter.targets.litert.weights import WeightStore


class AuditedStore(AuditedWeights, WeightStore):
    """In the place of `WeightStore` while the expected graphs are built. Matrices in float16 are [out, in]."""

    outputs_axis = 0

    def __init__(self, held: Held, tally: Tally, *given: Any) -> None:
        super().__init__(held, tally, *given)
        self._places: dict[str, int] = {}

    def places(self, codes: str) -> int:
        """See WeightStore; what the recipe has, whatever the file has."""
        return self._places[codes]

    @staticmethod
    def unpack_nibbles(packed: Array) -> Array:
        """See AuditedWeights."""
        rows, bytes_of_a_row = packed.shape
        return (_signed(packed).reshape(rows, 2 * bytes_of_a_row) + 8).astype(np.uint8)

    @staticmethod
    def unpack_pairs(packed: Array, shape: tuple[int, ...]) -> Array:
        """See AuditedWeights."""
        return _signed(packed).reshape(shape)

    def _word_tensors(
        self, names: tuple[str, ...], dtype: "np.dtype[np.generic]", values: Array, starts: str
    ) -> tuple[HeldTensor | None, HeldTensor | None]:
        self._places[names[0]] = self.word_places(values.shape[1])
        return super()._word_tensors(names, dtype, values, starts)


def _signed(packed: Array) -> Array:
    """Bytes [...] → the two numbers in −8..7 of each, int8 [..., 2]."""
    both = np.stack([packed << 4, packed & 0xF0], -1)  # each in a byte's upper half, where its sign is
    return both.view(np.int8) >> 4
