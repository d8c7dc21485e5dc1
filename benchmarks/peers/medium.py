"""A seeded checkpoint of the medium geometry (google/bert_uncased_L-8_H-512_A-8) with the demo's tokenizer and labels.

No weights of that model can be had from a package registry; what is measured on this one is what does not depend on
training: size, load, latency, memory, and the difference from PyTorch on large enough random weights.
"""

import shutil
from pathlib import Path

SEED = 20
_TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt")


def write_medium(demo: Path, folder: Path) -> Path:
    """Write the checkpoint to `folder`, weights float32; return it."""
    import torch
    from transformers import AutoConfig, BertConfig, BertForSequenceClassification

    labels = AutoConfig.from_pretrained(demo).id2label
    torch.manual_seed(SEED)
    config = BertConfig(
        hidden_size=512,
        num_hidden_layers=8,
        num_attention_heads=8,
        intermediate_size=2048,
        initializer_range=0.05,
        id2label=labels,
        label2id={label: number for number, label in labels.items()},
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    for name in _TOKENIZER:
        if (demo / name).exists():
            shutil.copyfile(demo / name, folder / name)
    return folder
