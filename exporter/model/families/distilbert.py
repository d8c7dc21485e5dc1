"""DistilBERT (Sanh et al. 2019): BERT's layers without token types and without a pooler."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from exporter.model.bert_tensors import LayerNames, layer_entries
from exporter.model.config_schema import EncoderConfig, Layers, Width, heads_that_do_not_divide, read_activation
from exporter.model.family import Family
from exporter.model.geometry import Geometry
from exporter.model.heads.fill_mask import MaskedNames
from exporter.model.heads.standard import HeadNames, standard_heads
from exporter.model.tensor_table import Entry, layer_norm_entries
from exporter.model.transformer import encode


class DistilBertConfig(EncoderConfig):
    """Sinusoidal positions are stored like learnt ones, so `sinusoidal_pos_embds` makes no difference here."""

    aliases: ClassVar[Mapping[str, str]] = {
        "hidden_size": "dim",
        "num_attention_heads": "n_heads",
        "num_hidden_layers": "n_layers",
    }

    dim: Width = 768
    n_layers: Layers = 6
    n_heads: Width = 12
    hidden_dim: Width = 3072
    activation: Any = "gelu"

    def contradictions(self) -> list[str]:
        """See EncoderConfig."""
        return super().contradictions() + heads_that_do_not_divide(self, "dim", "n_heads")


_EPSILON = 1e-12
"""transformers/models/distilbert/modeling_distilbert.py: no config changes it."""


def _read_geometry(config: Mapping[str, Any]) -> Geometry:
    read = DistilBertConfig.read(config)
    return Geometry(
        vocabulary=read.vocab_size,
        embedding=read.dim,
        hidden=read.dim,
        layers=read.n_layers,
        heads=read.n_heads,
        intermediate=read.hidden_dim,
        positions=read.max_position_embeddings,
        types=0,
        activation=read_activation("activation", read.activation),
        epsilon=_EPSILON,
        pad=read.pad_token_id,
    )


def _entries(geometry: Geometry) -> Iterator[Entry]:
    h = geometry.hidden
    yield Entry("embeddings.word", "embeddings.word_embeddings.weight", (geometry.vocabulary, h))
    yield Entry("embeddings.position", "embeddings.position_embeddings.weight", (geometry.positions, h))
    yield from layer_norm_entries("embeddings.norm", "embeddings.LayerNorm", h)
    for number in range(geometry.layers):
        yield from layer_entries(f"layer.{number}", f"transformer.layer.{number}", h, geometry.intermediate, _LAYER)


_LAYER = LayerNames(
    query="attention.q_lin",
    key="attention.k_lin",
    value="attention.v_lin",
    dense="attention.out_lin",
    attention_norm="sa_layer_norm",
    intermediate="ffn.lin1",
    output="ffn.lin2",
    norm="output_layer_norm",
)


def _modules(geometry: Geometry) -> Iterator[tuple[str, str]]:
    yield "distilbert.embeddings", "embeddings"
    for number in range(geometry.layers):
        layer = f"distilbert.transformer.layer.{number}"
        yield f"{layer}.sa_layer_norm", f"layer.{number}.attention.output"
        yield f"{layer}.ffn", f"layer.{number}.dense"
        yield f"{layer}.output_layer_norm", f"layer.{number}.output"
    yield "pre_classifier", "pooler.dense"


DISTILBERT = Family(
    model_type="distilbert",
    tokenizer_class="DistilBertTokenizer",
    prefix="distilbert.",
    buffers=("embeddings.position_ids",),
    schema=DistilBertConfig,
    read_geometry=_read_geometry,
    reads_types=lambda _: False,
    entries=_entries,
    encode=encode,
    modules=_modules,
    heads=standard_heads(
        "DistilBert",
        "pre_classifier",
        "relu",
        HeadNames(
            masked=MaskedNames(
                dense="vocab_transform",
                norm="vocab_layer_norm",
                decoder="vocab_projector",
                bias="vocab_projector.bias",
                table="distilbert.embeddings.word_embeddings.weight",
            ),
            unread=("vocab_transform.", "vocab_layer_norm.", "vocab_projector."),
        ),
    ),
)
