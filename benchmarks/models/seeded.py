"""Small seeded checkpoints of every family and task, with a tokenizer of its kind: no network, no hub."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
import transformers

from benchmarks.models.tokenizer_files import (
    TOKENS,
    write_bare_wordpiece,
    write_byte_level_bpe,
    write_modern_bpe,
    write_mpnet_wordpiece,
    write_vocabulary,
)
from benchmarks.models.unigram_files import LAYOUTS, write_unigram
from exporter.model.families.registry import FAMILIES
from runtimes.backends.pytorch.own_configs import config_for
from runtimes.backends.pytorch.own_models import model_class

_ROBERTA: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 50,
    "type_vocab_size": 1,
    "layer_norm_eps": 1e-5,
}
GEOMETRIES: dict[str, dict[str, Any]] = {
    "bert": {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64},
    "distilbert": {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64, "sinusoidal_pos_embds": True},
    "electra": {
        "embedding_size": 16,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 64,
    },
    "roberta": _ROBERTA,
    "xlm-roberta": _ROBERTA,
    "camembert": _ROBERTA,
    "albert": {
        "embedding_size": 16,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
    },
    "mobilebert": {
        "embedding_size": 16,
        "hidden_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 40,
        "intra_bottleneck_size": 32,
        "num_feedforward_networks": 2,
        "initializer_range": 0.2,  # nothing holds its activations together: with 0.4 they reach 10⁵
    },
    "mpnet": {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": 50,
    },
    "model2vec": {"hidden_size": 32, "unk_token_id": 1},
    "modernbert": {
        "hidden_size": 32,
        "num_hidden_layers": 4,
        "num_attention_heads": 2,
        "intermediate_size": 24,
        "local_attention": 8,
        "initializer_range": 0.2,  # what is added to is never normalised: with 0.4 rounding shows
        "pad_token_id": 0,
    },
    "deberta-v2": {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "relative_attention": True,
        "position_buckets": 8,
        "norm_rel_ebd": "layer_norm",
        "share_att_key": True,
        "pos_att_type": ["p2c", "c2p"],
        "position_biased_input": False,
    },
}
"""model_type → a geometry in which no two widths that differ in the published models are the same."""
TOKENIZERS: dict[str, Callable[[Path], int]] = {
    "roberta": write_byte_level_bpe,
    "model2vec": write_bare_wordpiece,
    "modernbert": write_modern_bpe,
    "mpnet": write_mpnet_wordpiece,
    **{layout: partial(write_unigram, layout=layout) for layout in LAYOUTS},
}
"""model_type → what writes its tokenizer's files and returns the number of entries; others have BERT's."""
KINDS = tuple((name, head.task.name) for name, family in FAMILIES.items() for head in family.heads)
"""Every family with every task that it has."""
WITH_LAYERS = tuple(name for name, family in FAMILIES.items() if len(family.heads) > 1)
"""Families that are more than a table, which have the tasks of an encoder."""
_LABELS = {"question-answering": 2, "next-sentence-prediction": 2, "text-ranking": 1}
"""Task → the labels of its head, where these are no three."""
_RANKER = {"sentence_transformers": {"activation_fn": "torch.nn.modules.activation.Sigmoid"}}
"""What makes a classifier of one label a CrossEncoder's."""


def write_bert(
    folder: Path, seed: int = 0, labels: int = 3, architecture: str = "BertForSequenceClassification", **config: Any
) -> Path:
    """A two-layer BERT with weights large enough that its labels differ from text to text."""
    torch.manual_seed(seed)
    settings = {
        "vocab_size": len(TOKENS),
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": 48,
        "num_labels": labels,
        "initializer_range": 0.4,
        **config,
    }
    model = getattr(transformers, architecture)(transformers.BertConfig(**settings))
    for name, weight in model.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(weight, std=0.3)
    model.save_pretrained(folder)
    write_vocabulary(folder)
    return folder


def write_family(folder: Path, model_type: str, architecture: str, labels: int = 3, **config: Any) -> Path:
    """A seeded checkpoint of one family, with the tokenizer files of its kind; 48 positions."""
    torch.manual_seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    tokens = TOKENIZERS.get(model_type, write_vocabulary)(folder)
    common = {"vocab_size": tokens, "max_position_embeddings": 48, "num_labels": labels, "initializer_range": 0.4}
    settings = {**common, **GEOMETRIES[model_type], **config}
    model = model_class(architecture)(config_for(model_type, **settings))
    for name, weight in model.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(weight, std=0.3)
        elif name.endswith(("norm.weight", "LayerNorm.weight")):
            torch.nn.init.normal_(weight, mean=0.9, std=0.2)
        elif name.endswith(("word_embeddings.weight", "tok_embeddings.weight")):
            torch.nn.init.normal_(weight, std=0.4)  # the row of the padding too, as in checkpoints from TensorFlow
    model.save_pretrained(folder)
    return folder


def write_multilingual_bert(folder: Path, **config: Any) -> Path:
    """A BERT with XLM-RoBERTa's tokenizer, as the multilingual MiniLMs are."""
    folder.mkdir(parents=True, exist_ok=True)
    tokens = write_unigram(folder)
    settings = (folder / "tokenizer_config.json").read_text(encoding="utf-8")
    write_bert(
        folder, vocab_size=tokens, pad_token_id=1, tokenizer_class=LAYOUTS["xlm-roberta"].tokenizer_class, **config
    )
    (folder / "tokenizer_config.json").write_text(settings, encoding="utf-8")
    (folder / "vocab.txt").unlink()
    return folder


def task_of(family: str, wanted: str) -> str:
    """The task that is wanted of each family, or the only one that it has."""
    return wanted if family in WITH_LAYERS else FAMILIES[family].heads[0].task.name


def write_task(folder: Path, family: str, task: str, **config: Any) -> Path:
    """A seeded checkpoint of a family with the head of a task, and the files beside it that the task needs."""
    (head,) = (head for head in FAMILIES[family].heads if head.task.name == task)
    more = _RANKER if task == "text-ranking" else {}
    write_family(folder, family, head.architecture, labels=_LABELS.get(task, 3), **more, **config)
    if task == "sentence-similarity":
        told = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        width = told["dim"] if family == "distilbert" else told["hidden_size"]
        write_sentence_files(folder, word_embedding_dimension=width, pooling_mode_mean_tokens=True)
    return folder


def write_sentence_files(
    folder: Path, kinds: tuple[str, ...] = ("Normalize",), settings: dict[str, Any] | None = None, **pooling: Any
) -> None:
    """modules.json and what it names, as sentence-transformers saves them; `kinds` come after the pooling."""
    kinds = ("Transformer", "Pooling", *kinds)
    paths = ["" if number == 0 else f"{number}_{kind}" for number, kind in enumerate(kinds)]
    modules = [
        {"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for number, (kind, path) in enumerate(zip(kinds, paths, strict=True))
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    for path in paths[1:]:
        (folder / path).mkdir()
    modes = pooling or {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"word_embedding_dimension": 32, **modes}))
    (folder / "sentence_bert_config.json").write_text(json.dumps(settings or {"max_seq_length": 24}))
