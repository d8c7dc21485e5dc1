"""ModernBERT (Warner et al. 2024): rotary positions, local and global attention, GeGLU, and norms before the layers."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal, cast

from pydantic import Field

from exporter.model.config_schema import (
    EncoderConfig,
    Epsilon,
    Identifier,
    Layers,
    Positions,
    Rows,
    Switch,
    Width,
    heads_that_do_not_divide,
    read_activation,
)
from exporter.model.families.modernbert_layers import ModernGeometry, encode, norm
from exporter.model.family import Encoded, Family, Head, Stored
from exporter.model.heads.common import classify_tokens, find_span, linear, ranking_head
from exporter.model.heads.embedding import features_head, sentence_head
from exporter.model.heads.fill_mask import MaskedNames, Transform, masked_head
from exporter.model.ops import Role, T, Weight
from exporter.model.tasks import MULTIPLE_CHOICE, QUESTION_ANSWERING, TEXT_CLASSIFICATION, TOKEN_CLASSIFICATION, Task
from exporter.model.tensor_table import Entry, dense_entries, layer_norm_entries
from runtimes.errors import CheckpointError, UnsupportedError, excerpt

_LOCAL, _GLOBAL = "sliding_attention", "full_attention"
_Base = Annotated[float, Field(gt=1, lt=1e12, description="a number above 1")]
_Local = Annotated[int, Field(ge=2, le=1 << 14, description="a whole number from 2 to 16,384")]


class ModernBertConfig(EncoderConfig):
    """Under the names of transformers 5 (`layer_types`, `rope_parameters`), and under those before."""

    position_types: ClassVar[tuple[str, ...] | None] = None

    vocab_size: Rows = 50368
    max_position_embeddings: Positions = 8192
    pad_token_id: Identifier = 50283
    hidden_size: Width = 768
    num_hidden_layers: Layers = 22
    num_attention_heads: Width = 12
    intermediate_size: Width = 1152
    hidden_activation: Any = "gelu"
    norm_eps: Epsilon = 1e-5
    norm_bias: Switch = False
    attention_bias: Switch = False
    mlp_bias: Switch = False
    decoder_bias: Switch = True
    local_attention: _Local = 128
    global_attn_every_n_layers: Layers = 3
    layer_types: list[Literal["sliding_attention", "full_attention"]] | None = Field(
        None, description=f"a list of {_LOCAL} and {_GLOBAL}, one for each layer"
    )
    global_rope_theta: _Base = 160_000.0
    local_rope_theta: _Base = 10_000.0
    rope_parameters: dict[str, Any] | None = Field(None, description="rope_theta by kind of layer")
    rope_scaling: Any = None
    classifier_pooling: Literal["cls", "mean"] = Field("cls", description="cls or mean")
    classifier_bias: Switch = False
    classifier_activation: Any = "gelu"

    def contradictions(self) -> list[str]:
        """See EncoderConfig."""
        given, layers = self.layer_types, self.num_hidden_layers
        unlike = given is not None and len(given) != layers
        problems = [f"layer_types names {len(given or ())} layers, num_hidden_layers {layers}"] if unlike else []
        if self.hidden_size // self.num_attention_heads % 2:
            problems.append(f"heads of {self.hidden_size // self.num_attention_heads} numbers cannot turn in pairs")
        heads = heads_that_do_not_divide(self, "hidden_size", "num_attention_heads")
        return super().contradictions() + heads + problems

    @property
    def local_layers(self) -> tuple[bool, ...]:
        """Whether a layer attends to tokens near by alone."""
        if self.layer_types is not None:
            return tuple(kind == _LOCAL for kind in self.layer_types)
        return tuple(bool(number % self.global_attn_every_n_layers) for number in range(self.num_hidden_layers))

    def base(self, kind: str, otherwise: float) -> float:
        """The base of rotary positions of a kind of layer. Raises UnsupportedError for another kind of positions."""
        found = (self.rope_parameters or {}).get(kind) or {}
        for told in (found, self.rope_scaling or {}):
            name = told.get("rope_type", told.get("type", "default")) if isinstance(told, dict) else told
            if name != "default":
                raise UnsupportedError(
                    f"config.json: rotary positions of the type {excerpt(name)} are not supported, only 'default' is: "
                    "fine-tune from a checkpoint whose positions are not scaled"
                )
        theta = found.get("rope_theta", otherwise)
        if isinstance(theta, bool) or not isinstance(theta, int | float) or not 1 < theta < 1e12:
            raise CheckpointError(f"config.json: expected a number above 1, found rope_theta = {excerpt(theta)}")
        return float(theta)


def _read_geometry(config: Mapping[str, Any]) -> ModernGeometry:
    read = ModernBertConfig.read(config)
    reach = read.local_attention // 2
    if (window := config.get("sliding_window")) not in (None, reach):
        raise CheckpointError(
            f"config.json: sliding_window {excerpt(window)} is not half of local_attention {read.local_attention}; "
            "leave out the one that these weights were not trained with"
        )
    return ModernGeometry(
        vocabulary=read.vocab_size,
        embedding=read.hidden_size,
        hidden=read.hidden_size,
        layers=read.num_hidden_layers,
        heads=read.num_attention_heads,
        intermediate=read.intermediate_size,
        positions=read.max_position_embeddings,
        types=0,
        activation=read_activation("hidden_activation", read.hidden_activation),
        epsilon=read.norm_eps,
        pad=read.pad_token_id,
        local=read.local_layers,
        reach=reach,
        bases=(read.base(_GLOBAL, read.global_rope_theta), read.base(_LOCAL, read.local_rope_theta)),
        norm_bias=read.norm_bias,
        attention_bias=read.attention_bias,
        feedforward_bias=read.mlp_bias,
        head_bias=read.classifier_bias,
        decoder_bias=read.decoder_bias,
        pooling=read.classifier_pooling,
        head_activation=read_activation("classifier_activation", read.classifier_activation),
    )


def _norm_entries(name: str, stored: str, geometry: ModernGeometry) -> Iterator[Entry]:
    return layer_norm_entries(name, stored, geometry.hidden, geometry.norm_bias)


def _entries(geometry: ModernGeometry) -> Iterator[Entry]:
    yield Entry("embeddings.word", "embeddings.tok_embeddings.weight", (geometry.vocabulary, geometry.hidden))
    yield from _norm_entries("embeddings.norm", "embeddings.norm", geometry)
    for number in range(geometry.layers):
        yield from _layer_entries(number, geometry)
    yield from _norm_entries("encoder.norm", "final_norm", geometry)


def _layer_entries(number: int, geometry: ModernGeometry) -> Iterator[Entry]:
    name, stored, h, wide = f"layer.{number}", f"layers.{number}", geometry.hidden, geometry.intermediate
    if number:  # the embeddings are normalised already
        yield from _norm_entries(f"{name}.attention.norm", f"{stored}.attn_norm", geometry)
    yield from dense_entries(f"{name}.attention.joint", f"{stored}.attn.Wqkv", 3 * h, h, geometry.attention_bias)
    yield from dense_entries(f"{name}.attention.dense", f"{stored}.attn.Wo", h, h, geometry.attention_bias)
    yield from _norm_entries(f"{name}.norm", f"{stored}.mlp_norm", geometry)
    yield from dense_entries(f"{name}.intermediate", f"{stored}.mlp.Wi", 2 * wide, h, geometry.feedforward_bias)
    yield from dense_entries(f"{name}.dense", f"{stored}.mlp.Wo", h, wide, geometry.feedforward_bias)


def _modules(geometry: ModernGeometry) -> Iterator[tuple[str, str]]:
    yield "model.embeddings", "embeddings"
    for number in range(geometry.layers):
        yield f"model.layers.{number}.attn.Wo", f"layer.{number}.attention.output"
        yield f"model.layers.{number}.mlp", f"layer.{number}.dense"
        yield f"model.layers.{number}", f"layer.{number}.output"
    yield "model.final_norm", "encoder.norm"
    yield "head", "head"


def _transform_entries(geometry: ModernGeometry) -> Iterator[Entry]:
    yield from dense_entries("head.dense", "head.dense", geometry.hidden, geometry.hidden, geometry.head_bias)
    yield from _norm_entries("head.norm", "head.norm", geometry)


def _transform(given: Encoded[T], role: Role) -> T:
    """Dense, activation and norm, which stand before every classifier and the decoder."""
    ops, geometry = given.ops, cast("ModernGeometry", given.geometry)
    weight = Weight("head.dense.weight", given.read("head.dense.weight"), role)
    bias = Weight("head.dense.bias", given.read("head.dense.bias"), Role.VECTOR) if geometry.head_bias else None
    x = ops.linear("head.dense", given.x, weight, bias)
    x = ops.activation("head.activation", x, geometry.head_activation)
    return norm(ops, given.read, geometry, "head", "head.norm", x)


def _classifier_entries(name: str, rows: int | None = None) -> Callable[[Any, int], Iterator[Entry]]:
    """The transform, and `classifier` with a row for each label, or so many."""

    def entries(geometry: ModernGeometry, labels: int) -> Iterator[Entry]:
        yield from _transform_entries(geometry)
        yield from dense_entries(name, "classifier", rows or labels, geometry.hidden, True)

    return entries


def _classify(task: Task) -> Callable[[Encoded[Any]], None]:
    """The first token's numbers or the mean of all, and the classifier: [B, H] or [B, S, H] → [B, labels]."""

    def build(given: Encoded[Any]) -> None:
        kind = _kind(task, cast("ModernGeometry", given.geometry).pooling)
        if kind != "cls":
            given = replace(given, x=given.ops.pool("pooled", given.x, given.inputs.mask, kind))
        x = _transform(given, Role.TAIL)
        given.ops.output("logits", linear(given, "classifier", "classifier", x, Role.HEAD), task.outputs["logits"])

    return build


