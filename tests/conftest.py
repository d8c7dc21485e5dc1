"""Seeded small checkpoints, made on the spot: no network, no hub."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.numpy import load_file, save_file

WORDS = "the a of to and in cat dog runs sleeps market team wins falls un ##able ##s ##ing blue red fast slow".split()
PIECES = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    *WORDS,
    *"abcdefghijklmnopqrstuvwxyz",
    *(f"##{c}" for c in "abcdefghijklmnopqrstuvwxyz"),
]
TEXTS = tuple(
    f"{a} {b} {c}"
    for a in ("the cat", "a dog", "team of red")
    for b in ("runs", "sleeps fast", "falls")
    for c in ("in the market", "slow", "and wins")
)

Make = Callable[..., Path]


def _write_checkpoint(
    folder: Path, seed: int = 0, labels: int = 3, architecture: str = "BertForSequenceClassification", **config: Any
) -> Path:
    """A two-layer BERT with weights large enough that its labels differ from text to text."""
    torch.manual_seed(seed)
    settings = {
        "vocab_size": len(PIECES),
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
    (folder / "vocab.txt").write_text("\n".join(PIECES) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def write_checkpoint() -> Make:
    return _write_checkpoint


def _write_sentence_files(
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


@pytest.fixture(scope="session")
def write_sentence_files() -> Callable[..., None]:
    return _write_sentence_files


@pytest.fixture
def make_checkpoint(tmp_path: Path) -> Make:
    return lambda name="checkpoint", **settings: _write_checkpoint(tmp_path / name, **settings)


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that is only read."""
    return _write_checkpoint(tmp_path_factory.mktemp("shared") / "checkpoint")


@pytest.fixture(scope="session")
def texts_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("texts") / "texts.txt"
    path.write_text("\n".join(TEXTS), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def texts() -> tuple[str, ...]:
    return TEXTS


@pytest.fixture
def edit_config() -> Callable[..., None]:
    """Change keys of a config.json; None removes one."""

    def edit(folder: Path, **changes: Any) -> None:
        path = folder / "config.json"
        config = json.loads(path.read_text()) | changes
        path.write_text(json.dumps({key: value for key, value in config.items() if value is not None}))

    return edit


@pytest.fixture
def edit_weights() -> Callable[[Path, Callable[[dict[str, Any]], None]], None]:
    """Change the tensors of a model.safetensors in place."""

    def edit(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
        tensors = load_file(folder / "model.safetensors")
        change(tensors)
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})

    return edit
