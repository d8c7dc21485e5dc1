"""What compares the weights of an ONNX file: see `targets.audit.encoded_weights`."""

from exporter.compression import integer_rounding
from exporter.model.ops import Array
from exporter.targets.audit.encoded_weights import AuditedWeights
from exporter.targets.onnx.weights import WeightStore


class AuditedStore(AuditedWeights, WeightStore):
    """In the place of `WeightStore` while the expected graph is built. Matrices in float16 are [in, out]."""

    outputs_axis = 1

    @staticmethod
    def unpack_nibbles(packed: Array) -> Array:
        """See AuditedWeights."""
        return integer_rounding.unpack_nibbles(packed)

    @staticmethod
    def unpack_pairs(packed: Array, shape: tuple[int, ...]) -> Array:
        """See AuditedWeights."""
        return integer_rounding.unpack_pairs(packed, shape[::-1]).T
