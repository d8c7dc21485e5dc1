"""Tensor and module names of encoders that transformers builds from BERT's layers."""

from collections.abc import Iterator
from dataclasses import dataclass

from exporter.model.geometry import Geometry
from exporter.model.tensor_table import Entry, dense_entries, layer_norm_entries


def encoder_entries(geometry: Geometry) -> Iterator[Entry]:
    """Every tensor of the encoder, as BertModel stores it."""
    yield from embedding_entries(geometry, geometry.positions)
    for number in range(geometry.layers):
        yield from layer_entries(f"layer.{number}", f"encoder.layer.{number}", geometry.hidden, geometry.intermediate)


def embedding_entries(geometry: Geometry, positions: int) -> Iterator[Entry]:
    """Every tensor of the embeddings, as BertEmbeddings stores them; `positions` are the rows of their table."""
    e = geometry.embedding
    yield Entry("embeddings.word", "embeddings.word_embeddings.weight", (geometry.vocabulary, e))
    yield Entry("embeddings.position", "embeddings.position_embeddings.weight", (positions, e))
    yield Entry("embeddings.type", "embeddings.token_type_embeddings.weight", (geometry.types, e))
    yield from layer_norm_entries("embeddings.norm", "embeddings.LayerNorm", e)


@dataclass(frozen=True)
class LayerNames:
    """How a family stores the parts of a layer, below the layer's own name; as BertLayer does where nothing is said."""

    query: str = "attention.self.query"
    key: str = "attention.self.key"
    value: str = "attention.self.value"
    dense: str = "attention.output.dense"
    attention_norm: str = "attention.output.LayerNorm"
    intermediate: str = "intermediate.dense"
    output: str = "output.dense"
    norm: str = "output.LayerNorm"


BERT_LAYER = LayerNames()


def layer_entries(name: str, stored: str, h: int, intermediate: int, names: LayerNames = BERT_LAYER) -> Iterator[Entry]:
    """Every tensor of one layer: attention and feed-forward, each with its LayerNorm."""
    for part in ("query", "key", "value", "dense"):
        yield from dense_entries(f"{name}.attention.{part}", f"{stored}.{getattr(names, part)}", h, h)
    yield from layer_norm_entries(f"{name}.attention.norm", f"{stored}.{names.attention_norm}", h)
    yield from dense_entries(f"{name}.intermediate", f"{stored}.{names.intermediate}", intermediate, h)
    yield from dense_entries(f"{name}.dense", f"{stored}.{names.output}", h, intermediate)
    yield from layer_norm_entries(f"{name}.norm", f"{stored}.{names.norm}", h)


def layer_modules(prefix: str, layers: int) -> Iterator[tuple[str, str]]:
    """Modules of BertEncoder and of those made like it, each with our name of its result."""
    for number in range(layers):
        for part in ("attention.output", "intermediate", "output"):
            yield f"{prefix}encoder.layer.{number}.{part}", f"layer.{number}.{part}"