def _kind(task: Task, pooling: str) -> str:
    """How a head pools. Of choices transformers takes the first token that is none of padding, and else the first."""
    return "first" if task.choices and pooling == "cls" else pooling


def _classify_tokens(given: Encoded[Any]) -> None:
    classify_tokens(replace(given, x=_transform(given, Role.LINEAR)))


def _find_span(given: Encoded[Any]) -> None:
    find_span(replace(given, x=_transform(given, Role.LINEAR)))


def _pooled(head: Head, _stored: Stored, config: Mapping[str, Any]) -> Head:
    """A head that does not take the first token alone needs all."""
    kind = _kind(head.task, ModernBertConfig.read(config).classifier_pooling)
    return replace(head, first_token_only=kind == "cls")


def _pooled_head(task: Task, architecture: str, rows: int | None = None) -> Head:
    labelled = None if rows else "classifier.weight"
    entries = _classifier_entries("classifier", rows)
    return Head(task, architecture, entries, _classify(task), labelled=labelled, leftovers=_UNREAD, adapt=_pooled)


_UNREAD = ("decoder.",)
"""What checkpoints may hold of pretraining; `head.` is read by every classifier."""

_CLASSIFIER = _pooled_head(TEXT_CLASSIFICATION, "ModernBertForSequenceClassification")

