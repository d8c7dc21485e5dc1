"""Reading the float values of encoded weights, in the forms that a fine-tuned bundle has."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from exporter.compression.outlier_channels import Treatment
from exporter.model.ops import Array
from exporter.targets.audit.encoded_weights import AuditedWeights, lying, scales
from exporter.targets.encoding.encoded_weights import SMOOTHED, Layout, Quantise


class StoredValues(AuditedWeights):
    """Keeps in `read` what it compares: values by our names, of a file that passed its audit.

    Comes before what audits a target's weights among the bases of a class; `given` is what that one is made of.
    """

    def __init__(self, read: dict[str, Array], *given: Any) -> None:
        super().__init__(*given)
        self._read = read

    def floats(self, name: str, values: Array) -> str:
        """See EncodedWeights."""
        self._read[name] = self._values(name, values)
        return super().floats(name, values)

    def halves(self, name: str, values: Array) -> str:
        """See EncodedWeights."""
        self._read[name] = self._values(f"{name}.float16", values)
        return super().halves(name, values)

    def integers(self, name: str, values: Array, quantise: Quantise, layout: Layout = Layout.AS_IS) -> tuple[str, str]:
        """See EncodedWeights."""
        q, scale = (self._held.tensors[f"{name}.{part}"] for part in ("int8", "scale"))
        every = lying(q, layout)(slice(0, len(values))).astype(np.float32)
        self._read[name] = every * scales(scale, values.shape, layout)
        return super().integers(name, values, quantise, layout)

    def pairs(self, name: str, values: Array) -> tuple[str, str]:
        """See EncodedWeights."""
        packed, stored = (self._held.tensors[f"{name}.{part}"] for part in ("int4", "scale.float16"))
        q, scale = self.unpacked(packed, stored, values)
        self._read[name] = q * scale.astype(np.float32)
        return super().pairs(name, values)

    def codes(self, name: str, values: Array, starts: str) -> tuple[str, str]:
        """See EncodedWeights."""
        self._read_codes(name, values, self._stored(f"{name}.book.float16"))
        return super().codes(name, values, starts)

    def narrow_codes(self, name: str, values: Array, starts: str) -> tuple[str, str, str]:
        """See EncodedWeights."""
        self._read_codes(name, values, self._stored(f"{name}.book.int8") * self._stored(f"{name}.book.scale"))
        return super().narrow_codes(name, values, starts)

    def shared_codes(self, name: str, values: Array) -> tuple[str, str]:
        """See EncodedWeights."""
        self._read[name] = self._stored(f"{name}.book.float16")[self._codes(name)].reshape(values.shape)
        return super().shared_codes(name, values)

    def _read_codes(self, name: str, values: Array, codebooks: Array) -> None:
        codes = self._codes(name)
        whole = codebooks.reshape(codes.shape[1], -1, codebooks.shape[1])
        self._read[name] = whole[np.arange(codes.shape[1]), codes].reshape(values.shape)

    def _codes(self, name: str) -> Array:
        return self._held.tensors[f"{name}.codes"].read()

    def _stored(self, name: str) -> Array:
        return self._held.tensors[name].read().astype(np.float32)

    def _values(self, stored: str, values: Array) -> Array:
        return self._held.tensors[stored].read().astype(np.float32).reshape(values.shape)


def undo_treatments(read: dict[str, Array], treated: Mapping[str, Treatment]) -> None:
    """Put the values of whole weights in the place of what layers that treat outlier channels store of them."""
    for name, one in treated.items():
        if one.channels is not None:
            read[name][:, one.channels] = read[f"{name}.far"].T
        if one.factors is not None:
            read[name] = read[f"{name}{SMOOTHED}"] / one.factors
