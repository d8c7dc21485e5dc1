"""Single faults planted in saved bundles, hashes and seal made anew: each that matters must be named by the audit.

    python -m benchmarks.faults [--target litert] [--faults 60] [--seed 0]    → artifacts/planted_faults.json

Of every bundle below, so many faults of each kind are drawn of all that can be made of its weights, operators, edges,
constants, description, version, metadata and file list. A fault is `missed` where the audit finds nothing, the model
runs, and its answers over the whole vocabulary differ from the untouched bundle's by more than rounding alone makes
those differ from the float model's. 0 of all are to be missed. A target's own faults are in `TARGET_….py`.
"""

import argparse
import json
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.faults import coreai_faults, coreml_faults, litert_faults, onnx_faults
from benchmarks.faults.answers import effect_of, probes, rounding_of
from benchmarks.faults.frame import Fault, in_numbers, judge
from benchmarks.fuzz.seeds import write_checkpoint
from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import HubOptions, resolve
from exporter.options.request import Request
from exporter.pipeline import export
from exporter.targets.audit.subject import Audited
from exporter.targets.registry import TARGETS
from exporter.targets.target import Settings
from exporter.verification.audit.bundle import audit_bundle, audit_subject
from runtimes.bundle.reading import read_bundle

ARTIFACT = Path("artifacts/planted_faults.json")
LENGTH = 32
_SEEDED = {
    "num_hidden_layers": 2,
    "hidden_size": 32,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
}
_MODELS: Mapping[str, Mapping[str, Any]] = {
    "classes": {"architectures": ["BertForSequenceClassification"], **_SEEDED},
    "tokens": {"architectures": ["BertForTokenClassification"], **_SEEDED},
    "answers": {
        "model_type": "distilbert",
        "architectures": ["DistilBertForQuestionAnswering"],
        "id2label": {"0": "LABEL_0", "1": "LABEL_1"},
        "label2id": {"LABEL_0": 0, "LABEL_1": 1},
        "hidden_dim": 64,
        **_SEEDED,
    },
    "wide": {"architectures": ["BertForTokenClassification"], **_SEEDED, "hidden_size": 256, "intermediate_size": 256},
}
"""Seeded models by the word for them in a subject's name; the last is so wide that outlier channels are treated."""


def _of_the_folder(faults: Callable[[Path, int], list[Fault]]) -> Callable[[Audited, int], list[Fault]]:
    return lambda audited, seed: faults(audited.bundle.directory, seed)


FAULTS: Mapping[str, Callable[[Audited, int], list[Fault]]] = {
    "onnx": _of_the_folder(onnx_faults.every_fault),
    "litert": _of_the_folder(litert_faults.every_fault),
    "coreml": _of_the_folder(coreml_faults.every_fault),
    "coreai": coreai_faults.every_fault,
}
"""Target → all faults of a bundle, by a seed."""
_FIXED = ("coreml", "coreai")
"""Those whose inputs have fixed lengths."""


@dataclass(frozen=True)
class Subject:
    """A bundle to spoil: of the demo, which classifies texts, or of one of the seeded models."""

    target: str
    scheme: str
    model: str = "texts"
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """In the record."""
        return " ".join([self.target, self.scheme, self.model, *map(str, self.settings.values())])


def _coreml(scheme: str, units: str, target: str, *, tokens: bool = False) -> Subject:
    return Subject(
        "coreml", scheme, "tokens" if tokens else "texts", {"compute_units": units, "deployment_target": target}
    )


