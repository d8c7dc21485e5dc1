"""Seeded checkpoints of published geometries, with the demo's tokenizer and labels.

No weights of these models can be had from a package registry; what is measured on these is what does not depend on
training: size, load, latency, memory, and the difference from PyTorch on large enough random weights.
"""

import shutil
from pathlib import Path

SEED = 20
GEOMETRIES = {
    "medium": {"num_hidden_layers": 8, "hidden_size": 512, "num_attention_heads": 8, "intermediate_size": 2048},
    "four heads": {"num_hidden_layers": 4, "hidden_size": 128, "num_attention_heads": 4, "intermediate_size": 512},
}
"""google/bert_uncased_L-8_H-512_A-8, and the geometry of a boltuix classifier (boltuix/bert-emotion)."""
_TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt")


def write_seeded(name: str, demo: Path, folder: Path) -> Path:
    """Write the checkpoint of one of GEOMETRIES to `folder`, weights float32; return it."""
    import torch
    from transformers import AutoConfig, BertConfig, BertForSequenceClassification

    labels = AutoConfig.from_pretrained(demo).id2label
    torch.manual_seed(SEED)
    config = BertConfig(
        **GEOMETRIES[name],
        initializer_range=0.05,
        id2label=labels,
        label2id={label: number for number, label in labels.items()},
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    for file in _TOKENIZER:
        if (demo / file).exists():
            shutil.copyfile(demo / file, folder / file)
    return folder
