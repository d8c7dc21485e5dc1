"""Every family at the geometry of its published model: size, parity, memory of an export, and float32's own rounding.

    python -m benchmarks.models.families [MODEL …] [--texts 6]      → artifacts/families.json, a bundle at a time

The geometry is that of transformers' own defaults; the weights are seeded, normal with a deviation of 1/√hidden, louder
than trained ones: accuracy means nothing, bytes and rounding do. ONNX is `measured`, over all positions; Core ML is
`simulated`, of one length. Bundles that the record has from this host are left alone, unless their model is named.

A float32 sum of thousands of numbers is not exact in PyTorch either. `float64` says how far PyTorch's float32, and how
far the float32 bundle, are from PyTorch in float64 over the same texts: a bundle that is no further off than PyTorch
itself has lost nothing, whatever the difference of the two. `loud` says it of DistilBERTs whose weights are made louder
and louder, until float32 itself, PyTorch's too, is further off than the budget of 1e-4.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
import transformers

from benchmarks.models.seeded import TOKENIZERS
from benchmarks.models.tier_checkpoint import copy_tokenizer
from benchmarks.models.tokenizer_files import write_byte_level_bpe
from exporter.checkpoint.checkpoint import Checkpoint, load
from exporter.checkpoint.source import HubOptions, resolve
from exporter.verification.check import Check
from exporter.verification.reference.default_texts import default_texts
from exporter.verification.reference.reference import Reference
from exporter.verification.verify import check_bundle
from runtimes.backends.pytorch.runner import TorchRunner
from runtimes.backends.registry import open_runner
from runtimes.bundle.reading import read_bundle
from runtimes.measurement.measure import fingerprint
from runtimes.records.parity import parity_record
from runtimes.records.writing import plain
from runtimes.runner import Batch, Runner

ARTIFACT = Path("artifacts/families.json")
BUNDLES = ("onnx-none", "onnx-int8", "coreml-none", "coreml-int8")
COREML_LENGTH = "64"
LABELS = 4


@dataclass(frozen=True)
class Published:
    """A published model: its class, and what its config.json says beyond the defaults of its `model_type`."""

    model_type: str
    architecture: str
    config: Mapping[str, Any]


_ROBERTA = {"vocab_size": 50265, "max_position_embeddings": 514, "type_vocab_size": 1, "layer_norm_eps": 1e-5}
_MULTILINGUAL = _ROBERTA | {"vocab_size": 250002}
_ALBERT = {"hidden_size": 768, "num_attention_heads": 12, "intermediate_size": 3072}
_DEBERTA = {
    "hidden_size": 384,
    "num_hidden_layers": 12,
    "num_attention_heads": 6,
    "intermediate_size": 1536,
    "relative_attention": True,
    "position_buckets": 256,
    "norm_rel_ebd": "layer_norm",
    "share_att_key": True,
    "pos_att_type": ["p2c", "c2p"],
    "position_biased_input": False,
}
MODELS = {
    "electra-small": Published("electra", "ElectraForSequenceClassification", {}),
    "distilbert-base": Published("distilbert", "DistilBertForSequenceClassification", {}),
    "mobilebert-uncased": Published("mobilebert", "MobileBertForSequenceClassification", {}),
    "mobilebert-uncased, fill-mask": Published("mobilebert", "MobileBertForMaskedLM", {}),
    "bert-base": Published("bert", "BertForSequenceClassification", {}),
    "roberta-base": Published("roberta", "RobertaForSequenceClassification", _ROBERTA),
    "xlm-roberta-base": Published("xlm-roberta", "XLMRobertaForSequenceClassification", _MULTILINGUAL),
    "camembert-base": Published("camembert", "CamembertForSequenceClassification", _ROBERTA | {"vocab_size": 32005}),
    "albert-base-v2": Published("albert", "AlbertForSequenceClassification", _ALBERT),
    "mpnet-base": Published("mpnet", "MPNetForSequenceClassification", {"max_position_embeddings": 514}),
    "deberta-v3-xsmall": Published("deberta-v2", "DebertaV2ForSequenceClassification", _DEBERTA),
    "modernbert-base": Published("modernbert", "ModernBertForSequenceClassification", {}),
}
_PARITY = ("verdict", "status", "max_absolute", "mean_absolute", "logit_range", "max_relative", "agreement", "failures")


LOUD = (0.05, 0.1, 0.2)
"""Deviations of a DistilBERT's weights: 1.4, 2.8 and 5.5 times 1/√hidden."""


def write_checkpoint(folder: Path, published: Published, deviation: float | None = None) -> Path:
    """A seeded checkpoint with a tokenizer of the family's kind, which may have fewer entries than the table rows."""
    torch.manual_seed(0)
    folder.mkdir()
    config = transformers.AutoConfig.for_model(published.model_type, num_labels=LABELS, **published.config)
    config.initializer_range = deviation or 1 / math.sqrt(config.hidden_size)
    getattr(transformers, published.architecture)(config).save_pretrained(folder)
    if published.model_type == "roberta":
        write_byte_level_bpe(folder, default_texts(), size=5000, least_frequency=2)
        _fill_up(folder / "vocab.json", _ROBERTA["vocab_size"])
    else:
        TOKENIZERS.get(published.model_type, copy_tokenizer)(folder)
    return folder


def _fill_up(vocabulary: Path, size: int) -> None:
    """Tokens that no text has, for a tokenizer as large as the table: real text does not teach so many here."""
    pieces = json.loads(vocabulary.read_text(encoding="utf-8"))
    pieces |= {f"unused {number}": number for number in range(len(pieces), size)}
    vocabulary.write_text(json.dumps(pieces, ensure_ascii=False), encoding="utf-8")


