"""MPNet (Song et al. 2020): RoBERTa's positions, no token types, and a score of each head for each distance."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from exporter.model.bert_tensors import LayerNames, layer_entries
from exporter.model.config_schema import Rows
from exporter.model.distances import Distances
from exporter.model.family import Family
from exporter.model.geometry import Geometry
from exporter.model.heads.fill_mask import MaskedNames
from exporter.model.heads.standard import HeadNames, standard_heads
from exporter.model.ops import Inputs, Ops, Read, Role, T, Weight
from exporter.model.roberta_like import CountedPositionsConfig
from exporter.model.tensor_table import Entry, layer_norm_entries
from exporter.model.transformer import RelativeLayer, layer_norm, through
from runtimes.errors import UnsupportedError

_BUCKETS, _FARTHEST = 32, 128
"""transformers' class computes with these, whatever config.json says."""
_PAD = 1
"""Positions are counted from it, which transformers' class does not read from config.json."""


class MpnetConfig(CountedPositionsConfig):
    """Its buckets are counted in transformers' class."""

    vocab_size: Rows = 30527
    relative_attention_num_buckets: Rows = _BUCKETS

    def contradictions(self) -> list[str]:
        """See EncoderConfig."""
        found = super().contradictions()
        if self.relative_attention_num_buckets != _BUCKETS:
            found.append(f"relative_attention_num_buckets {self.relative_attention_num_buckets} is not {_BUCKETS}")
        return found


def _read_geometry(config: Mapping[str, Any]) -> Geometry:
    read = MpnetConfig.read(config)
    if read.pad_token_id != _PAD:
        raise UnsupportedError(
            f"config.json: pad_token_id {read.pad_token_id} is not supported; MPNet counts positions from {_PAD}: "
            "fine-tune with the tokenizer that the model was trained with"
        )
    found = read.geometry()
    return replace(found, types=0, positions=found.positions - _PAD - 1)


def distances(positions: int) -> Distances:
    """The row of the table for each distance: transformers' relative_position_bucket.

    Half of the rows are for keys before the query, half for those after; of each the first half is one distance each,
    and the rest grow by its logarithm up to 128. In float32, as there.
    """
    far = np.arange(1 - positions, positions)  # of a query and a key
    half, single = _BUCKETS // 2, _BUCKETS // 4
    size = np.abs(far)
    grown = np.log(np.maximum(size, single).astype(np.float32) / np.float32(single))
    large = single + (grown / np.float32(math.log(_FARTHEST / single)) * np.float32(half - single)).astype(np.int64)
    rows = np.where(far < 0, half, 0) + np.where(size < single, size, np.minimum(large, half - 1))
    return Distances("distances", rows.astype(np.int32))


def _entries(geometry: Geometry) -> Iterator[Entry]:
    h = geometry.hidden
    yield Entry("embeddings.word", "embeddings.word_embeddings.weight", (geometry.vocabulary, h))
    yield Entry("embeddings.position", "embeddings.position_embeddings.weight", (geometry.positions + _PAD + 1, h))
    yield from layer_norm_entries("embeddings.norm", "embeddings.LayerNorm", h)
    yield Entry("distances.table", "encoder.relative_attention_bias.weight", (_BUCKETS, geometry.heads))
    for number in range(geometry.layers):
        yield from layer_entries(f"layer.{number}", f"encoder.layer.{number}", h, geometry.intermediate, _LAYER)


_LAYER = LayerNames(
    query="attention.attn.q",
    key="attention.attn.k",
    value="attention.attn.v",
    dense="attention.attn.o",
    attention_norm="attention.LayerNorm",
)


def _encode(ops: Ops[T], read: Read, geometry: Geometry, inputs: Inputs[T], first_token_only: bool) -> T:
    word = Weight("embeddings.word.weight", read("embeddings.word"), Role.WORD_EMBEDDING)
    positions = Weight("embeddings.position.weight", read("embeddings.position"), Role.POSITION_EMBEDDING)
    words = ops.embedding("embeddings.word", word, inputs.ids)
    x = ops.counted_positions("embeddings.sum", positions, words, inputs.ids, _PAD)
    x = layer_norm(ops, read, "embeddings", "embeddings.norm", x, geometry.epsilon)
    # every key is near enough: but of hidden ones the scores for distances must not count either
    bias = ops.local_bias("mask.every", ops.mask_bias("mask", inputs.mask), geometry.positions)
    table = Weight("distances.table.weight", read("distances.table"), Role.VECTOR)
    scores = (ops.position_scores("distances.scores", x, table, distances(geometry.positions)),)
    names = (f"layer.{number}" for number in range(geometry.layers))
    layers = [RelativeLayer(ops, read, geometry, name, scores=scores) for name in names]
    return through(layers, x, bias, first_token_only)


def _modules(geometry: Geometry) -> Iterator[tuple[str, str]]:
    yield "mpnet.embeddings", "embeddings"
    for number in range(geometry.layers):
        layer = f"mpnet.encoder.layer.{number}"
        yield f"{layer}.attention.LayerNorm", f"layer.{number}.attention.output"
        yield f"{layer}.intermediate", f"layer.{number}.intermediate"
        yield f"{layer}.output", f"layer.{number}.output"
    yield "classifier.dense", "pooler.dense"
    yield "mpnet.pooler", "pooler"


MPNET = Family(
    model_type="mpnet",
    tokenizer_class="MPNetTokenizer",
    prefix="mpnet.",
    buffers=("embeddings.position_ids",),
    schema=MpnetConfig,
    read_geometry=_read_geometry,
    reads_types=lambda _: False,
    entries=_entries,
    encode=_encode,
    modules=_modules,
    heads=standard_heads(
        "MPNet",
        "classifier.dense",
        "tanh",
        HeadNames(
            masked=MaskedNames(
                dense="lm_head.dense",
                norm="lm_head.layer_norm",
                decoder="lm_head.decoder",
                bias="lm_head.bias",
                table="mpnet.embeddings.word_embeddings.weight",
                activation="gelu",
            ),
            classifier="classifier.out_proj",
            choice_pooler="mpnet.pooler.dense",
            features_pooler="mpnet.pooler.dense",
            unread=("lm_head.", "mpnet.pooler."),
        ),
    ),
    multiplies_last=False,
)
