"""BERT (Devlin et al. 2018): MiniLM, bert-tiny and the boltuix tiers are BERTs too."""

from collections.abc import Iterator

from exporter.model.family import Family, Head
from exporter.model.geometry import BertConfig, Geometry
from exporter.model.heads.common import (
    choice_entries,
    classify_pooled,
    next_sentence_entries,
    pooled_entries,
    span_head,
    token_head,
)
from exporter.model.heads.embedding import features_head, sentence_head
from exporter.model.heads.fill_mask import MaskedNames, masked_head
from exporter.model.ops import Extent
from exporter.model.tasks import MULTIPLE_CHOICE, NEXT_SENTENCE_PREDICTION, TEXT_CLASSIFICATION
from exporter.model.tensor_table import Entry, dense_entries, layer_norm_entries
from exporter.model.transformer import encode

_PRETRAINING = ("cls.predictions.", "cls.seq_relationship.")
"""The heads of pretraining: BertForPreTraining's, which fine-tuned checkpoints may still hold."""


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


def _modules(geometry: Geometry) -> Iterator[tuple[str, str]]:
    yield "bert.embeddings", "embeddings"
    yield from layer_modules("bert.", geometry.layers)
    yield "bert.pooler", "pooler"


BERT = Family(
    model_type="bert",
    tokenizer_class="BertTokenizer",
    prefix="bert.",
    buffers=("embeddings.position_ids", "embeddings.token_type_ids"),
    schema=BertConfig,
    read_geometry=lambda config: BertConfig.read(config).geometry(),
    reads_types=lambda _: True,
    entries=encoder_entries,
    encode=encode,
    modules=_modules,
    heads=(
        Head(
            TEXT_CLASSIFICATION,
            "BertForSequenceClassification",
            pooled_entries("bert.pooler.dense"),
            classify_pooled("pooler", "tanh"),
            first_token_only=True,
            labelled="classifier.weight",
            leftovers=_PRETRAINING,
        ),
        token_head("BertForTokenClassification", leftovers=(*_PRETRAINING, "bert.pooler.")),
        span_head("BertForQuestionAnswering", leftovers=(*_PRETRAINING, "bert.pooler.")),
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
            next_sentence_entries("bert.pooler.dense"),
            classify_pooled("pooler", "tanh"),
            first_token_only=True,
            labels=("is next", "is not next"),
            leftovers=("cls.predictions.",),
        ),
        Head(
            MULTIPLE_CHOICE,
            "BertForMultipleChoice",
            choice_entries("bert.pooler.dense"),
            classify_pooled("pooler", "tanh", Extent.CHOICE),
            first_token_only=True,
            leftovers=_PRETRAINING,
        ),
    ),
)
