"""DeBERTa-v2 and -v3 (He et al. 2021): attention to contents and to distances, each with weights of its own."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from typing import Annotated, Any

from pydantic import Field

from exporter.model.bert_tensors import LayerNames, layer_entries, layer_modules
from exporter.model.config_schema import BertConfig, Epsilon, Layers, Name, Rows, Switch, Width, read_activation
from exporter.model.families.deberta_v2_layers import DebertaGeometry, encode
from exporter.model.family import Family, Head, Stored
from exporter.model.heads.common import classify_pooled
from exporter.model.heads.fill_mask import MaskedNames, masked_head
from exporter.model.heads.standard import HeadNames, standard_heads
from exporter.model.tasks import FILL_MASK, MULTIPLE_CHOICE, TEXT_CLASSIFICATION
from exporter.model.tensor_table import Entry, dense_entries, layer_norm_entries
from runtimes.errors import UnsupportedError, excerpt

_Types = Annotated[int, Field(ge=0, le=1 << 10, description="a whole number from 0 to 1,024")]
_Span = Annotated[int, Field(ge=-1, le=1 << 13, description="a whole number from -1 to 8,192")]
_KINDS = ("c2p", "p2c")
_PUBLISHED = "a published checkpoint, such as microsoft/deberta-v3-small"


class DebertaV2Config(BertConfig):
    """transformers reads `pos_att_type` as a list or as one text, "p2c|c2p"."""

    vocab_size: Rows = 128100
    hidden_size: Width = 1536
    num_hidden_layers: Layers = 24
    num_attention_heads: Width = 24
    intermediate_size: Width = 6144
    type_vocab_size: _Types = 0
    layer_norm_eps: Epsilon = 1e-7
    relative_attention: Switch = False
    max_relative_positions: _Span = -1
    position_buckets: _Span = -1
    position_biased_input: Switch = True
    pos_att_type: str | list[str] | None = Field(None, description='a list of "c2p" and "p2c"')
    share_att_key: Switch = False
    norm_rel_ebd: Name = "none"
    conv_kernel_size: _Span = 0
    conv_groups: Width = 1
    conv_act: Any = "tanh"
    pooler_hidden_act: Any = "gelu"
    embedding_size: Width | None = Field(None, description="a whole number from 1 to 65,536")
    legacy: Switch = True

    def for_reference(self) -> dict[str, Any]:
        """See EncoderConfig; transformers takes an embedding_size that is null for a width."""
        given = super().for_reference()
        return given if self.embedding_size else {key: value for key, value in given.items() if key != "embedding_size"}

    @property
    def kinds(self) -> tuple[str, ...]:
        """Which of contents and positions attend to each other."""
        given = self.pos_att_type or []
        parts = given.lower().split("|") if isinstance(given, str) else given
        return tuple(part.strip() for part in parts if part.strip())

    @property
    def farthest(self) -> int:
        """The largest distance that is told apart."""
        return self.max_relative_positions if self.max_relative_positions > 0 else self.max_position_embeddings


def _read_geometry(config: Mapping[str, Any]) -> DebertaGeometry:
    read = DebertaV2Config.read(config)
    _refuse(config, read)
    relative = read.relative_attention
    return DebertaGeometry(
        **asdict(read.geometry(read.embedding_size)),
        span=(read.position_buckets if read.position_buckets > 0 else read.farthest) if relative else 0,
        farthest=read.farthest,
        buckets=max(read.position_buckets, 0),
        of_contents="c2p" in read.kinds and relative,
        of_positions="p2c" in read.kinds and relative,
        kinds=len({*_KINDS} & {*read.kinds}),
        shared_keys=read.share_att_key,
        normed_distances="layer_norm" in (part.strip() for part in read.norm_rel_ebd.lower().split("|")),
        has_positions=read.position_biased_input,
        convolved=read.conv_kernel_size > 0,
        convolution_activation=_activation("conv_act", read.conv_act) if read.conv_kernel_size > 0 else "",
    )


def _activation(key: str, name: object) -> str:
    """Of the convolution or the pooler, which may be tanh too. Raises UnsupportedError."""
    return "tanh" if name == "tanh" else read_activation(key, name)


def _refuse(config: Mapping[str, Any], read: DebertaV2Config) -> None:
    """Raise UnsupportedError for what no published model has."""
    size = read.hidden_size // read.num_attention_heads
    wanted = {"attention_head_size": size, "pooler_hidden_size": read.hidden_size}
    for key, only in wanted.items():
        if config.get(key, only) != only:
            raise UnsupportedError(
                f"config.json: {key} {excerpt(config[key])} is not supported; only {only} is, beside hidden_size "
                f"{read.hidden_size}: fine-tune from {_PUBLISHED}"
            )
    strange = [kind for kind in read.kinds if kind not in _KINDS]
    if strange:
        raise UnsupportedError(
            f"config.json: pos_att_type {excerpt(strange[0])} is not supported; known: {', '.join(_KINDS)}: "
            f"fine-tune from {_PUBLISHED}"
        )
    if read.conv_kernel_size not in (-1, 0, 3) or (read.conv_kernel_size == 3 and read.conv_groups != 1):
        raise UnsupportedError(
            f"config.json: a convolution of {read.conv_kernel_size} tokens in {read.conv_groups} groups is not "
            f"supported; only one of 3 tokens in 1 group is: fine-tune from {_PUBLISHED}"
        )


def _entries(geometry: DebertaGeometry) -> Iterator[Entry]:
    e, h = geometry.embedding, geometry.hidden
    yield Entry("embeddings.word", "embeddings.word_embeddings.weight", (geometry.vocabulary, e))
    if geometry.has_positions:
        yield Entry("embeddings.position", "embeddings.position_embeddings.weight", (geometry.positions, e))
    if geometry.types:
        yield Entry("embeddings.type", "embeddings.token_type_embeddings.weight", (geometry.types, e))
    if e != h:
        yield Entry("embeddings.project.weight", "embeddings.embed_proj.weight", (h, e))
    yield from layer_norm_entries("embeddings.norm", "embeddings.LayerNorm", h)
    if geometry.span:
        yield Entry("distances.table", "encoder.rel_embeddings.weight", (2 * geometry.span, h))
    if geometry.normed_distances:
        yield from layer_norm_entries("distances.norm", "encoder.LayerNorm", h)
    if geometry.convolved:
        yield Entry("convolution.weight", "encoder.conv.conv.weight", (h, h, 3))
        yield Entry("convolution.bias", "encoder.conv.conv.bias", (h,))
        yield from layer_norm_entries("convolution.norm", "encoder.conv.LayerNorm", h)
    for number in range(geometry.layers):
        yield from _layer_entries(f"layer.{number}", f"encoder.layer.{number}", geometry)


def _layer_entries(name: str, stored: str, geometry: DebertaGeometry) -> Iterator[Entry]:
    h, attention = geometry.hidden, f"{stored}.attention.self"
    yield from layer_entries(name, stored, h, geometry.intermediate, _LAYER)
    if not geometry.shared_keys:
        if geometry.of_contents:
            yield from dense_entries(f"{name}.attention.distance_key", f"{attention}.pos_key_proj", h, h)
        if geometry.of_positions:
            yield from dense_entries(f"{name}.attention.distance_query", f"{attention}.pos_query_proj", h, h)


_LAYER = LayerNames(query="attention.self.query_proj", key="attention.self.key_proj", value="attention.self.value_proj")


def _modules(geometry: DebertaGeometry) -> Iterator[tuple[str, str]]:
    yield "deberta.embeddings", "embeddings"
    yield from layer_modules("deberta.", geometry.layers)
    yield "deberta.encoder.conv", "convolution"
    yield "pooler", "pooler"


def _with_activation(head: Head, _stored: Stored, config: Mapping[str, Any]) -> Head:
    """The pooler's activation is config.json's."""
    kind = _activation("pooler_hidden_act", DebertaV2Config.read(config).pooler_hidden_act)
    return replace(head, build=classify_pooled("pooler", kind, head.task.outputs["logits"]))


_TABLE = "deberta.embeddings.word_embeddings.weight"
_MASKED = MaskedNames(
    dense="cls.predictions.transform.dense",
    norm="cls.predictions.transform.LayerNorm",
    decoder="cls.predictions.decoder",
    bias="cls.predictions.bias",
    table=_TABLE,
)
_UNREAD = ("cls.predictions.", "lm_predictions.", "mask_predictions.", "pooler.")
_NEWER = masked_head(
    "DebertaV2ForMaskedLM",
    MaskedNames(
        dense="lm_predictions.lm_head.dense",
        norm="lm_predictions.lm_head.LayerNorm",
        decoder="lm_predictions.lm_head.decoder",
        bias="lm_predictions.lm_head.bias",
        table=_TABLE,
    ),
    leftovers=("cls.predictions.", "mask_predictions.", "pooler."),
)
"""The head of models whose config.json says `"legacy": false`."""


def _newer_or_older(older: Head) -> Head:
    def adapt(_head: Head, stored: Stored, config: Mapping[str, Any]) -> Head:
        chosen = older if DebertaV2Config.read(config).legacy else _NEWER
        return chosen.adapt(chosen, stored, config) if chosen.adapt else chosen

    return replace(older, adapt=adapt)


_POOLED = {TEXT_CLASSIFICATION.name: _with_activation, MULTIPLE_CHOICE.name: _with_activation}
_HEADS = standard_heads("DebertaV2", "pooler.dense", "gelu", HeadNames(masked=_MASKED, unread=_UNREAD), adapted=_POOLED)

DEBERTA_V2 = Family(
    model_type="deberta-v2",
    tokenizer_class="DebertaV2Tokenizer",
    prefix="deberta.",
    buffers=("embeddings.position_ids",),
    schema=DebertaV2Config,
    read_geometry=_read_geometry,
    reads_types=lambda geometry: geometry.types > 0,
    entries=_entries,
    encode=encode,
    modules=_modules,
    heads=tuple(_newer_or_older(head) if head.task is FILL_MASK else head for head in _HEADS),
    padding_shows=True,  # what is padding attends to all alike, padding too
    multiplies_last=False,
)
