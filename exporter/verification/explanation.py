"""Explaining a difference: the named tensors of the worst case, compared between PyTorch, our graph and the file."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from exporter.checkpoint.vocabulary_trimming import trim_checkpoint
from exporter.model.ops import Array
from exporter.model.weight_list import WORD_TABLE
from exporter.targets.audit.subject import Audited
from exporter.targets.embedding_outputs import for_recipe
from exporter.targets.registry import TARGETS
from exporter.verification.audit.bundle import audit_subject
from exporter.verification.reference.reference import Reference
from runtimes.bundle.manifest import Budget
from runtimes.bundle.reading import Bundle
from runtimes.parity.compare import Parity
from runtimes.parity.first_departure import Departure, depart
from runtimes.runner import Runner

_FLOAT32_SHARE = 1e-4


@dataclass(frozen=True)
class Explanation:
    """Our graph in float32 against PyTorch, then the saved file against our graph, tensor by tensor."""

    case: str
    graph: list[Departure]
    file: list[Departure]

    @property
    def first(self) -> Departure | None:
        """The first tensor beyond its share: of the graph if it departs from PyTorch, else of the file."""
        return next((row for row in [*self.graph, *self.file] if row.beyond), None)


def audited_again(bundle: Bundle, reference: Reference) -> Audited:
    """The bundle with its checkpoint trimmed as it is; weights that were fine-tuned are not known any more."""
    checkpoint, kept = reference.checkpoint, reference.kept
    exported = checkpoint if kept is None else trim_checkpoint(checkpoint, kept)
    exported = for_recipe(exported, bundle.manifest.recipe)
    return audit_subject(bundle, exported, exact=bundle.manifest.recipe.finetuned_sha256 is None)


def explain(reference: Reference, runner: Runner, bundle: Bundle, parity: Parity, budget: Budget) -> Explanation:
    """Run the worst case with every named tensor exposed on all three sides.

    A tensor's share is the budget taken relative to the tensor's largest value; float32's is 1e-4 of it. The file of a
    fine-tuned bundle is held against our graph over the weights that it stores itself: the floats from which these
    were rounded are not kept, and the checkpoint's are others.
    """
    from exporter.model.numpy_ops import trace

    recipe, runner = bundle.manifest.recipe, reference.as_asked(runner)
    case = reference.case(parity.worst_case, runner.positions, recipe.sequence_lengths)
    batch = runner.fit(case.batch)
    ours = trace(reference.checkpoint.model, batch.ids, batch.mask, batch.types)
    graph = depart(reference.loaded().trace(batch), ours, _FLOAT32_SHARE)
    if recipe.finetuned_sha256 is not None:
        ours = trace(reference.checkpoint.model, batch.ids, batch.mask, batch.types, _stored(bundle, reference))
    exposed = TARGETS[recipe.target].canonical(runner.trace(batch))
    return Explanation(case.name, graph, depart(ours, exposed, budget.max_relative or _FLOAT32_SHARE))


def _stored(bundle: Bundle, reference: Reference) -> Mapping[str, Array]:
    """The weights of a bundle, its word table with a row for every id of the checkpoint."""
    audited = audited_again(bundle, reference)
    found = TARGETS[bundle.manifest.recipe.target].read(audited)
    if reference.kept is None:
        return found
    whole = np.zeros((reference.checkpoint.geometry.vocabulary, found[WORD_TABLE].shape[1]), np.float32)
    whole[reference.kept] = found[WORD_TABLE]
    return {**found, WORD_TABLE: whole}
