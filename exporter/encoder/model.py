"""A whole model over `Ops`: encoder and head, with the weights matched against the checkpoint once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from exporter.encoder.family import Family, Head
from exporter.encoder.geometry import Geometry
from exporter.encoder.ops import Array, Inputs, Ops, T
from exporter.encoder.tasks import Task
from exporter.encoder.weights import Entry, StoredTensor, modern_names, resolve
from exporter.errors import CheckpointError


@dataclass(frozen=True)
class Model:
    """A checkpoint's mathematics: ready to be spelled by any target, any number of times."""

    family: Family[Any]
    head: Head[Any]
    geometry: Geometry
    tensors: Mapping[str, StoredTensor]

    @property
    def task(self) -> Task:
        """What the model is for."""
        return self.head.task

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of what the model reads, as transformers has them."""
        names = ("input_ids", "attention_mask")
        return (*names, "token_type_ids") if self.family.reads_types(self.geometry) else names

    @property
    def modules(self) -> list[tuple[str, str]]:
        """Modules of transformers' model, and our names of their results."""
        return list(self.family.modules(self.geometry))

    def build(self, ops: Ops[T], inputs: Inputs[T]) -> None:
        """Spell the model through `ops`."""
        x = self.family.encode(ops, self._read, self.geometry, inputs, self.head.first_token_only)
        self.head.build(ops, self._read, self.geometry, x)

    def _read(self, name: str) -> Array:
        return self.tensors[name].read()


def match(
    family: Family[Any], head: Head[Any], geometry: Geometry, labels: int, stored: Mapping[str, StoredTensor]
) -> Model:
    """Account for every tensor of the checkpoint, and refuse values that are not numbers.

    Raises CheckpointError that lists all that is missing, unused, misshaped, or holds NaN or infinity.
    """
    prefix = family.prefix
    entries = [Entry(e.name, prefix + e.stored, e.shape) for e in family.entries(geometry)]
    entries += head.entries(geometry, labels)
    tensors = resolve(entries, modern_names(stored), tuple(prefix + buffer for buffer in family.buffers))
    broken = [entry.stored for entry in entries if not np.isfinite(tensors[entry.name].read()).all()]
    if broken:
        raise CheckpointError(
            f"NaN or infinity in {', '.join(broken)}; the training diverged or the file is damaged: "
            "use another checkpoint"
        )
    return Model(family, head, geometry, tensors)
