"""Constants of a .tflite model: every weight in the form that LiteRT's operators read."""

from collections.abc import Mapping
from functools import partial

import numpy as np

from exporter.compression import integer_rounding, product_quantization
from exporter.compression.weight_exceptions import Keep
from exporter.model.ops import Array, Role
from exporter.targets.encoding.encoded_weights import Encode, EncodedWeights
from exporter.targets.encoding.storage import Storage


def codebook_shape(places: int, width: int) -> tuple[int, int]:
    """Of the codebooks of all places, one behind the other."""
    return places * product_quantization.ENTRIES, width // places


int8_row = partial(integer_rounding.int8, scale_type=np.float16)
"""How rows of tables are rounded: their scales are a float16 column that is looked up beside them."""


class WeightStore(EncodedWeights):
    """Arrays by name, once for all subgraphs; `arrays` has them in the order that they came."""

    target, positive_scales = "litert", True

    def __init__(self, storage: Mapping[Role, Storage], keep: Keep, encode: Encode) -> None:
        super().__init__(storage, keep, encode)
        self.arrays: dict[str, Array] = {}

    def add(self, name: str, values: Array | np.generic) -> str:
        """See EncodedWeights."""
        self.arrays.setdefault(name, np.asarray(values))
        return name

    def places(self, codes: str) -> int:
        """Codes of a row, of a table that was stored as `codes`."""
        return int(self.arrays[codes].shape[1])

    @staticmethod
    def pack_nibbles(q: Array) -> Array:
        """[rows, H] of 0..15, H even → uint8 [rows, H / 2]: of two neighbours the first in the low half, as q − 8."""
        return WeightStore.pack_pairs(q.astype(np.int8) - 8)

    @staticmethod
    def pack_pairs(q: Array) -> Array:
        """int8 [rows, n] in −8..7 → uint8 [rows, n / 2], or [rows · n / 2] where n is odd, in two's complement."""
        nibbles = (q & 15).astype(np.uint8).reshape(-1)
        packed = np.asarray(nibbles[0::2] | (nibbles[1::2] << 4))
        return packed if q.shape[1] % 2 else packed.reshape(len(q), -1)
