"""MobileBERT (Sun et al. 2020): thin transformer layers between bottlenecks, with NoNorm in place of LayerNorm.

In place of LayerNorm stands NoNorm, gain · x + shift, which folds into the linear layer before it; where a residual was
added in between, the gain of the residual is all that is left to compute.

Shapes: B batch, S sequence, H hidden, N the width of the bottleneck, A heads, D = N / A.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from typing import Annotated, Any

from pydantic import Field

from exporter.model.config_schema import BertConfig, Layers, Switch, Width, heads_that_do_not_divide
from exporter.model.families.mobilebert_layer import MobileGeometry, MobileLayer, embed
from exporter.model.family import Encoded, Family, Head, Stored
from exporter.model.heads.common import linear
from exporter.model.heads.fill_mask import MaskedNames
from exporter.model.heads.standard import HeadNames, standard_heads
from exporter.model.ops import Extent, Inputs, Ops, Read, Role, T
from exporter.model.tasks import MULTIPLE_CHOICE, NEXT_SENTENCE_PREDICTION, TEXT_CLASSIFICATION
from exporter.model.tensor_table import Entry, dense_entries, layer_norm_entries
from exporter.model.transformer import through
from runtimes.errors import UnsupportedError, excerpt

FeedForwards = Annotated[int, Field(ge=1, le=1 << 6, description="a whole number from 1 to 64")]


class MobileBertConfig(BertConfig):
    """Variants of the paper's ablations are refused: only the published model is implemented."""

    hidden_size: Width = 512
    num_hidden_layers: Layers = 24
    num_attention_heads: Width = 4
    intermediate_size: Width = 512
    hidden_act: Any = "relu"
    embedding_size: Width = 128
    intra_bottleneck_size: Width = 128
    num_feedforward_networks: FeedForwards = 4
    key_query_shared_bottleneck: Switch = True
    use_bottleneck_attention: Switch = False
    classifier_activation: Switch = True

    def contradictions(self) -> list[str]:
        """See EncoderConfig; the heads share the bottleneck's width."""
        of_all = super(BertConfig, self).contradictions()
        return of_all + heads_that_do_not_divide(self, "intra_bottleneck_size", "num_attention_heads")


_CLASSIFYING = (TEXT_CLASSIFICATION.name, NEXT_SENTENCE_PREDICTION.name, MULTIPLE_CHOICE.name)
"""Tasks that classify the first token."""

_ONLY = {"trigram_input": True, "use_bottleneck": True, "normalization_type": "no_norm"}
"""What the published model has."""


def _read_geometry(config: Mapping[str, Any]) -> MobileGeometry:
    for key, only in _ONLY.items():
        if type(config.get(key, only)) is not type(only) or config.get(key, only) != only:  # 1 equals True
            raise UnsupportedError(
                f"config.json: {key} {excerpt(config[key])} is not supported; only {only!r} is: fine-tune from a "
                "checkpoint that has it, such as google/mobilebert-uncased"
            )
    read = MobileBertConfig.read(config)
    if not read.key_query_shared_bottleneck and not read.use_bottleneck_attention:
        raise UnsupportedError(
            "config.json: key_query_shared_bottleneck and use_bottleneck_attention are both false, and one is needed; "
            "set the one that these weights were trained with"
        )
    return MobileGeometry(
        **asdict(read.geometry(read.embedding_size)),
        bottleneck=read.intra_bottleneck_size,
        feedforwards=read.num_feedforward_networks,
        shares_bottleneck=read.key_query_shared_bottleneck,
        narrow_attention=read.use_bottleneck_attention,
    )


def _entries(geometry: MobileGeometry) -> Iterator[Entry]:
    h, e = geometry.hidden, geometry.embedding
    yield Entry("embeddings.word", "embeddings.word_embeddings.weight", (geometry.vocabulary, e))
    yield Entry("embeddings.position", "embeddings.position_embeddings.weight", (geometry.positions, h))
    yield Entry("embeddings.type", "embeddings.token_type_embeddings.weight", (geometry.types, h))
    yield from dense_entries("embeddings.transformation", "embeddings.embedding_transformation", h, 3 * e)
    yield from layer_norm_entries("embeddings.norm", "embeddings.LayerNorm", h)
    for number in range(geometry.layers):
        yield from _layer_entries(f"layer.{number}", f"encoder.layer.{number}", geometry)


