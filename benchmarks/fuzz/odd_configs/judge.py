"""One odd config after another: exported and loaded by others, or refused in one line of ours."""

import importlib
import inspect
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

from benchmarks.fuzz.odd_configs.draw import FAMILIES, HEADS, Odd
from exporter.checkpoint.checkpoint import Checkpoint, load
from exporter.checkpoint.source import HubOptions, resolve
from exporter.pipeline import Request, export
from exporter.verification.reference.session import reference_model
from runtimes.backends.pytorch.runner import TorchRunner
from runtimes.errors import BertportError
from runtimes.parity.compare import Verdict
from runtimes.runner import full_batch

_PIECES = "[PAD] [UNK] [CLS] [SEP] [MASK] the cat dog runs falls a in red blue"
_BYTES = "<s> <pad> </s> <unk> <mask>"
_RANGE = dict.fromkeys(FAMILIES, 0.3) | {"mobilebert": 0.1}  # nothing holds its activations together
_TEXTS = ("the cat runs", "a red dog falls in blue", "the dog", "a cat in the red")
_GEOMETRY: Mapping[str, dict[str, Any]] = {
    "bert": {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32},
    "distilbert": {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32},
    "electra": {
        "embedding_size": 8,
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
    },
    "roberta": {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32},
    "mobilebert": {
        "embedding_size": 8,
        "hidden_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 16,
        "intra_bottleneck_size": 16,
        "num_feedforward_networks": 2,
    },
}


_KEY = re.compile(r"(?:config\.|config, [\"'])(\w+)")
_ANSWERED: set[str] = set()
"""What transformers was asked already, and answered well: what it is told decides what it does."""


@dataclass(frozen=True)
class Verdicts:
    """What became of one config: `outcome` is refused, loaded, exported, or what must not be; `told` is its reason."""

    outcome: str
    told: str = ""


def write_models(place: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """A tiny seeded model of every family and head below `place`; their honest configs."""
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    return {(family, head): _write(place / f"{family}-{head}", family, head) for family in FAMILIES for head in HEADS}


def _write(folder: Path, family: str, head: str) -> dict[str, Any]:
    torch.manual_seed(0)
    folder.mkdir(parents=True)
    pieces = _write_bytes(folder) if family == "roberta" else _write_pieces(folder)
    settings = {
        "vocab_size": pieces,
        "max_position_embeddings": 24,
        "num_labels": 3,
        "initializer_range": _RANGE[family],
    }
    config = transformers.AutoConfig.for_model(family, **settings, **_GEOMETRY[family])
    getattr(transformers, FAMILIES[family] + head)(config).save_pretrained(folder)
    found: dict[str, Any] = json.loads((folder / "config.json").read_text())
    return found


def _write_pieces(folder: Path) -> int:
    pieces = [*_PIECES.split(), *(f"{c}" for c in "bcdefghij")]
    (folder / "vocab.txt").write_text("".join(f"{piece}\n" for piece in pieces))
    return len(pieces)


def _write_bytes(folder: Path) -> int:
    from tokenizers.implementations.byte_level_bpe import ByteLevelBPETokenizer

    made = ByteLevelBPETokenizer()
    made.train_from_iterator(_TEXTS, vocab_size=280, special_tokens=_BYTES.split(), show_progress=False)
    made.save_model(str(folder))
    return int(made.get_vocab_size())


def judge(odd: Odd, place: Path, whole: bool) -> Verdicts:
    """Read the config beside its weights, load what it is accepted as, and `whole`: export it and ask for parity.

    Raises nothing of its own; what must not happen is raised as it came.
    """
    folder = place / f"{odd.family}-{odd.head}"
    (folder / "config.json").write_bytes(odd.content)
    try:
        checkpoint = load(resolve(str(folder), HubOptions()))
    except BertportError as error:
        return _refused(str(error))
    try:
        _answer(checkpoint)
        told = _elsewhere(checkpoint, place) or (_exported(folder, place) if whole else "")
    except BertportError as error:  # one line too, and later than it should be
        return Verdicts("refused late", str(error)[:1_200])
    return Verdicts("wrong", told) if told else Verdicts("exported" if whole else "loaded")


def _refused(message: str) -> Verdicts:
    """A refusal is one short line."""
    fine = "\n" not in message and len(message) <= 1_000
    return Verdicts("refused" if fine else "wrong", message[:1_200])


def _answer(checkpoint: Checkpoint) -> None:
    """transformers' own model by the sanitised config, asked once for each that is told otherwise."""
    told = json.dumps([checkpoint.source.model, checkpoint.reference_config], sort_keys=True)
    if told in _ANSWERED:
        return
    batch = full_batch(np.full((1, 2, 4) if checkpoint.task.choices else (1, 4), 2))
    found = TorchRunner.of(reference_model(checkpoint)).run(batch)
    if not all(np.isfinite(values).all() for values in found.values()):
        raise AssertionError("the reference's answer is no number")
    _ANSWERED.add(told)


def _elsewhere(checkpoint: Checkpoint, place: Path) -> str:
    """What is wrong with the config.json that a bundle would carry, for whoever loads it by transformers."""
    carried = place / "carried"
    carried.mkdir(exist_ok=True)
    (carried / "config.json").write_text(json.dumps(checkpoint.config, allow_nan=False))
    try:
        made = transformers.AutoConfig.from_pretrained(carried)
        read = {name: repr(getattr(made, name, None)) for name in _read_by_models(checkpoint.model.family.model_type)}
        told = json.dumps([checkpoint.source.model, read], sort_keys=True)
        if told in _ANSWERED:
            return ""
        model = getattr(transformers, checkpoint.model.head.architecture)(made).eval()
        with torch.inference_mode():
            found = model(torch.full((1, 2, 4) if checkpoint.task.choices else (1, 4), 2))
        missing = [name for name in checkpoint.model.outputs if not hasattr(found, name)]
    except Exception as error:  # whatever it is, a user of the bundle would meet it
        return f"the bundle's config.json does not load: {type(error).__name__}: {' '.join(str(error).split())[:300]}"
    _ANSWERED.update([] if missing else [told])
    return f"the model of the bundle's config.json does not give {', '.join(missing)}" if missing else ""


@cache
def _read_by_models(family: str) -> list[str]:
    """The keys of a config that the code of a family's models, or what all models share, speaks of."""
    modules = (f"models.{family}.modeling_{family}", "modeling_utils", "utils.generic", "utils.output_capturing")
    sources = [inspect.getsource(importlib.import_module(f"transformers.{name}")) for name in modules]
    return sorted({name for source in sources for name in _KEY.findall(source)})


def _exported(folder: Path, place: Path) -> str:
    request = Request(str(folder), destination=place / "out", texts=_TEXTS)
    (done,) = export(request)
    return "" if done.parity.verdict is Verdict.PASS else f"parity {done.parity.verdict}: {done.parity.failures}"
