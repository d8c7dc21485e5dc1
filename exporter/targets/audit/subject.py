"""The subject of an audit: a saved bundle, and the checkpoint it is compared with."""

from collections.abc import Callable
from dataclasses import dataclass

from exporter.checkpoint.checkpoint import Checkpoint
from exporter.model.ops import Array, Inputs
from runtimes.bundle.manifest import Recipe
from runtimes.bundle.reading import Bundle


@dataclass(frozen=True)
class Audited:
    """A saved bundle and the checkpoint that it was exported from.

    `checkpoint` has the bundle's vocabulary: trimmed where the recipe trims. Of a fine-tuned bundle it has the trained
    weights while the bundle is exported, and `exact` is True; later only the weights before training are known, and
    `exact` is False: what `bundle.manifest.finetuning.trained` lists may then differ from the checkpoint.

    `samples` gives the texts that bertport itself brings, as the task reads them, of so many tokens at most.
    """

    bundle: Bundle
    checkpoint: Checkpoint
    samples: Callable[[int], list[Inputs[Array]]]
    exact: bool = True

    @property
    def recipe(self) -> Recipe:
        """What was asked of the export."""
        return self.bundle.manifest.recipe
