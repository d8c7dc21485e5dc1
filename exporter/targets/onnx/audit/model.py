"""Audit of a saved ONNX model: lowers its recipe again and compares graph and weights.

The recipe is lowered again, in memory, through stores that compare where an export writes: no weight is held twice.
"""

import numpy as np
import onnx

from exporter.compression.outlier_channels import AS_IT_IS, NO_OUTLIERS, Treatment, is_wide
from exporter.compression.weight_exceptions import Keep
from exporter.model.model import Model
from exporter.model.ops import Array, Weight
from exporter.targets.audit.encoded_tables import no_codes
from exporter.targets.audit.factors import is_smoothed, stored_factors
from exporter.targets.audit.findings import Audit, Finding
from exporter.targets.audit.held import Held
from exporter.targets.audit.subject import Audited
from exporter.targets.audit.tally import Tally
from exporter.targets.onnx.audit.file import StoredModel, open_model
from exporter.targets.onnx.audit.graph import compare_graphs
from exporter.targets.onnx.audit.weights import AuditedStore
from exporter.targets.onnx.ops import FILE, OnnxOps, build
from exporter.targets.onnx.recipe import recorded
from exporter.targets.onnx.schemes import SCHEMES
from runtimes.bundle.manifest import Recipe
from runtimes.errors import BertportError

_LISTED = 20
"""Tensors too many that are named; the others are counted: a file may hold millions."""


def audit_onnx(audited: Audited) -> Audit:
    """Compare model.onnx with the checkpoint and the recipe of the bundle."""
    tally = Tally(FILE)
    try:
        stored = open_model(audited.bundle.directory / FILE)
    except (OSError, ValueError) as error:
        return Audit((Finding(FILE, "file", f"expected an ONNX model, found what cannot be read ({error})"),))
    for name in stored.repeated[:_LISTED]:
        tally.find(name, "expected one tensor of that name, found several")
    try:
        expected = _expected(audited, stored, tally)
    except BertportError as error:  # a recipe that no export takes
        tally.find("recipe", f"expected one that lowers the checkpoint, found {error}")
        return tally.audit
    for subject, problem in compare_graphs(expected, stored.model):
        tally.find(subject, problem)
    tally.operators = len(expected.graph.node)
    return tally.audit


def _expected(audited: Audited, stored: StoredModel, tally: Tally) -> onnx.ModelProto:
    """The graph that the recipe lowers to; on the way, every tensor is compared."""
    recipe, model = audited.recipe, audited.checkpoint.model
    ops = AuditedOps(model, recipe, Held(stored.tensors, recipe.pq_dims, audited.exact, model.multiplied), tally)
    made = recorded(recipe)
    proto = build(ops, model, made.opset, made.int32_inputs)
    beyond = sorted(stored.tensors.keys() - ops.weights.met)
    for name in beyond[:_LISTED]:
        tally.find(name, f"expected no such tensor, found {stored.tensors[name].dtype}")
    if len(beyond) > _LISTED:
        tally.find("tensors", f"expected {len(ops.weights.met):,}, found {len(beyond):,} more")
    return proto


class AuditedOps(OnnxOps):
    """The lowering itself over a store that compares; outlier channels are the file's, which has their numbers."""

    def __init__(self, model: Model, recipe: Recipe, held: Held, tally: Tally) -> None:
        keep, storage, tied = Keep(recipe.keep), SCHEMES[recipe.scheme].storage, model.head.tied
        super().__init__(storage, model.geometry.heads, keep, tied, no_codes, NO_OUTLIERS)
        self.weights = AuditedStore(held, tally, self._made_once, storage, keep, tied, no_codes)
        self._held, self._tally = held, tally
        self._most_channels = recorded(recipe).float_channels or 0

    def _dynamic_linear(self, name: str, x: str, weight: Weight, bias: str | None) -> str:
        self._outliers = {weight.name: self._stored_treatment(x, weight)}
        return super()._dynamic_linear(name, x, weight, bias)

    def _stored_treatment(self, x: str, weight: Weight) -> Treatment:
        """How the file treats the outlier channels of what a layer reads, if an export could have chosen that.

        Which are chosen changes how well a model is rounded, never what it computes: any few are right, and any
        factors.
        """
        if f"{weight.name}.far.float16" in self._held.tensors:
            return self._stored_channels(f"{x}.is_far", weight)
        if is_smoothed(self._held, weight):
            return stored_factors(self._held, self._tally, f"{x}.smoothing", weight, self._most_channels > 0)
        return AS_IT_IS

    def _stored_channels(self, name: str, weight: Weight) -> Treatment:
        numbers, inner = self._held.tensors.get(name), weight.values.shape[1]
        if numbers is None:
            return AS_IT_IS
        few = numbers.dtype == np.int64 and len(numbers.shape) == 1 and 0 < numbers.shape[0] <= self._most_channels
        if few and is_wide(weight) and _ascending_within(numbers.read(), inner):
            return Treatment(channels=numbers.read())
        found = f"{numbers.dtype} {list(numbers.shape)}"
        self._tally.find(name, f"expected {self._most_channels} ascending channels of {inner} at most, found {found}")
        return AS_IT_IS


def _ascending_within(channels: Array, most: int) -> bool:
    return bool((np.diff(channels) > 0).all() and channels[0] >= 0 and channels[-1] < most)
