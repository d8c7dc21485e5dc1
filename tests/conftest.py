"""Seeded small checkpoints, made on the spot: no network, no hub."""

import json
import logging
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.numpy import load_file, save_file
from tokenizers.implementations.byte_level_bpe import ByteLevelBPETokenizer

torch.set_num_threads(1)  # these models are too small to share: a second thread is waited for in every layer

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
ROOT = Path(__file__).parent.parent
PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Strict: under transformers 4, what it reads otherwise must not agree."""
    if int(transformers.__version__.split(".")[0]) < 5:
        for item in items:
            if item.get_closest_marker("transformers_5"):
                item.add_marker(pytest.mark.xfail(strict=True))


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
    "roberta": {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": 50,
        "type_vocab_size": 1,
        "layer_norm_eps": 1e-5,
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
}
"""model_type → a geometry in which no two widths that differ in the published models are the same."""


def _write_family(folder: Path, model_type: str, architecture: str, labels: int = 3, **config: Any) -> Path:
    """A seeded checkpoint of one family, with the tokenizer files of its kind; 48 positions."""
    torch.manual_seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    pieces = _write_bytes_tokenizer(folder) if model_type == "roberta" else _write_pieces(folder)
    common = {"vocab_size": pieces, "max_position_embeddings": 48, "num_labels": labels, "initializer_range": 0.4}
    settings = {**common, **GEOMETRIES[model_type], **config}
    model = getattr(transformers, architecture)(transformers.AutoConfig.for_model(model_type, **settings))
    for name, weight in model.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(weight, std=0.3)
        elif name.endswith(("norm.weight", "LayerNorm.weight")):
            torch.nn.init.normal_(weight, mean=0.9, std=0.2)
        elif name.endswith("word_embeddings.weight"):
            torch.nn.init.normal_(weight, std=0.4)  # the row of the padding too, as in checkpoints from TensorFlow
    model.save_pretrained(folder)
    return folder


def _write_pieces(folder: Path) -> int:
    (folder / "vocab.txt").write_text("\n".join(PIECES) + "\n", encoding="utf-8")
    return len(PIECES)


def _write_bytes_tokenizer(folder: Path) -> int:
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    made = ByteLevelBPETokenizer()
    made.train_from_iterator(TEXTS, vocab_size=300, min_frequency=1, special_tokens=special, show_progress=False)
    made.save_model(str(folder))
    return int(made.get_vocab_size())


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this clone, built offline."""
    place = tmp_path_factory.mktemp("wheel")
    build = ["wheel", "--no-index", "--no-deps", "--no-build-isolation", "-w", str(place), str(ROOT)]
    subprocess.run([*PIP, *build], check=True, capture_output=True)
    (found,) = place.glob("bertport-*.whl")
    return found


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that pip installed the wheel into; offline."""
    place = tmp_path_factory.mktemp("installed") / "site"
    install = ["install", "--no-index", "--no-deps", "--no-compile", "--target", str(place), str(wheel)]
    subprocess.run([*PIP, *install], check=True, capture_output=True)
    return place


@pytest.fixture(scope="session")
def tree() -> Callable[[Path], dict[str, bytes]]:
    """Every file below a folder, by its path."""

    def tree(folder: Path) -> dict[str, bytes]:
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    return tree


@pytest.fixture(scope="session")
def write_family() -> Make:
    return _write_family


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


class _Messages(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


@pytest.fixture
def said() -> Iterator[list[str]]:
    """What the packages log while the test runs: progress and warnings, a line each."""
    handler, loggers = _Messages(), [logging.getLogger(name) for name in ("exporter", "runtimes")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
    yield handler.texts
    for logger, level in zip(loggers, levels, strict=True):
        logger.removeHandler(handler)
        logger.setLevel(level)


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


PLUGINS = Path(__file__).parent / "plugins"


@pytest.fixture
def install_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Put an example package of tests/plugins on sys.path, with what pip would write of its pyproject.toml."""

    def install(name: str) -> Path:
        site, project = tmp_path / "site", tomllib.loads((PLUGINS / name / "pyproject.toml").read_text("utf-8"))
        shutil.copytree(PLUGINS / name, site, dirs_exist_ok=True)
        told = project["project"]
        info = site / f"{told['name'].replace('-', '_')}-{told['version']}.dist-info"
        info.mkdir()
        metadata = f"Metadata-Version: 2.1\nName: {told['name']}\nVersion: {told['version']}\n"
        (info / "METADATA").write_text(metadata, encoding="utf-8")
        groups = [
            f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in entries.items())
            for group, entries in told["entry-points"].items()
        ]
        (info / "entry_points.txt").write_text("\n".join(groups), encoding="utf-8")
        monkeypatch.syspath_prepend(site)
        return site

    return install
