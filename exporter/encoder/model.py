"""A whole model over `Ops`: encoder and head, with the weights matched against the checkpoint once."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from exporter.encoder.bert import Inputs, encode
from exporter.encoder.geometry import Geometry
from exporter.encoder.heads import Task
from exporter.encoder.ops import Array, Ops, T
from exporter.encoder.weights import BUFFERS, Entry, StoredTensor, bert_entries, modern_names, resolve
from exporter.errors import CheckpointError


@dataclass(frozen=True)
class Model:
    """A checkpoint's mathematics: ready to be spelled by any target, any number of times."""

    geometry: Geometry
    task: Task
    tensors: Mapping[str, StoredTensor]

    def build(self, ops: Ops[T], inputs: Inputs[T]) -> None:
        """Spell the model through `ops`."""
        x = encode(ops, self._read, self.geometry, inputs, self.task.first_token_only)
        self.task.head(ops, self._read, x)

    def _read(self, name: str) -> Array:
        return self.tensors[name].read()


def match(geometry: Geometry, task: Task, labels: int, stored: Mapping[str, StoredTensor]) -> Model:
    """Account for every tensor of the checkpoint, and refuse values that are not numbers.

    Raises CheckpointError that lists all that is missing, unused, misshaped, or holds NaN or infinity.
    """
    prefix = "bert."
    entries = [Entry(e.name, prefix + e.stored, e.shape) for e in bert_entries(geometry)]
    entries += task.entries(geometry, labels)
    tensors = resolve(entries, modern_names(stored), tuple(prefix + buffer for buffer in BUFFERS))
    broken = [entry.stored for entry in entries if not np.isfinite(tensors[entry.name].read()).all()]
    if broken:
        raise CheckpointError(
            f"NaN or infinity in {', '.join(broken)}; the training diverged or the file is damaged: "
            "use another checkpoint"
        )
    return Model(geometry, task, tensors)
