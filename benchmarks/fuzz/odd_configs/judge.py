"""One odd config after another: exported and loaded by others, or refused in one line of ours."""

import importlib
import inspect
import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

from benchmarks.fuzz.odd_configs.draw import FAMILIES, HEADS, Odd
from benchmarks.models.seeded import write_family
from exporter.checkpoint.checkpoint import Checkpoint, load
from exporter.checkpoint.source import HubOptions, resolve
from exporter.options.request import Request
from exporter.pipeline import export
from exporter.verification.reference.session import reference_model
from runtimes.backends.pytorch.runner import TorchRunner
from runtimes.errors import BertportError
from runtimes.parity.compare import Verdict
from runtimes.runner import full_batch

_TEXTS = ("the cat runs", "a red dog falls in blue", "the dog", "a cat in the red")
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
    write_family(folder, family, FAMILIES[family] + head)
    found: dict[str, Any] = json.loads((folder / "config.json").read_text())
    return found


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
    own = family.replace("-", "_")
    modules = (f"models.{own}.modeling_{own}", "modeling_utils", "utils.generic", "utils.output_capturing")
    sources = [inspect.getsource(importlib.import_module(f"transformers.{name}")) for name in modules]
    return sorted({name for source in sources for name in _KEY.findall(source)})


def _exported(folder: Path, place: Path) -> str:
    request = Request(str(folder), destination=place / "out", texts=_TEXTS)
    (done,) = export(request)
    return "" if done.parity.verdict is Verdict.PASS else f"parity {done.parity.verdict}: {done.parity.failures}"
