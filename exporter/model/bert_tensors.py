"""Tensor and module names of encoders that transformers builds from BERT's layers."""

from collections.abc import Iterator

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


def layer_entries(name: str, stored: str, h: int, intermediate: int) -> Iterator[Entry]:
    """Every tensor of one layer, as BertLayer stores it."""
    for part in ("query", "key", "value"):
        yield from dense_entries(f"{name}.attention.{part}", f"{stored}.attention.self.{part}", h, h)
    yield from dense_entries(f"{name}.attention.dense", f"{stored}.attention.output.dense", h, h)
    yield from layer_norm_entries(f"{name}.attention.norm", f"{stored}.attention.output.LayerNorm", h)
    yield from dense_entries(f"{name}.intermediate", f"{stored}.intermediate.dense", intermediate, h)
    yield from dense_entries(f"{name}.dense", f"{stored}.output.dense", h, intermediate)
    yield from layer_norm_entries(f"{name}.norm", f"{stored}.output.LayerNorm", h)


def layer_modules(prefix: str, layers: int) -> Iterator[tuple[str, str]]:
    """Modules of BertEncoder and of those made like it, each with our name of its result."""
    for number in range(layers):
        for part in ("attention.output", "intermediate", "output"):
            yield f"{prefix}encoder.layer.{number}.{part}", f"layer.{number}.{part}"
