"""The outputs of an exported embedding: its vector alone, or with the vectors of the tokens beside it."""

from dataclasses import replace

from exporter.checkpoint.checkpoint import Checkpoint
from exporter.model.heads.embedding import specialised
from runtimes.bundle.manifest import Recipe

HIDDEN_STATES = "hidden_states"
"""The option, of a target that has it, that asks for the vectors of the tokens too."""


def for_recipe(checkpoint: Checkpoint, recipe: Recipe) -> Checkpoint:
    """The checkpoint with the outputs that a recipe wants of it."""
    return answering(checkpoint, bool(recipe.options.get(HIDDEN_STATES, False)))


def answering(checkpoint: Checkpoint, hidden_states: bool = False) -> Checkpoint:
    """The checkpoint whose model gives an embedding alone, or with `hidden_states` the vectors of the tokens too."""
    if checkpoint.recipe is None:
        return checkpoint
    head = specialised(checkpoint.model.head, checkpoint.recipe, hidden_states)
    return replace(checkpoint, model=replace(checkpoint.model, head=head))
