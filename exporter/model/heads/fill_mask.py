"""The fill-mask head: a transform of every token, then a score for each vocabulary entry.

The decoder is the table of word embeddings again, and is stored once; a checkpoint whose decoder was trained separately
(config.json: `tie_word_embeddings` false, or both stored and different) keeps two. MobileBERT's decoder is wider than
its table, and has a matrix beside it for the rest.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from exporter.model.family import Encoded, Head, Stored
from exporter.model.geometry import Geometry
from exporter.model.heads.common import layer_norm, linear
from exporter.model.ops import Extent, Role, Weight
from exporter.model.tasks import FILL_MASK
from exporter.model.tensor_table import Entry, dense_entries, layer_norm_entries


@dataclass(frozen=True)
class Transform:
    """A family's own transform before the decoder, where it is not dense, activation and LayerNorm with biases."""

    entries: Callable[[Any], Iterator[Entry]]
    build: Callable[[Encoded[Any]], Any]


@dataclass(frozen=True)
class MaskedNames:
    """How a family calls the parts of its fill-mask head: the decoder, its bias, the table it is tied to, the layers.

    `dense` and `norm` are layers of the transform, `transform` stands in their place. `activation` of the transform;
    None: the encoder's own, as `hidden_act` says. `rest` is the matrix [H − E, V] that reads the numbers of the
    transform beyond the table's E; None: the transform is as wide as the table.
    """

    decoder: str
    bias: str
    table: str
    dense: str = ""
    norm: str = ""
    transform: Transform | None = None
    activation: str | None = None
    rest: str | None = None


def masked_head(architecture: str, names: MaskedNames, **details: Any) -> Head:
    """Return the head of fill-mask; `details` are further fields of `Head`."""
    copies = ((names.table, f"{names.decoder}.weight"), (names.bias, f"{names.decoder}.bias"))
    return Head(
        FILL_MASK,
        architecture,
        lambda geometry, _labels: _entries(names, geometry),
        lambda given: _score(given, names, None),
        width=lambda geometry, _labels: geometry.vocabulary,
        tied=True,
        copies=copies,
        adapt=lambda head, stored, config: _adapt(head, names, stored, config),
        **details,
    )


def _entries(names: MaskedNames, geometry: Geometry) -> Iterator[Entry]:
    h, e, v = geometry.hidden, geometry.embedding, geometry.vocabulary
    if names.transform:
        yield from names.transform.entries(geometry)
    else:
        yield from dense_entries("transform", names.dense, h if names.rest else e, h)
        yield from layer_norm_entries("transform.norm", names.norm, h if names.rest else e)
    yield Entry("decoder.bias", names.bias, (v,))
    if names.rest:
        yield Entry("decoder.rest", names.rest, (h - e, v))


def _untied_entries(names: MaskedNames, bias: str, geometry: Geometry) -> Iterator[Entry]:
    yield from _entries(replace(names, bias=bias), geometry)
    yield Entry("decoder.weight", f"{names.decoder}.weight", (geometry.vocabulary, geometry.embedding))


def _adapt(head: Head, names: MaskedNames, stored: Stored, config: Mapping[str, Any]) -> Head:
    """The head as it is, or with a decoder of its own; transformers 5 decides so."""
    weight, table = stored.get(f"{names.decoder}.weight"), stored.get(names.table)
    untied = config.get("tie_word_embeddings") is False
    if not untied and (weight is None or table is None or _equal(weight.read(), table.read())):
        return head
    bias = f"{names.decoder}.bias" if untied else names.bias  # transformers reads but the one or the other
    return replace(
        head,
        entries=lambda geometry, _labels: _untied_entries(names, bias, geometry),
        build=lambda given: _score(given, names, "decoder.weight"),
        tied=False,
        copies=() if untied else ((names.bias, f"{names.decoder}.bias"),),
        leftovers=(*head.leftovers, names.bias) if untied and names.bias != bias else head.leftovers,
    )


def _equal(left: Any, right: Any) -> bool:
    return left.shape == right.shape and bool(np.array_equal(left, right))


def _transformed(given: Encoded[Any], names: MaskedNames) -> Any:
    """Dense, activation and LayerNorm."""
    x = linear(given, "transform", "transform.dense", given.x, Role.LINEAR)
    x = given.ops.activation("transform.activation", x, names.activation or given.geometry.activation)
    return layer_norm(given, "transform.norm", "transform", x)


def _score(given: Encoded[Any], names: MaskedNames, decoder: str | None) -> None:
    """The transform, as wide as the decoder; then that: [B, S, H] → logits [B, S, V]."""
    ops = given.ops
    x = names.transform.build(given) if names.transform else _transformed(given, names)
    bias = Weight("decoder.bias", given.read("decoder.bias"), Role.VECTOR)
    rest = np.ascontiguousarray(given.read("decoder.rest").T) if names.rest else None  # [V, H − E]
    if decoder:
        rows = given.read(decoder) if rest is None else np.concatenate([given.read(decoder), rest], 1)
        scores = ops.linear("scores", x, Weight(decoder, rows, Role.LINEAR), bias)
    else:
        table = Weight("embeddings.word.weight", given.read("embeddings.word"), Role.WORD_EMBEDDING)
        beside = None if rest is None else Weight("decoder.rest.weight", rest, Role.LINEAR)
        scores = ops.row_products("scores", x, table, bias, beside)
    ops.output("logits", scores, Extent.TOKEN)
