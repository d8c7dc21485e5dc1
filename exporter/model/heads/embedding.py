"""Heads for feature extraction (hidden states) and for sentence similarity (pooled embeddings)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from exporter.model.family import Encoded, Head
from exporter.model.geometry import Geometry
from exporter.model.heads.common import linear, pool_first
from exporter.model.ops import Extent, Role, Weight
from exporter.model.tasks import FEATURE_EXTRACTION, SENTENCE_SIMILARITY
from exporter.model.tensor_table import Entry, dense_entries
from runtimes.errors import UnsupportedError

POOLINGS = ("cls", "mean", "max", "mean_sqrt_len")
"""How `Pooling` of sentence-transformers makes one vector of the tokens'."""


@dataclass(frozen=True)
class Dense:
    """A linear layer and its activation after the pooling; `name` is its folder, and begins its tensors' names."""

    name: str
    inner: int
    out: int
    activation: str | None
    biased: bool = True


@dataclass(frozen=True)
class SentenceRecipe:
    """What modules.json lists after the encoder: a pooling, then layers and normalisations (None) in their order."""

    pooling: str
    steps: tuple[Dense | None, ...] = ()


def features_head(architecture: str, pooler: str | None, kind: str = "tanh", **details: Any) -> Head:
    """Return the head of feature-extraction: every token's vector, and the pooler's where the checkpoint has one.

    `pooler` is the stored name of its layer, and None for families without; `details` are further fields of `Head`.
    """
    return Head(
        FEATURE_EXTRACTION,
        architecture,
        lambda geometry, _labels: dense_entries("pooler", pooler or "", geometry.hidden, geometry.hidden),
        _hidden_states(kind),
        width=_hidden,
        adapt=lambda head, stored, _config: head if f"{pooler}.weight" in stored else _without_pooler(head),
        **details,
    )


def sentence_head(architecture: str, **details: Any) -> Head:
    """Return the head of sentence-similarity, before `specialised` makes it pool as the checkpoint does."""
    return Head(SENTENCE_SIMILARITY, architecture, _no_entries, _no_recipe, width=_hidden, **details)


def specialised(head: Head, recipe: SentenceRecipe, hidden_states: bool = True) -> Head:
    """The head of sentence-similarity with pooling, layers and normalisation as `recipe` says.

    `hidden_states`: it gives the vectors of the tokens too, of which other libraries make the embedding themselves.
    Where the first token alone is pooled, that costs the rest of the last layer.
    """
    layers = [step for step in recipe.steps if step is not None]
    width: Callable[[Geometry, int], int] = (lambda _geometry, _labels: layers[-1].out) if layers else _hidden
    return replace(
        head,
        entries=lambda _geometry, _labels: _dense_entries(layers),
        build=_sentence_embedding(recipe, hidden_states),
        first_token_only=recipe.pooling == "cls" and not hidden_states,
        lacking=() if hidden_states else SENTENCE_SIMILARITY.besides,
        width=width,
    )


def _hidden(geometry: Geometry, _labels: int) -> int:
    return geometry.hidden


def _no_entries(_geometry: Geometry, _labels: int) -> Iterator[Entry]:
    return iter(())


def _no_recipe(_given: Encoded[Any]) -> None:
    raise UnsupportedError("sentence-similarity: no modules.json says how to pool; pass --task feature-extraction")


def _without_pooler(head: Head) -> Head:
    return replace(head, entries=_no_entries, build=_tokens_alone, lacking=("pooler_output",))


def _tokens_alone(given: Encoded[Any]) -> None:
    given.ops.output("last_hidden_state", given.x, Extent.TOKEN)


def _hidden_states(kind: str) -> Callable[[Encoded[Any]], None]:
    def build(given: Encoded[Any]) -> None:
        _tokens_alone(given)
        first = replace(given, x=given.ops.first_token("pooler.first", given.x))
        given.ops.output("pooler_output", pool_first(first, "pooler", kind), Extent.TEXT)

    return build


def _dense_entries(layers: list[Dense]) -> Iterator[Entry]:
    for layer in layers:
        yield from dense_entries(layer.name, f"{layer.name}.linear", layer.out, layer.inner, layer.biased)


def _sentence_embedding(recipe: SentenceRecipe, hidden_states: bool) -> Callable[[Encoded[Any]], None]:
    def build(given: Encoded[Any]) -> None:
        ops, x = given.ops, given.x
        if hidden_states and recipe.pooling == "cls":
            x = ops.first_token("pooled", x)
        elif recipe.pooling != "cls":
            x = ops.pool("pooled", x, given.inputs.mask, recipe.pooling)
        for number, step in enumerate(recipe.steps):
            x = ops.normalise(f"normalised.{number}", x) if step is None else _dense(given, step, x)
        ops.output("sentence_embedding", x, Extent.TEXT)
        if hidden_states:
            _tokens_alone(given)

    return build


def _dense(given: Encoded[Any], layer: Dense, x: Any) -> Any:
    name = f"{layer.name}.dense"
    if layer.biased:
        x = linear(given, layer.name, name, x, Role.TAIL)
    else:
        weight = f"{layer.name}.weight"
        x = given.ops.linear(name, x, Weight(weight, given.read(weight), Role.TAIL), None)
    return x if layer.activation is None else given.ops.activation(layer.name, x, layer.activation)