def _layer_entries(name: str, stored: str, geometry: MobileGeometry) -> Iterator[Entry]:
    h, n, wide = geometry.hidden, geometry.bottleneck, geometry.intermediate
    widths = {"query": n, "key": n, "value": n if geometry.narrow_attention else h}
    for part, width in widths.items():
        yield from dense_entries(f"{name}.attention.{part}", f"{stored}.attention.self.{part}", n, width)
    yield from _dense_and_norm(f"{name}.attention.dense", f"{stored}.attention.output", n, n)
    for bottleneck in ("input", "attention") if geometry.shares_bottleneck else ("input",):
        yield from _dense_and_norm(f"{name}.bottleneck.{bottleneck}", f"{stored}.bottleneck.{bottleneck}", n, h)
    for number in range(geometry.feedforwards - 1):
        ours, theirs = f"{name}.ffn.{number}", f"{stored}.ffn.{number}"
        yield from dense_entries(f"{ours}.intermediate", f"{theirs}.intermediate.dense", wide, n)
        yield from _dense_and_norm(f"{ours}.dense", f"{theirs}.output", n, wide)
    yield from dense_entries(f"{name}.intermediate", f"{stored}.intermediate.dense", wide, n)
    yield from _dense_and_norm(f"{name}.dense", f"{stored}.output", n, wide)
    yield from _dense_and_norm(f"{name}.bottleneck.output", f"{stored}.output.bottleneck", h, n)


def _dense_and_norm(name: str, stored: str, out: int, inner: int) -> Iterator[Entry]:
    yield from dense_entries(name, f"{stored}.dense", out, inner)
    yield from layer_norm_entries(f"{name}.norm", f"{stored}.LayerNorm", out)


def _encode(ops: Ops[T], read: Read, geometry: MobileGeometry, inputs: Inputs[T], first_token_only: bool) -> T:
    x = embed(ops, read, inputs)
    layers = [MobileLayer(ops, read, geometry, f"layer.{number}") for number in range(geometry.layers)]
    return through(layers, x, ops.mask_bias("mask", inputs.mask), first_token_only)


def _modules(geometry: MobileGeometry) -> Iterator[tuple[str, str]]:
    yield "mobilebert.embeddings", "embeddings"
    for number in range(geometry.layers):
        parts = ["attention.output", *(f"ffn.{n}.output" for n in range(geometry.feedforwards - 1)), "output"]
        for part in parts:
            yield f"mobilebert.encoder.layer.{number}.{part}", f"layer.{number}.{part}"
    yield "mobilebert.pooler", "pooler"


def _without_pooler(head: Head, _stored: Stored, config: Mapping[str, Any]) -> Head:
    """With `classifier_activation` false the first token goes to the classifier as it is."""
    if config.get("classifier_activation", True):
        return head
    classifier = head.entries
    return replace(
        head,
        entries=lambda geometry, labels: (e for e in classifier(geometry, labels) if e.name.startswith("classifier.")),
        build=lambda given: _classify(given, head.task.outputs["logits"]),
    )


def _classify(given: Encoded[Any], extent: Extent) -> None:
    given.ops.output("logits", linear(given, "classifier", "classifier", given.x, Role.HEAD), extent)


MOBILEBERT = Family(
    model_type="mobilebert",
    tokenizer_class="MobileBertTokenizer",
    prefix="mobilebert.",
    buffers=("embeddings.position_ids",),
    schema=MobileBertConfig,
    read_geometry=_read_geometry,
    reads_types=lambda _: True,
    entries=_entries,
    encode=_encode,
    modules=_modules,
    heads=standard_heads(
        "MobileBert",
        "mobilebert.pooler.dense",
        "tanh",
        HeadNames(
            masked=MaskedNames(
                dense="cls.predictions.transform.dense",
                norm="cls.predictions.transform.LayerNorm",
                decoder="cls.predictions.decoder",
                bias="cls.predictions.bias",
                table="mobilebert.embeddings.word_embeddings.weight",
                rest="cls.predictions.dense.weight",
            ),
            features_pooler="mobilebert.pooler.dense",
            next_sentence="cls.seq_relationship",
            unread=("cls.predictions.", "cls.seq_relationship.", "mobilebert.pooler."),
        ),
        adapted=dict.fromkeys(_CLASSIFYING, _without_pooler),
    ),
    padding_shows=True,  # in the trigram of the last token
    folded_norms=True,
)
