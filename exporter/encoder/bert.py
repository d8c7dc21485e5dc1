"""BERT (Devlin et al. 2018): MiniLM, bert-tiny and the boltuix tiers are BERTs too."""

from collections.abc import Iterator

from exporter.encoder.embeddings import features_head, sentence_head
from exporter.encoder.family import Family, Head
from exporter.encoder.geometry import Geometry, read_geometry
from exporter.encoder.heads import classifier_entries, classify_pooled, classify_tokens, find_span, span_entries
from exporter.encoder.masked import MaskedNames, masked_head
from exporter.encoder.ops import Extent
from exporter.encoder.tasks import (
    MULTIPLE_CHOICE,
    NEXT_SENTENCE_PREDICTION,
    QUESTION_ANSWERING,
    TEXT_CLASSIFICATION,
    TOKEN_CLASSIFICATION,
)
from exporter.encoder.transformer import encode
from exporter.encoder.weights import Entry, dense_entries, layer_norm_entries

_PRETRAINING = ("cls.predictions.", "cls.seq_relationship.")
"""The heads of pretraining: BertForPreTraining's, which fine-tuned checkpoints may still hold."""


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


def _pooler_entries(geometry: Geometry, _labels: int = 0) -> Iterator[Entry]:
    yield from dense_entries("pooler", "bert.pooler.dense", geometry.hidden, geometry.hidden)


def _pooled_classifier_entries(geometry: Geometry, labels: int) -> Iterator[Entry]:
    yield from _pooler_entries(geometry)
    yield from classifier_entries(geometry, labels)


def _choice_entries(geometry: Geometry, _labels: int) -> Iterator[Entry]:
    return _pooled_classifier_entries(geometry, 1)


def _next_sentence_entries(geometry: Geometry, _labels: int) -> Iterator[Entry]:
    yield from _pooler_entries(geometry)
    yield from dense_entries("classifier", "cls.seq_relationship", 2, geometry.hidden)


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
            leftovers=_PRETRAINING,
        ),
        Head(
            TOKEN_CLASSIFICATION,
            "BertForTokenClassification",
            classifier_entries,
            classify_tokens,
            labelled="classifier.weight",
            leftovers=(*_PRETRAINING, "bert.pooler."),
        ),
        Head(
            QUESTION_ANSWERING,
            "BertForQuestionAnswering",
            span_entries,
            find_span,
            leftovers=(*_PRETRAINING, "bert.pooler."),
        ),
        masked_head(
            "BertForMaskedLM",
            MaskedNames(
                dense="cls.predictions.transform.dense",
                norm="cls.predictions.transform.LayerNorm",
                decoder="cls.predictions.decoder",
                bias="cls.predictions.bias",
                table="bert.embeddings.word_embeddings.weight",
            ),
            accepts=("BertForPreTraining",),
            leftovers=("cls.seq_relationship.", "bert.pooler."),
        ),
        features_head("BertModel", "bert.pooler.dense", leftovers=_PRETRAINING),
        sentence_head("BertModel", leftovers=(*_PRETRAINING, "bert.pooler.")),
        Head(
            NEXT_SENTENCE_PREDICTION,
            "BertForNextSentencePrediction",
            _next_sentence_entries,
            classify_pooled("pooler", "tanh"),
            first_token_only=True,
            labels=("is next", "is not next"),
            leftovers=("cls.predictions.",),
        ),
        Head(
            MULTIPLE_CHOICE,
            "BertForMultipleChoice",
            _choice_entries,
            classify_pooled("pooler", "tanh", Extent.CHOICE),
            first_token_only=True,
            leftovers=_PRETRAINING,
        ),
    ),
)
