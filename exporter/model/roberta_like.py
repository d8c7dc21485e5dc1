"""RoBERTa's encoder and heads, for it and for every family that transformers builds like it under other names.

BERT with positions counted from the padding id.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from exporter.model.bert_tensors import embedding_entries, layer_entries, layer_modules
from exporter.model.config_schema import BertConfig, Identifier
from exporter.model.family import Family
from exporter.model.geometry import Geometry
from exporter.model.heads.fill_mask import MaskedNames
from exporter.model.heads.standard import HeadNames, standard_heads
from exporter.model.ops import Inputs, Ops, Read, T
from exporter.model.tensor_table import Entry
from exporter.model.transformer import layer_norm, run_layers, sum_words_and_types


class CountedPositionsConfig(BertConfig):
    """Positions up to `pad_token_id` belong to no token: of 514 rows, 512 are for a text."""

    pad_token_id: Identifier = 1

    def contradictions(self) -> list[str]:
        """See EncoderConfig."""
        short = self.max_position_embeddings <= self.pad_token_id + 1
        reason = f"max_position_embeddings {self.max_position_embeddings} leaves no position beyond pad_token_id"
        return super().contradictions() + ([f"{reason} {self.pad_token_id}"] if short else [])


def roberta_like(
    model_type: str, classes: str, schema: type[CountedPositionsConfig] = CountedPositionsConfig
) -> Family[Geometry]:
    """A family whose classes begin with `classes`, and whose tensors are called as RoBERTa's."""

    def read_geometry(config: Mapping[str, Any]) -> Geometry:
        found = schema.read(config).geometry()
        return replace(found, positions=found.positions - found.pad - 1)

    return Family(
        model_type=model_type,
        tokenizer_class=f"{classes}Tokenizer",
        prefix="roberta.",
        buffers=("embeddings.position_ids", "embeddings.token_type_ids"),
        schema=schema,
        read_geometry=read_geometry,
        reads_types=lambda geometry: geometry.types > 1,
        entries=_entries,
        encode=_encode,
        modules=_modules,
        heads=standard_heads(classes, "classifier.dense", "tanh", _NAMES),
    )


def _entries(geometry: Geometry) -> Iterator[Entry]:
    yield from embedding_entries(geometry, geometry.pad + 1 + geometry.positions)
    for number in range(geometry.layers):
        yield from layer_entries(f"layer.{number}", f"encoder.layer.{number}", geometry.hidden, geometry.intermediate)


def _encode(ops: Ops[T], read: Read, geometry: Geometry, inputs: Inputs[T], first_token_only: bool) -> T:
    words, table = sum_words_and_types(ops, read, geometry, inputs)
    x = ops.counted_positions("embeddings.sum", table, words, inputs.ids, geometry.pad)
    x = layer_norm(ops, read, "embeddings", "embeddings.norm", x, geometry.epsilon)
    return run_layers(ops, read, geometry, x, inputs.mask, first_token_only)


def _modules(geometry: Geometry) -> Iterator[tuple[str, str]]:
    yield "roberta.embeddings", "embeddings"
    yield from layer_modules("roberta.", geometry.layers)
    yield "classifier.dense", "pooler.dense"
    yield "roberta.pooler", "pooler"


_NAMES = HeadNames(
    masked=MaskedNames(
        dense="lm_head.dense",
        norm="lm_head.layer_norm",
        decoder="lm_head.decoder",
        bias="lm_head.bias",
        table="roberta.embeddings.word_embeddings.weight",
        activation="gelu",
    ),
    classifier="classifier.out_proj",
    choice_pooler="roberta.pooler.dense",
    features_pooler="roberta.pooler.dense",
    unread=("lm_head.", "roberta.pooler."),  # transformers before 4.0 stored a pooler with every model
)
