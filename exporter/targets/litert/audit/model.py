"""Audit of a saved LiteRT model: lowers its recipe again and compares graphs and weights.

The recipe is lowered again, in memory, through stores that compare where an export writes: no weight is held twice.
"""

from collections.abc import Mapping

from exporter.compression.outlier_channels import AS_IT_IS, NO_OUTLIERS, Treatment
from exporter.compression.weight_exceptions import Keep
from exporter.model.ops import Weight
from exporter.targets.audit.encoded_tables import no_codes
from exporter.targets.audit.factors import is_smoothed, stored_factors
from exporter.targets.audit.findings import Audit, Finding
from exporter.targets.audit.held import Held
from exporter.targets.audit.subject import Audited
from exporter.targets.audit.tally import Tally
from exporter.targets.litert.audit.graph import compare_models
from exporter.targets.litert.audit.stored import StoredModel, open_model
from exporter.targets.litert.audit.weights import AuditedStore
from exporter.targets.litert.graph import Graph
from exporter.targets.litert.lower import FILE, lower, signature_of
from exporter.targets.litert.mediapipe import task as mediapipe
from exporter.targets.litert.ops import LiteRtOps
from exporter.targets.litert.recipe import recorded
from exporter.targets.litert.schemes import SCHEMES
from runtimes.errors import BertportError
from runtimes.tflite.model import FREE


def audit_litert(audited: Audited) -> Audit:
    """Compare model.tflite with the checkpoint and the recipe of the bundle."""
    tally, path = Tally(FILE), audited.bundle.directory / FILE
    try:
        stored = open_model(path)
    except (OSError, BertportError) as error:
        reason = str(error).removeprefix(f"{path}: ")
        return Audit((Finding(FILE, "file", f"expected a LiteRT model, found what cannot be read ({reason})"),))
    try:
        expected, metadata = _expected(audited, stored, tally)
    except BertportError as error:  # a recipe that no export takes
        tally.find("recipe", f"expected one that lowers the checkpoint, found {error}")
        return tally.audit
    for subject, problem in compare_models(expected, metadata, stored):
        tally.find(subject, problem)
    tally.operators = sum(len(graph.steps) for graph in expected)
    return tally.audit


def _expected(audited: Audited, stored: StoredModel, tally: Tally) -> tuple[list[Graph], Mapping[str, bytes]]:
    """The graphs that the recipe lowers to, and its metadata; on the way, every tensor is compared."""
    recipe, model = audited.recipe, audited.checkpoint.model
    held = Held(stored.tensors, recipe.pq_dims, audited.exact, model.multiplied)
    weights = AuditedStore(held, tally, SCHEMES[recipe.scheme].storage, Keep(recipe.keep), no_codes)
    made = recorded(recipe)
    lengths = made.sequence_lengths or (FREE,)
    graphs = [lower(model, AuditedOps(length, weights, held, tally, made.smoothed)) for length in lengths]
    return graphs, mediapipe.complete(graphs[0], audited.checkpoint) if made.mediapipe else {}


class AuditedOps(LiteRtOps):
    """The lowering itself over a store that compares; factors of outlier channels are the file's, which has them.

    `smoothed`: whether the recipe smooths.
    """

    def __init__(self, length: int, weights: AuditedStore, held: Held, tally: Tally, smoothed: bool) -> None:
        super().__init__(signature_of(length), length, weights, NO_OUTLIERS)
        self._held, self._tally, self._may_smooth = held, tally, smoothed

    def _dynamic_linear(self, name: str, x: str, weight: Weight, bias: str | None) -> str:
        self._outliers = {weight.name: self._stored_treatment(x, weight)}
        return super()._dynamic_linear(name, x, weight, bias)

    def _stored_treatment(self, x: str, weight: Weight) -> Treatment:
        if not is_smoothed(self._held, weight):
            return AS_IT_IS
        return stored_factors(self._held, self._tally, f"{x}.smoothing", weight, self._may_smooth)
