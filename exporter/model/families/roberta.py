"""RoBERTa (Liu et al. 2019): BERT with positions counted from the padding id, and a byte-level BPE tokenizer."""

from exporter.model.config_schema import Rows
from exporter.model.roberta_like import CountedPositionsConfig, roberta_like


class RobertaConfig(CountedPositionsConfig):
    """Its vocabulary's size is no other family's."""

    vocab_size: Rows = 50265


ROBERTA = roberta_like("roberta", "Roberta", RobertaConfig)
