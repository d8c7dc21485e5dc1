"""BERT (Devlin et al. 2018): MiniLM, bert-tiny and the boltuix tiers are BERTs too."""

from collections.abc import Iterator

from exporter.encoder.family import Family, Head
from exporter.encoder.geometry import Geometry, read_geometry
from exporter.encoder.heads import classifier_entries, classify_pooled, classify_tokens, find_span, span_entries
from exporter.encoder.tasks import QUESTION_ANSWERING, TEXT_CLASSIFICATION, TOKEN_CLASSIFICATION
from exporter.encoder.transformer import encode
from exporter.encoder.weights import Entry, dense_entries, layer_norm_entries


def encoder_entries(geometry: Geometry) -> Iterator[Entry]:
    """Every tensor of the encoder, as BertModel stores it."""
    h = geometry.hidden
    yield Entry("embeddings.word", "embeddings.word_embeddings.weight", (geometry.vocabulary, h))
    yield Entry("embeddings.position", "embeddings.position_embeddings.weight", (geometry.positions, h))
    yield Entry("embeddings.type", "embeddings.token_type_embeddings.weight", (geometry.types, h))
    yield from layer_norm_entries("embeddings.norm", "embeddings.LayerNorm", h)
    for number in range(geometry.layers):
        yield from layer_entries(f"layer.{number}", f"encoder.layer.{number}", h, geometry.intermediate)


def layer_entries(name: str, stored: str, h: int, intermediate: int) -> Iterator[Entry]:
    """Every tensor of one layer, as BertLayer stores it."""
    for part in ("query", "key", "value"):
        yield from dense_entries(f"{name}.attention.{part}", f"{stored}.attention.self.{part}", h, h)
    yield from dense_entries(f"{name}.attention.dense", f"{stored}.attention.output.dense", h, h)
    yield from layer_norm_entries(f"{name}.attention.norm", f"{stored}.attention.output.LayerNorm", h)
    yield from dense_entries(f"{name}.intermediate", f"{stored}.intermediate.dense", intermediate, h)
    yield from dense_entries(f"{name}.dense", f"{stored}.output.dense", h, intermediate)
    yield from layer_norm_entries(f"{name}.norm", f"{stored}.output.LayerNorm", h)


def _pooled_classifier_entries(geometry: Geometry, labels: int) -> Iterator[Entry]:
    yield from dense_entries("pooler", "bert.pooler.dense", geometry.hidden, geometry.hidden)
    yield from classifier_entries(geometry, labels)


def _modules(geometry: Geometry) -> Iterator[tuple[str, str]]:
    yield "bert.embeddings", "embeddings"
    for number in range(geometry.layers):
        layer = f"bert.encoder.layer.{number}"
        yield f"{layer}.attention.output", f"layer.{number}.attention.output"
        yield f"{layer}.intermediate", f"layer.{number}.intermediate"
        yield f"{layer}.output", f"layer.{number}.output"
    yield "bert.pooler", "pooler"


BERT = Family(
    model_type="bert",
    prefix="bert.",
    buffers=("embeddings.position_ids", "embeddings.token_type_ids"),
    read_geometry=read_geometry,
    entries=encoder_entries,
    encode=encode,
    modules=_modules,
    heads=(
        Head(
            TEXT_CLASSIFICATION,
            "BertForSequenceClassification",
            _pooled_classifier_entries,
            classify_pooled("pooler", "tanh"),
            first_token_only=True,
            labelled="classifier.weight",
        ),
        Head(
            TOKEN_CLASSIFICATION,
            "BertForTokenClassification",
            classifier_entries,
            classify_tokens,
            labelled="classifier.weight",
        ),
        Head(QUESTION_ANSWERING, "BertForQuestionAnswering", span_entries, find_span),
    ),
)