MODERNBERT = Family(
    model_type="modernbert",
    tokenizer_class="PreTrainedTokenizerFast",
    prefix="model.",
    buffers=(),
    schema=ModernBertConfig,
    read_geometry=_read_geometry,
    reads_types=lambda _: False,
    multiplies_last=False,
    entries=_entries,
    encode=encode,
    modules=_modules,
    heads=(
        _CLASSIFIER,
        ranking_head(_CLASSIFIER),
        Head(
            TOKEN_CLASSIFICATION,
            "ModernBertForTokenClassification",
            _classifier_entries("classifier"),
            _classify_tokens,
            labelled="classifier.weight",
            leftovers=_UNREAD,
        ),
        Head(
            QUESTION_ANSWERING,
            "ModernBertForQuestionAnswering",
            _classifier_entries("span", rows=2),
            _find_span,
            leftovers=_UNREAD,
        ),
        masked_head(
            "ModernBertForMaskedLM",
            MaskedNames(
                decoder="decoder",
                bias="decoder.bias",
                table="model.embeddings.tok_embeddings.weight",
                transform=Transform(_transform_entries, lambda given: _transform(given, Role.LINEAR)),
            ),
        ),
        features_head("ModernBertModel", None, leftovers=("head.", *_UNREAD)),
        sentence_head("ModernBertModel", leftovers=("head.", *_UNREAD)),
        _pooled_head(MULTIPLE_CHOICE, "ModernBertForMultipleChoice", rows=1),
    ),
)
