"""Seeded checkpoints of published geometries, with the demo's tokenizer and labels.

No weights of these models can be had from a package registry; what is measured on these is what does not depend on
training: size, load, latency, memory, and the difference from PyTorch on large enough random weights.
"""

import shutil
from pathlib import Path
from typing import Any

SEED = 20
GEOMETRIES: dict[str, dict[str, Any]] = {
    "medium": {"num_hidden_layers": 8, "hidden_size": 512, "num_attention_heads": 8, "intermediate_size": 2048},
    "four heads": {"num_hidden_layers": 4, "hidden_size": 128, "num_attention_heads": 4, "intermediate_size": 512},
    "ModernBERT 17M": {
        "model_type": "modernbert",
        "num_hidden_layers": 7,
        "hidden_size": 256,
        "num_attention_heads": 4,
        "intermediate_size": 384,
        "max_position_embeddings": 7999,
        "pad_token_id": 0,
    },
    "DeBERTa 22M": {
        "model_type": "deberta-v2",
        "num_hidden_layers": 12,
        "hidden_size": 384,
        "num_attention_heads": 6,
        "intermediate_size": 1536,
        "relative_attention": True,
        "position_buckets": 256,
        "norm_rel_ebd": "layer_norm",
        "share_att_key": True,
        "pos_att_type": ["p2c", "c2p"],
        "position_biased_input": False,
    },
}
"""Those of google/bert_uncased_L-8_H-512_A-8, of boltuix/bert-emotion, a classifier, of jhu-clsp/ettin-encoder-17m,
and of microsoft/deberta-v3-xsmall, whose 22 million do not count its table of words."""
_TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt")


def write_seeded(name: str, demo: Path, folder: Path) -> Path:
    """Write the checkpoint of one of GEOMETRIES to `folder`, weights float32; return it."""
    import torch
    from transformers import AutoConfig, AutoModelForSequenceClassification

    labels = AutoConfig.from_pretrained(demo).id2label
    torch.manual_seed(SEED)
    geometry = {"model_type": "bert", **GEOMETRIES[name]}
    config = AutoConfig.for_model(
        **geometry,
        initializer_range=0.05,
        id2label=labels,
        label2id={label: number for number, label in labels.items()},
    )
    AutoModelForSequenceClassification.from_config(config).save_pretrained(folder)
    for file in _TOKENIZER:
        if (demo / file).exists():
            shutil.copyfile(demo / file, folder / file)
    return folder
