"""ELECTRA (Clark et al. 2020): BERT with a projection where the embedding tables are narrower than the layers."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from exporter.model.bert_tensors import embedding_entries, layer_entries, layer_modules
from exporter.model.config_schema import BertConfig, Name, Switch, Width
from exporter.model.family import Encoded, Family, Head, Stored
from exporter.model.geometry import Geometry
from exporter.model.heads.common import linear
from exporter.model.heads.fill_mask import MaskedNames
from exporter.model.heads.standard import HeadNames, standard_heads
from exporter.model.ops import Inputs, Ops, Read, Role, T
from exporter.model.tasks import MULTIPLE_CHOICE
from exporter.model.tensor_table import Entry, dense_entries
from exporter.model.transformer import embed, run_layers
from runtimes.errors import UnsupportedError, excerpt


class ElectraConfig(BertConfig):
    """`summary_…` is read by multiple choice alone."""

    embedding_size: Width = 128
    hidden_size: Width = 256
    num_attention_heads: Width = 4
    intermediate_size: Width = 1024
    summary_type: Name = "first"
    summary_use_proj: Switch = True
    summary_activation: Name | None = Field("gelu", description="a name")


_SUMMARY = {"summary_type": "first", "summary_use_proj": True, "summary_activation": "gelu"}


def _read_geometry(config: Mapping[str, Any]) -> Geometry:
    read = ElectraConfig.read(config)
    return read.geometry(read.embedding_size)


def _entries(geometry: Geometry) -> Iterator[Entry]:
    yield from embedding_entries(geometry, geometry.positions)
    if geometry.embedding != geometry.hidden:
        yield from dense_entries("embeddings.project", "embeddings_project", geometry.hidden, geometry.embedding)
    for number in range(geometry.layers):
        yield from layer_entries(f"layer.{number}", f"encoder.layer.{number}", geometry.hidden, geometry.intermediate)


def _encode(ops: Ops[T], read: Read, geometry: Geometry, inputs: Inputs[T], first_token_only: bool) -> T:
    x = embed(ops, read, geometry, inputs)  # [B, S, E]
    if geometry.embedding != geometry.hidden:
        given = Encoded(ops, read, geometry, inputs, x)
        x = linear(given, "embeddings.project", "embeddings.projected", x, Role.LINEAR)  # [B, S, H]
    return run_layers(ops, read, geometry, x, inputs.mask, first_token_only)


def _check_summary(head: Head, _stored: Stored, config: Mapping[str, Any]) -> Head:
    """Refuse a config.json by which the class would summarise the first token in another way."""
    for key, only in _SUMMARY.items():
        if config.get(key, only) != only:
            raise UnsupportedError(
                f"config.json: {key} {excerpt(config[key])} is not supported; only {only!r} is: pass "
                "--task feature-extraction for the vectors of the tokens, and do the rest in the app"
            )
    return head


def _modules(geometry: Geometry) -> Iterator[tuple[str, str]]:
    yield "electra.embeddings", "embeddings"
    yield "electra.embeddings_project", "embeddings.projected"
    yield from layer_modules("electra.", geometry.layers)
    yield "classifier.dense", "pooler.dense"


ELECTRA = Family(
    model_type="electra",
    tokenizer_class="ElectraTokenizer",
    prefix="electra.",
    buffers=("embeddings.position_ids", "embeddings.token_type_ids"),
    schema=ElectraConfig,
    read_geometry=_read_geometry,
    reads_types=lambda _: True,
    entries=_entries,
    encode=_encode,
    modules=_modules,
    heads=standard_heads(
        "Electra",
        "classifier.dense",
        "gelu",
        HeadNames(
            masked=MaskedNames(
                dense="generator_predictions.dense",
                norm="generator_predictions.LayerNorm",
                decoder="generator_lm_head",
                bias="generator_lm_head.bias",
                table="electra.embeddings.word_embeddings.weight",
                activation="gelu",
            ),
            classifier="classifier.out_proj",
            choice_pooler="sequence_summary.summary",
            unread=("discriminator_predictions.", "generator_predictions.", "generator_lm_head."),
        ),
        adapted={MULTIPLE_CHOICE.name: _check_summary},
    ),
)
