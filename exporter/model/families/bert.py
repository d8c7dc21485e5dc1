"""BERT (Devlin et al. 2018), and every model that is one: MiniLM, bert-tiny, boltuix."""

from collections.abc import Iterator

from exporter.model.bert_tensors import encoder_entries, layer_modules
from exporter.model.config_schema import BertConfig
from exporter.model.family import Family
from exporter.model.geometry import Geometry
from exporter.model.heads.fill_mask import MaskedNames
from exporter.model.heads.standard import HeadNames, standard_heads
from exporter.model.transformer import encode


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
    heads=standard_heads(
        "Bert",
        "bert.pooler.dense",
        "tanh",
        HeadNames(
            masked=MaskedNames(
                dense="cls.predictions.transform.dense",
                norm="cls.predictions.transform.LayerNorm",
                decoder="cls.predictions.decoder",
                bias="cls.predictions.bias",
                table="bert.embeddings.word_embeddings.weight",
            ),
            features_pooler="bert.pooler.dense",
            next_sentence="cls.seq_relationship",
            unread=("cls.predictions.", "cls.seq_relationship.", "bert.pooler."),
        ),
    ),
)
