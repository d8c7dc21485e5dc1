"""ERNIE (Sun et al. 2020) for bertport: BERT under names of its own, where no task numbers are read."""

from collections.abc import Iterator, Mapping
from typing import Any

from exporter.model.bert_tensors import encoder_entries, layer_modules
from exporter.model.config_schema import BertConfig, Switch
from exporter.model.family import Family
from exporter.model.geometry import Geometry
from exporter.model.heads.fill_mask import MaskedNames
from exporter.model.heads.standard import HeadNames, standard_heads
from exporter.model.transformer import encode
from runtimes.errors import UnsupportedError


class ErnieConfig(BertConfig):
    """BERT's, and whether a further embedding says which task a text is of."""

    use_task_id: Switch = False


def _read_geometry(config: Mapping[str, Any]) -> Geometry:
    read = ErnieConfig.read(config)
    if read.use_task_id:
        raise UnsupportedError("config.json: use_task_id is not supported; pass a checkpoint that was trained without")
    return read.geometry()


def _modules(geometry: Geometry) -> Iterator[tuple[str, str]]:
    yield "ernie.embeddings", "embeddings"
    yield from layer_modules("ernie.", geometry.layers)
    yield "ernie.pooler", "pooler"


ERNIE = Family(
    model_type="ernie",
    tokenizer_class="BertTokenizer",
    prefix="ernie.",
    buffers=("embeddings.position_ids", "embeddings.token_type_ids"),
    schema=ErnieConfig,
    read_geometry=_read_geometry,
    reads_types=lambda _: True,
    entries=encoder_entries,
    encode=encode,
    modules=_modules,
    heads=standard_heads(
        "Ernie",
        "ernie.pooler.dense",
        "tanh",
        HeadNames(
            masked=MaskedNames(
                dense="cls.predictions.transform.dense",
                norm="cls.predictions.transform.LayerNorm",
                decoder="cls.predictions.decoder",
                bias="cls.predictions.bias",
                table="ernie.embeddings.word_embeddings.weight",
            ),
            features_pooler="ernie.pooler.dense",
            next_sentence="cls.seq_relationship",
            unread=("cls.predictions.", "cls.seq_relationship.", "ernie.pooler."),
        ),
    ),
)