_EXPORT = """
import sys
from exporter.cli.main import main
from runtimes.process.peak_memory import peak_rss_bytes
code = main(sys.argv[1:])
print(peak_rss_bytes())
sys.exit(code)
"""


def export_alone(checkpoint: Path, name: str, place: Path) -> dict[str, Any]:
    """Export in a process of its own, which reads its largest resident size when it is done."""
    target, _, scheme = name.partition("-")
    arguments = ["export", str(checkpoint), "--target", target, "--quantize", scheme, "--no-verify", "-o", str(place)]
    arguments += ["--sequence-length", COREML_LENGTH] if target == "coreml" else []
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", _EXPORT, *arguments], capture_output=True, text=True, check=True)
    peak = int(done.stdout.splitlines()[-1])
    return {"export_peak_rss_bytes": peak, "export_s": round(time.perf_counter() - start, 1)}


def parity_of(place: Path, reference: Reference) -> dict[str, Any]:
    """The saved files against PyTorch, within the budget of their scheme."""
    start = time.perf_counter()
    found = check_bundle(Check(read_bundle(place)), reference).parity
    record = plain(parity_record(found))
    row = {key: record[key] for key in _PARITY}
    return row | {"size_bytes": read_bundle(place).size_bytes, "check_s": round(time.perf_counter() - start, 1)}


def from_float64(checkpoint: Checkpoint, place: Path, batches: list[Batch]) -> dict[str, Any]:
    """How far PyTorch's float32 and the float32 bundle are from PyTorch's float64, each text alone."""
    model = checkpoint.model
    runner = TorchRunner(checkpoint.source.directory, model.head.architecture, inputs=model.inputs)
    found = {"pytorch": _logits(runner, batches), "onnx-none": _logits(open_runner(read_bundle(place)), batches)}
    runner.model.double()
    exact = _logits(runner, batches)
    apart = {
        name: np.concatenate([np.abs(a - b) for a, b in zip(rows, exact, strict=True)]) for name, rows in found.items()
    }
    between = np.concatenate([np.abs(a - b) for a, b in zip(*found.values(), strict=True)])
    largest = {name: {"max": float(rows.max()), "mean": float(rows.mean())} for name, rows in apart.items()}
    return largest | {"logit_range": float(np.ptp(np.concatenate(exact))), "between_max": float(between.max())}


def run_loud(deviation: float, texts: list[str]) -> dict[str, Any]:
    """`from_float64` of a DistilBERT with weights of that deviation."""
    with TemporaryDirectory() as folder:
        place = Path(folder)
        written = write_checkpoint(place / "checkpoint", MODELS["distilbert-base"], deviation)
        checkpoint = load(resolve(str(written), HubOptions()))
        export_alone(written, "onnx-none", place / "bundle")
        return from_float64(checkpoint, place / "bundle", _batches(Reference(checkpoint, texts)))


def _logits(runner: Runner, batches: list[Batch]) -> list[Any]:
    return [runner.run(batch)["logits"].astype(np.float64).ravel() for batch in batches]


def run_model(published: Published, known: dict[str, Any], texts: list[str], keep: Callable[[], None]) -> None:
    """Fill `known` with what it lacks; `keep` saves it after each bundle."""
    with TemporaryDirectory() as folder:
        place = Path(folder)
        checkpoint = load(resolve(str(write_checkpoint(place / "checkpoint", published)), HubOptions()))
        reference, geometry = Reference(checkpoint, texts), checkpoint.geometry
        numbers = sum(math.prod(tensor.shape) for tensor in checkpoint.model.tensors.values())
        known |= {"architecture": published.architecture, "layers": geometry.layers, "hidden": geometry.hidden}
        known |= {"float32_bytes": numbers * 4, "texts": len(texts), "coreml_length": int(COREML_LENGTH)}
        rows = known.setdefault("rows", {})
        for name in (name for name in BUNDLES if name not in rows):
            row = export_alone(place / "checkpoint", name, place / name)
            rows[name] = row | parity_of(place / name, reference)
            if name == "onnx-none":
                known["float64"] = from_float64(checkpoint, place / name, _batches(reference))
            print(name, rows[name], flush=True)
            keep()


def _batches(reference: Reference) -> list[Batch]:
    """The real texts, each alone."""
    samples = reference.samples(reference.checkpoint.geometry.positions)
    return [Batch(one.ids, one.mask, np.zeros_like(one.ids) if one.types is None else one.types) for one in samples]


def main() -> None:
    """Run the models asked for, or all that the record lacks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", metavar="MODEL", help=", ".join(MODELS))
    parser.add_argument("--texts", type=int, default=6)
    parser.add_argument("-o", "--output", type=Path, default=ARTIFACT)
    given = parser.parse_args()
    torch.set_num_threads(1)
    record = json.loads(given.output.read_text(encoding="utf-8")) if given.output.is_file() else {"models": {}}
    host = fingerprint()

    def keep() -> None:
        given.output.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")

    texts = default_texts()[: given.texts]
    if not given.models:
        record["loud"] = {str(deviation): run_loud(deviation, texts) for deviation in LOUD}
        keep()
    for name in given.models or MODELS:
        known = record["models"].get(name, {})
        if given.models or known.get("host") != host:
            known = {"host": host}
        record["models"][name] = known
        print(f"{name}:", flush=True)
        run_model(MODELS[name], known, texts, keep)
        known["load_average"] = os.getloadavg()
        keep()


if __name__ == "__main__":
    main()
