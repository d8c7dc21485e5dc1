"""The audit of a saved ONNX model: its graph and every weight, against what the recipe makes of the checkpoint.

The recipe is lowered again, in memory, through stores that compare where an export writes: no weight is held twice.
"""

import numpy as np
import onnx

from exporter.auditing.audited import Audited
from exporter.auditing.findings import Audit, Finding
from exporter.auditing.onnx_file import StoredModel, open_model
from exporter.auditing.onnx_graph import compare_graphs
from exporter.auditing.onnx_weights import AuditedWeights, Ledger
from exporter.bundle import Recipe
from exporter.codebooks import ProductCodes
from exporter.encoder.model import Model
from exporter.encoder.ops import Array, Weight
from exporter.errors import BertportError
from exporter.keep import Keep
from exporter.outliers import NO_CHANNELS, is_wide
from exporter.targets.onnx import DEFAULT_OPSET, FILE, OnnxOps, build
from exporter.targets.onnx_schemes import STORAGE


def audit_onnx(audited: Audited) -> Audit:
    """Compare model.onnx with the checkpoint and the recipe of the bundle."""
    ledger = Ledger(FILE)
    try:
        stored = open_model(audited.bundle.directory / FILE)
    except (OSError, ValueError) as error:
        return Audit((Finding(FILE, "file", f"expected an ONNX model, found what cannot be read ({error})"),))
    for name in stored.repeated:
        ledger.wrong(name, "expected one tensor of that name, found several")
    try:
        expected = _expected(audited, stored, ledger)
    except BertportError as error:  # a recipe that no export takes
        ledger.wrong("recipe", f"expected one that lowers the checkpoint, found {error}")
        return ledger.audit
    for subject, problem in compare_graphs(expected, stored.model):
        ledger.wrong(subject, problem)
    return ledger.audit + Audit(operators=len(expected.graph.node))


def _expected(audited: Audited, stored: StoredModel, ledger: Ledger) -> onnx.ModelProto:
    """The graph that the recipe lowers to; on the way, every tensor is compared."""
    recipe, model = audited.recipe, audited.checkpoint.model
    ops = _AuditedOps(model, recipe, stored, ledger)
    ops.store.exact = audited.exact
    proto = build(ops, model, recipe.opset or DEFAULT_OPSET, recipe.int32_inputs)
    for name in sorted(stored.tensors.keys() - ops.store.met):
        ledger.wrong(name, f"expected no such tensor, found {stored.tensors[name].dtype}")
    return proto


class _AuditedOps(OnnxOps):
    """The lowering itself over a store that compares; outlier channels are the file's, which has their numbers."""

    def __init__(self, model: Model, recipe: Recipe, stored: StoredModel, ledger: Ledger) -> None:
        keep, storage = Keep(recipe.keep), STORAGE[recipe.scheme]
        super().__init__(storage, model.geometry.heads, keep, model.head.tied, _no_codes, NO_CHANNELS)
        self.store = AuditedWeights(self._node, storage, keep, model.head.tied, _no_codes)
        self.store.stored, self.store.ledger, self.store.dimensions = stored, ledger, recipe.pq_dims
        self.weights = self.store
        self._most_channels = recipe.float_channels or 0

    def _dynamic_linear(self, name: str, x: str, weight: Weight, bias: str | None) -> str:
        channels = self._stored_channels(x, weight)
        self._outliers = {} if channels is None else {weight.name: channels}
        return super()._dynamic_linear(name, x, weight, bias)

    def _stored_channels(self, x: str, weight: Weight) -> Array | None:
        """The outlier channels of what a layer reads, if the file has some for it that an export could have chosen.

        Which are chosen changes how well a model is rounded, never what it computes: any few are right.
        """
        tensors = self.store.stored.tensors
        name = f"{x}.is_far"
        numbers = tensors.get(name)
        if f"{weight.name}.far.float16" not in tensors or numbers is None:
            return None
        channels, inner = numbers.read(), weight.values.shape[1]
        few = channels.dtype == np.int64 and channels.ndim == 1 and 0 < len(channels) <= self._most_channels
        if not few or not is_wide(weight) or not _ascending_within(channels, inner):
            shown = ", ".join(map(str, channels.ravel()[:6].tolist()))
            self.store.ledger.wrong(
                name, f"expected {self._most_channels} ascending channels of {inner} at most, found {shown}"
            )
            return None
        return channels


def _ascending_within(channels: Array, most: int) -> bool:
    return bool((np.diff(channels) > 0).all() and channels[0] >= 0 and channels[-1] < most)


def _no_codes(_table: Array) -> ProductCodes:
    raise AssertionError("an audit reads codes and makes none")
