"""Reading the float values of every weight that an ONNX model stores."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from exporter.compression.outlier_channels import Treatment
from exporter.compression.weight_exceptions import Keep
from exporter.model.ops import Array, Weight
from exporter.targets.audit.subject import Audited
from exporter.targets.audit.tally import Tally
from exporter.targets.encoding.encoded_weights import SMOOTHED, Layout, Quantise
from exporter.targets.encoding.storage import Storage
from exporter.targets.onnx.audit.file import open_model
from exporter.targets.onnx.audit.model import _AuditedOps
from exporter.targets.onnx.audit.weights import AuditedWeights, Held, _lying, _scales, _unpacked
from exporter.targets.onnx.ops import FILE, build
from exporter.targets.onnx.recipe import recorded
from exporter.targets.onnx.schemes import SCHEMES


def read_onnx(audited: Audited) -> Mapping[str, Array]:
    """The values of every weight that model.onnx stores, by our names, in the forms that a fine-tuned bundle has.

    For a bundle that passed its audit.
    """
    model, recipe = audited.checkpoint.model, audited.recipe
    stored = open_model(audited.bundle.directory / FILE)
    ops = _ReadingOps(audited, Held(stored, recipe.pq_dims, exact=False), Tally(FILE))
    made = recorded(recipe)
    build(ops, model, made.opset, made.int32_inputs)
    for name, treated in ops.treated.items():
        if treated.channels is not None:
            ops.read[name][:, treated.channels] = ops.read[f"{name}.far"].T
        if treated.factors is not None:
            ops.read[name] = ops.read[f"{name}{SMOOTHED}"] / treated.factors
    return ops.read


class _ReadingOps(_AuditedOps):
    """`treated` is how layers treat outlier channels, by their weights' names."""

    def __init__(self, audited: Audited, held: Held, tally: Tally) -> None:
        recipe, head = audited.recipe, audited.checkpoint.model.head
        super().__init__(audited.checkpoint.model, recipe, held, tally)
        self.read: dict[str, Array] = {}
        self.treated: dict[str, Treatment] = {}
        storage, keep = SCHEMES[recipe.scheme].storage, Keep(recipe.keep)
        self.weights = _ReadWeights(self.read, self._node, storage, keep, head.tied, held, tally)

    def _dynamic_linear(self, name: str, x: str, weight: Weight, bias: str | None) -> str:
        found = super()._dynamic_linear(name, x, weight, bias)
        self.treated |= self._outliers
        return found


class _ReadWeights(AuditedWeights):
    def __init__(self, read: dict[str, Array], *given: Any) -> None:
        super().__init__(*given)
        self._read = read

    def float32(self, weight: Weight, layout: Array | None = None) -> str:
        """See WeightStore; a layout is the weight with its last axes exchanged."""
        name = super().float32(weight, layout)
        if layout is not None and self.storage(weight) in (Storage.FLOAT32, Storage.FLOAT16):
            self._read[weight.name] = self._read[weight.name].swapaxes(-1, -2)
        return name

    def floats(self, name: str, values: Array) -> str:
        """See WeightStore."""
        self._read[name] = self._values(name, values)
        return super().floats(name, values)

    def halves(self, name: str, values: Array) -> str:
        """See WeightStore."""
        self._read[name] = self._values(f"{name}.float16", values)
        return super().halves(name, values)

    def integers(self, name: str, values: Array, quantise: Quantise, layout: Layout = Layout.AS_IS) -> tuple[str, str]:
        """See WeightStore."""
        q, scale = (self._held.stored.tensors[f"{name}.{part}"] for part in ("int8", "scale"))
        every = _lying(q, layout)(slice(0, len(values))).astype(np.float32)
        self._read[name] = every * _scales(scale, values.shape, layout)
        return super().integers(name, values, quantise, layout)

    def pairs(self, name: str, values: Array) -> tuple[str, str]:
        """See WeightStore."""
        packed, scales = (self._held.stored.tensors[f"{name}.{part}"] for part in ("int4", "scale.float16"))
        q, scale = _unpacked(packed, scales, values)
        self._read[name] = q * scale.astype(np.float32)
        return super().pairs(name, values)

    def codes(self, name: str, values: Array, starts: str) -> tuple[str, str]:
        """See WeightStore."""
        self._read_codes(name, values, self._stored(f"{name}.book.float16"))
        return super().codes(name, values, starts)

    def narrow_codes(self, name: str, values: Array, starts: str) -> tuple[str, str, str]:
        """See WeightStore."""
        self._read_codes(name, values, self._stored(f"{name}.book.int8") * self._stored(f"{name}.book.scale"))
        return super().narrow_codes(name, values, starts)

    def shared_codes(self, name: str, values: Array) -> tuple[str, str]:
        """See WeightStore."""
        self._read[name] = self._stored(f"{name}.book.float16")[self._codes(name)].reshape(values.shape)
        return super().shared_codes(name, values)

    def _read_codes(self, name: str, values: Array, codebooks: Array) -> None:
        codes = self._codes(name)
        whole = codebooks.reshape(codes.shape[1], -1, codebooks.shape[1])
        self._read[name] = whole[np.arange(codes.shape[1]), codes].reshape(values.shape)

    def _codes(self, name: str) -> Array:
        return self._held.stored.tensors[f"{name}.codes"].read()

    def _stored(self, name: str) -> Array:
        return self._held.stored.tensors[name].read().astype(np.float32)

    def _values(self, stored: str, values: Array) -> Array:
        return self._held.stored.tensors[stored].read().astype(np.float32).reshape(values.shape)
