"""Hints for a folder that is no usable checkpoint: what it most likely is, and what to pass or run instead."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_STEP = re.compile(r"checkpoint-(\d+)")
_LFS = b"version https://git-lfs"
_OTHER_FORMATS = {
    "tf_model.h5": "weights of TensorFlow: load them with transformers 4 (from_tf=True), then save_pretrained",
    "flax_model.msgpack": "weights of Flax: load them with transformers 4 (from_flax=True), then save_pretrained",
    "pytorch_model.bin.index.json": "a sharded pickle: load it with transformers, then save_pretrained",
    "*.ckpt": "a checkpoint of Lightning or TensorFlow 1: load it where it was trained, then save_pretrained",
    "model.*.safetensors": "a variant: rename it to model.safetensors",
    "*.onnx": "an ONNX model already; pass the folder that it was exported from",
    "*.gguf": "quantised weights of llama.cpp; pass the folder that they were made from",
}


_REMOTE = {
    "nomicbert": ("NomicBERT", "NomicBertModel", "nomic-ai/modernbert-embed-base"),
    "xlmrobertaflash": ("Jina's embeddings 3", "JinaEmbeddingsV3Model", "intfloat/multilingual-e5-small"),
    "jinabert": ("Jina's BERT with ALiBi", None, "sentence-transformers/all-MiniLM-L6-v2"),
    "newmodel": ("the GTE of 2024", "GteModel", "Alibaba-NLP/gte-modernbert-base"),
}
"""Part of what a config.json calls its model or its code → its name, transformers' own class of it where there is one,
and a model for the same use that needs no code."""


def remote_code(config: Mapping[str, Any]) -> tuple[str, str] | None:
    """What a model is whose code lies beside its weights, and what to pass instead; None for one that is not known.

    Of a config.json with an `auto_map`.
    """
    told = f"{config.get('model_type')} {config.get('architectures')} {config.get('auto_map')}".lower()
    lead = re.sub("[^a-z0-9]", "", told)
    name, own, other = next((row for part, row in _REMOTE.items() if part in lead), ("", None, ""))
    if not name:
        return None
    native = f"transformers' own class for it is {own}, no family here" if own else "transformers has no class for it"
    return f"{name} runs code that lies beside it (auto_map), which is never done, and {native}", other


def without_config(directory: Path) -> str:
    """The next step for a folder without a config.json."""
    names = {path.name for path in directory.iterdir()} if directory.is_dir() else set()
    steps = sorted((int(found[1]), name) for name in names if (found := _STEP.fullmatch(name)))
    if steps:
        return f"it holds a Trainer's checkpoints: pass {directory / steps[-1][1]}, or the one that was best"
    if "snapshots" in names:
        kept = sorted(path for path in (directory / "snapshots").iterdir() if path.is_dir())
        return f"it is a repository of the hub's cache: pass {kept[-1] if kept else _identifier(directory.name)}"
    if "gliner_config.json" in names:
        return (
            "it is a GLiNER, which scores every span for each label of a prompt, and no task here has such outputs: "
            "fine-tune a token classifier for a fixed set of labels"
        )
    if "bert_config.json" in names:
        return "bert_config.json is BERT's of 2018: rename it, and write model_type and architectures into it"
    below = sorted(name for name in names if (directory / name / "config.json").is_file())
    if below:
        return f"pass {directory / below[0]}, which has one"
    return "pass a Hugging Face checkpoint folder"


def _identifier(cached: str) -> str:
    return cached.removeprefix("models--").replace("--", "/", 1)


def without_weights(directory: Path) -> str:
    """The next step for a folder without weights that are read here; nothing where none is known."""
    for pattern, step in _OTHER_FORMATS.items():
        found = next(iter(sorted(directory.glob(pattern))), None)
        if found is not None:
            return f"; {found.name} is {step}"
    return "; save the model again with save_pretrained, or download all of it"


def is_pointer(path: Path) -> bool:
    """Whether a file is what git holds in the place of a large one."""
    with path.open("rb") as file:
        return file.read(len(_LFS)) == _LFS


def misnamed(model: str) -> str:
    """What was meant by a name that is no folder and no hub id; nothing where that is not clear."""
    for lead in ("https://huggingface.co/", "http://huggingface.co/", "huggingface.co/", "https://hf.co/", "hf://"):
        if model.startswith(lead):
            return f"pass {'/'.join(model.removeprefix(lead).removeprefix('models/').split('/')[:2])}"
    if model.startswith("~"):
        return "the shell did not replace ~: write the whole path, without quotes"
    if model.startswith("models--"):
        return f"pass {_identifier(model)}"
    return ""
