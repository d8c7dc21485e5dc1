"""Reading the float values of every weight that a LiteRT model stores."""

from collections.abc import Mapping

import numpy as np

from exporter.compression.outlier_channels import Treatment
from exporter.compression.weight_exceptions import Keep
from exporter.model.ops import Array, Weight
from exporter.targets.audit.encoded_tables import no_codes
from exporter.targets.audit.held import Held
from exporter.targets.audit.stored_values import StoredValues, undo_treatments
from exporter.targets.audit.subject import Audited
from exporter.targets.audit.tally import Tally
from exporter.targets.litert.audit.model import AuditedOps
from exporter.targets.litert.audit.stored import open_model
from exporter.targets.litert.audit.weights import AuditedStore
from exporter.targets.litert.lower import FILE, lower
from exporter.targets.litert.recipe import recorded
from exporter.targets.litert.schemes import SCHEMES
from runtimes.tflite.model import FREE


def read_litert(audited: Audited) -> Mapping[str, Array]:
    """The values of every weight that model.tflite stores, by our names, in the forms that a fine-tuned bundle has.

    For a bundle that passed its audit, whose graphs share all weights: one of them is read.
    """
    model, recipe, made = audited.checkpoint.model, audited.recipe, recorded(audited.recipe)
    held = Held(open_model(audited.bundle.directory / FILE).tensors, recipe.pq_dims, exact=False)
    read: dict[str, Array] = {}
    storage, tally = SCHEMES[recipe.scheme].storage, Tally(FILE)
    weights = _ReadStore(read, held, tally, storage, Keep(recipe.keep), no_codes)
    ops = _ReadingOps((made.sequence_lengths or (FREE,))[0], weights, held, tally, made.smoothed)
    lower(model, ops)
    undo_treatments(read, ops.treated)
    groups = {name: np.stack([read[f"{name}.{number}"] for number in range(count)]) for name, count in ops.groups}
    return read | groups


class _ReadingOps(AuditedOps):
    """`treated` is how layers treat outlier channels, by their weights' names; `groups` weights stored in parts."""

    def __init__(self, length: int, weights: AuditedStore, held: Held, tally: Tally, smoothed: bool) -> None:
        super().__init__(length, weights, held, tally, smoothed)
        self.treated: dict[str, Treatment] = {}
        self.groups: list[tuple[str, int]] = []

    def grouped_linear(self, name: str, x: str, weight: Weight) -> str:
        """See Ops."""
        self.groups.append((weight.name, len(weight.values)))
        return super().grouped_linear(name, x, weight)

    def _dynamic_linear(self, name: str, x: str, weight: Weight, bias: str | None) -> str:
        found = super()._dynamic_linear(name, x, weight, bias)
        self.treated |= self._outliers
        return found


class _ReadStore(StoredValues, AuditedStore):
    """Keeps what it compares."""
