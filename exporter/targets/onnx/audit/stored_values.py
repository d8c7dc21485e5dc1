"""Reading the float values of every weight that an ONNX model stores."""

from collections.abc import Mapping

from exporter.compression.outlier_channels import Treatment
from exporter.compression.weight_exceptions import Keep
from exporter.model.ops import Array, Weight
from exporter.targets.audit.encoded_tables import no_codes
from exporter.targets.audit.held import Held
from exporter.targets.audit.stored_values import StoredValues, undo_treatments
from exporter.targets.audit.subject import Audited
from exporter.targets.audit.tally import Tally
from exporter.targets.encoding.storage import Storage
from exporter.targets.onnx.audit.file import open_model
from exporter.targets.onnx.audit.model import AuditedOps
from exporter.targets.onnx.audit.weights import AuditedStore
from exporter.targets.onnx.ops import FILE, build
from exporter.targets.onnx.recipe import recorded
from exporter.targets.onnx.schemes import SCHEMES


def read_onnx(audited: Audited) -> Mapping[str, Array]:
    """The values of every weight that model.onnx stores, by our names, in the forms that a fine-tuned bundle has.

    For a bundle that passed its audit.
    """
    model, recipe = audited.checkpoint.model, audited.recipe
    stored = open_model(audited.bundle.directory / FILE)
    ops = _ReadingOps(audited, Held(stored.tensors, recipe.pq_dims, exact=False), Tally(FILE))
    made = recorded(recipe)
    build(ops, model, made.opset, made.int32_inputs)
    undo_treatments(ops.read, ops.treated)
    return ops.read


class _ReadingOps(AuditedOps):
    """`treated` is how layers treat outlier channels, by their weights' names."""

    def __init__(self, audited: Audited, held: Held, tally: Tally) -> None:
        recipe, head = audited.recipe, audited.checkpoint.model.head
        super().__init__(audited.checkpoint.model, recipe, held, tally)
        self.read: dict[str, Array] = {}
        self.treated: dict[str, Treatment] = {}
        storage, keep = SCHEMES[recipe.scheme].storage, Keep(recipe.keep)
        self.weights = _ReadStore(self.read, held, tally, self._made_once, storage, keep, head.tied, no_codes)

    def _dynamic_linear(self, name: str, x: str, weight: Weight, bias: str | None) -> str:
        found = super()._dynamic_linear(name, x, weight, bias)
        self.treated |= self._outliers
        return found


class _ReadStore(StoredValues, AuditedStore):
    def float32(self, weight: Weight, layout: Array | None = None) -> str:
        """See WeightStore; a layout is the weight with its last axes exchanged."""
        name = super().float32(weight, layout)
        if layout is not None and self.storage(weight) in (Storage.FLOAT32, Storage.FLOAT16):
            self._read[weight.name] = self._read[weight.name].swapaxes(-1, -2)
        return name
