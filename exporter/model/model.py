"""`Model`: an encoder and its task head over `Ops`, with all weights matched against the checkpoint."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from exporter.model.family import Encoded, Family, Head
from exporter.model.geometry import Geometry
from exporter.model.ops import Array, Extent, Inputs, Ops, T
from exporter.model.tasks import Task
from exporter.model.tensor_matching import resolve
from exporter.model.tensor_table import Entry, StoredTensor, modern_names, prefixed, without_copies
from runtimes.errors import CheckpointError


@dataclass(frozen=True)
class Model:
    """A checkpoint's computation: any target can lower it, any number of times.

    `width` is the last size of the outputs; `leftovers` are stored tensors that transformers' class never reads.
    """

    family: Family[Any]
    head: Head
    geometry: Geometry
    tensors: Mapping[str, StoredTensor]
    width: int = 0
    leftovers: tuple[str, ...] = ()

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
    def outputs(self) -> dict[str, Extent]:
        """Its outputs, by name."""
        return self.head.outputs

    @property
    def modules(self) -> list[tuple[str, str]]:
        """Modules of transformers' model, and our names of their results; in a class without a head, by both paths."""
        paths = list(self.family.modules(self.geometry))
        return [*paths, *((path.removeprefix(self.family.prefix), name) for path, name in paths)]

    @property
    def multiplied(self) -> tuple[str, ...]:
        """Beginnings of names of weights that no target stores: folding multiplies them with others of these."""
        if self.family.folded_norms:
            return ("layer.", "embeddings.position.", "embeddings.type.")
        multiplies = self.family.multiplies_last and self.head.first_token_only
        return (f"layer.{self.geometry.layers - 1}.attention.",) if multiplies else ()

    def build(self, ops: Ops[T], inputs: Inputs[T]) -> None:
        """Emit the model through `ops`; `inputs` are [B, S] each."""
        x = self.family.encode(ops, self._read, self.geometry, inputs, self.head.first_token_only)
        self.head.build(Encoded(ops, self._read, self.geometry, self._shown(ops, inputs), x))

    def _shown(self, ops: Ops[T], inputs: Inputs[T]) -> Inputs[T]:
        """The inputs of the head."""
        hidden = self.family.hidden_token(self.geometry)
        return (
            inputs if hidden is None else replace(inputs, mask=ops.hide_token("shown", inputs.mask, inputs.ids, hidden))
        )

    def _read(self, name: str) -> Array:
        return self.tensors[name].read()


def match(
    family: Family[Any],
    head: Head,
    geometry: Geometry,
    labels: int,
    stored: Mapping[str, StoredTensor],
    config: Mapping[str, Any],
) -> Model:
    """Account for every tensor of the checkpoint, and refuse values that are not numbers.

    Raises CheckpointError that lists all that is missing, unused, misshaped, or holds NaN or infinity.
    """
    encoder = [Entry(e.name, family.prefix + e.stored, e.shape) for e in family.entries(geometry)]
    named = named_as_with_a_head(family, encoder, stored)
    head = head.adapt(head, named, config) if head.adapt else head
    single, problems = without_copies(named, head.copies)
    leftovers = tuple(sorted(name for name in single if name.startswith(head.leftovers)))
    kept = {name: tensor for name, tensor in single.items() if name not in leftovers}
    entries = [*encoder, *head.entries(geometry, labels)]
    buffers = tuple(family.prefix + buffer for buffer in family.buffers)
    tensors = resolve(entries, kept, buffers, problems, family.prefix)
    _check_values(entries, tensors)
    return Model(family, head, geometry, tensors, head.width(geometry, labels), leftovers)


def named_as_with_a_head(
    family: Family[Any], encoder: list[Entry], stored: Mapping[str, StoredTensor]
) -> dict[str, StoredTensor]:
    """The tensors under the names of today, and with the family's prefix."""
    parts = {entry.stored.removeprefix(family.prefix).partition(".")[0] for entry in encoder}
    return prefixed(modern_names(stored), family.prefix, frozenset({*parts, "pooler"}))


def _check_values(entries: list[Entry], tensors: Mapping[str, StoredTensor]) -> None:
    broken = [entry.stored for entry in entries if not np.isfinite(tensors[entry.name].read()).all()]
    if broken:
        raise CheckpointError(
            f"NaN or infinity in {', '.join(broken)}; the training diverged or the file is damaged: "
            "use another checkpoint"
        )