SUBJECTS = (
    *(Subject("onnx", scheme) for scheme in ("int8", "pq", "pq4")),
    *(Subject("onnx", scheme, model) for model in ("classes", "tokens") for scheme in TARGETS["onnx"].schemes),
    *(Subject("onnx", scheme, "answers") for scheme in ("none", "int8", "int4-embeddings")),
    Subject("onnx", "int8", "wide"),
    *(Subject("litert", scheme) for scheme in ("int8", "pq", "pq4")),
    *(Subject("litert", scheme, model) for model in ("classes", "tokens") for scheme in TARGETS["litert"].schemes),
    *(Subject("litert", scheme, "answers") for scheme in ("none", "int8", "int4-embeddings")),
    *(Subject("litert", scheme, "classes", {"sequence_lengths": (16, LENGTH)}) for scheme in ("none", "int8", "pq4")),
    Subject("litert", "int8", "classes", {"sequence_lengths": (16,), "mediapipe": True}),
    *(Subject("litert", scheme, "wide") for scheme in ("int8", "pq4")),
    _coreml("none", "all", "iOS16"),
    _coreml("fp16", "cpu-and-gpu", "iOS18"),
    _coreml("int8", "all", "iOS17"),
    _coreml("int8", "cpu-and-gpu", "iOS18"),
    _coreml("w8a8", "all", "iOS17"),
    _coreml("int4", "all", "iOS18"),
    _coreml("pq", "cpu-and-gpu", "iOS17"),
    _coreml("pq4", "all", "iOS18"),
    _coreml("palettize6", "all", "iOS16"),
    _coreml("palettize4", "cpu-and-gpu", "iOS18"),
    _coreml("none", "cpu-and-gpu", "iOS17", tokens=True),
    _coreml("fp16", "all", "iOS17", tokens=True),
    _coreml("int8", "all", "iOS18", tokens=True),
    _coreml("int8", "cpu-and-gpu", "iOS16", tokens=True),
    _coreml("w8a8", "cpu-and-gpu", "iOS17", tokens=True),
    _coreml("int4-embeddings", "all", "iOS18", tokens=True),
    _coreml("palettize6", "all", "iOS18", tokens=True),
    Subject("coreai", "int8"),
    *(Subject("coreai", scheme, "classes") for scheme in TARGETS["coreai"].schemes),
    *(Subject("coreai", scheme, "tokens", {"compute_units": "cpu-only"}) for scheme in ("none", "int8", "palettize4")),
    Subject("coreai", "none", "answers"),
    Subject("coreai", "int4", "classes", {"sequence_lengths": (16, LENGTH)}),
)


def spoil(subject: Subject, faults: int, seed: int, place: Path) -> dict[str, Any]:
    """Make the bundle, draw faults, and say what became of each."""
    audited = _made(subject, place / "untouched", place / "checkpoint")
    if findings := audit_bundle(audited).findings:
        raise SystemExit(f"{subject.name}: untouched, and the audit finds {findings[0]}")
    every = FAULTS[subject.target](audited, seed)
    batch, started = probes(audited, max(audited.recipe.sequence_lengths, default=LENGTH)), time.perf_counter()
    rounding = rounding_of(audited, batch)
    chosen = draw(every, faults, seed)
    outcomes = judge(audited, chosen, rounding, effect_of(audited, batch), place / "spoilt")
    took = time.perf_counter() - started
    return {
        "bundle": subject.name,
        "possible": len(every),
        "rounding": rounding,
        "took_s": took,
        **in_numbers(outcomes),
    }


def draw(every: list[Fault], faults: int, seed: int) -> list[Fault]:
    """Some faults of each kind in turn, so that few are not outnumbered by many."""
    shuffled = random.Random(seed).sample(every, len(every))
    kinds = {kind: [one for one in shuffled if one.kind == kind] for kind in sorted({one.kind for one in every})}
    turns = [one for at in range(len(every)) for of_kind in kinds.values() for one in of_kind[at : at + 1]]
    return turns[:faults]


def _made(subject: Subject, folder: Path, checkpoint: Path) -> Audited:
    source = "demo"
    if subject.model in _MODELS:
        source = str(write_checkpoint(checkpoint, **_MODELS[subject.model]))
    lengths = {"sequence_lengths": (LENGTH,)} if subject.target in _FIXED else {}
    settings = Settings.of(**{**lengths, **subject.settings})
    asked = Request(source, (subject.target,), (subject.scheme,), folder, settings=settings, verify=False)
    export(asked)
    return audit_subject(read_bundle(folder), load(resolve(source, HubOptions())))


def main() -> None:
    """Spoil every bundle, and write the record after each; it keeps those of other targets."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--target", choices=FAULTS, help="only this one")
    parser.add_argument("--faults", type=int, default=60, help="of each bundle")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    wanted = [one for one in SUBJECTS if asked.target in (None, one.target)]
    known = json.loads(ARTIFACT.read_text()) if ARTIFACT.is_file() else {"bundles": []}
    bundles = [one for one in known["bundles"] if one["bundle"] not in {subject.name for subject in wanted}]
    for subject in wanted:
        with TemporaryDirectory() as place:
            bundles.append(found := spoil(subject, asked.faults, asked.seed, Path(place)))
        shown = {key: found[key] for key in ("possible", "faults", "missed", "kinds", "took_s")}
        print(subject.name, shown, flush=True)
        _write(asked.seed, bundles)


def _write(seed: int, bundles: list[dict[str, Any]]) -> None:
    totals = {key: sum(one[key] for one in bundles) for key in ("faults", "missed")}
    ARTIFACT.write_text(json.dumps({"seed": seed, **totals, "bundles": bundles}, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
