"""Small classifiers of newer families, trained here on AG News: what each scheme keeps of them on the official test.

    python -m benchmarks.accuracy.trained_families --data ../shared/data [modernbert …]

No argument: every family; the record is artifacts/trained_families.json.

No package brings weights of these families, and seeded ones say nothing of int8: their activations have no outliers,
and their labels hardly differ. Four layers of 128 start from the demo's table of words and learn from 14,552 rows. A
ModernBERT of 32 tokens' windows, so that most texts are longer; DeBERTa with v3's switches. Core ML is `simulated`.
"""

import argparse
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from transformers import AutoConfig, AutoModelForSequenceClassification

from benchmarks import ARTIFACTS
from benchmarks.accuracy.real_labels import all_logits, saved
from benchmarks.models.labelled_text import AG_NEWS_LABELS, ag_news_test, ag_news_train
from benchmarks.models.train_demo import LENGTH, finetune
from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import HubOptions, resolve
from exporter.options.request import Request
from exporter.pipeline import export
from exporter.targets.target import Settings
from runtimes.backends.pytorch.runner import TorchRunner
from runtimes.backends.registry import open_runner
from runtimes.bundle.reading import read_bundle
from runtimes.measurement.measure import fingerprint
from runtimes.parity.cases import Encoder, Limits
from runtimes.parity.compare import agreement

SEED, EPOCHS, PEAK = 20, 3, 1e-3
ROWS = {"onnx": 2000, "litert": 2000, "coreml": 200}
"""Of the official test; the interpreter of Core ML packages takes a fifth of a second for each."""
COREML_LENGTH = 128
SCHEMES = {
    "onnx": ("none", "int8", "int4-embeddings", "pq"),
    "litert": ("none", "int8", "int4-embeddings", "pq"),
    "coreml": ("fp16", "int8"),
}
_SHAPE = {"hidden_size": 128, "num_hidden_layers": 4, "intermediate_size": 512, "vocab_size": 30522, "pad_token_id": 0}
FAMILIES: dict[str, dict[str, Any]] = {
    "modernbert": {**_SHAPE, "num_attention_heads": 4, "intermediate_size": 192, "local_attention": 32},
    "deberta-v2": {
        **_SHAPE,
        "num_attention_heads": 4,
        "relative_attention": True,
        "position_buckets": 64,
        "norm_rel_ebd": "layer_norm",
        "share_att_key": True,
        "pos_att_type": ["p2c", "c2p"],
        "position_biased_input": False,
    },
}
"""model_type → its geometry."""


def trained(family: str, rows: list[list[int]], labels: list[int], folder: Path) -> tuple[Path, float]:
    """A checkpoint, and its accuracy on the rows that no epoch saw."""
    torch.manual_seed(SEED)
    names = dict(enumerate(AG_NEWS_LABELS))
    config = AutoConfig.for_model(family, **FAMILIES[family], id2label=names, label2id={v: k for k, v in names.items()})
    model = AutoModelForSequenceClassification.from_config(config)
    words = load(resolve("demo", HubOptions())).model.tensors["embeddings.word"].read()
    with torch.no_grad():
        model.get_input_embeddings().weight.copy_(torch.from_numpy(words))
    accuracy = finetune(model, rows, labels, EPOCHS, PEAK)
    return saved(model.eval(), folder), accuracy


def run(family: str, data: Path, folder: Path) -> dict[str, Any]:
    """Train, export, and read the test with PyTorch and every bundle."""
    encode = Encoder(load(resolve("demo", HubOptions())).tokenizer.tokenizer, Limits(LENGTH, 2, 0))
    texts, labels = ag_news_train(data)
    checkpoint, held_out = trained(family, [encode.row(text)[0] for text in texts], labels, folder / "checkpoint")
    texts, labels = ag_news_test(data)
    rows, right = [encode.row(text) for text in texts[: max(ROWS.values())]], np.array(labels[: max(ROWS.values())])
    read = load(resolve(str(checkpoint), HubOptions())).model
    expected = all_logits(TorchRunner(checkpoint, read.head.architecture, inputs=read.inputs), encode, rows)
    found: dict[str, Any] = {"pytorch": {"accuracy": float(np.mean(expected.argmax(-1) == right)), "rows": len(rows)}}
    for name, bundle in exported(checkpoint, folder, texts[-96:]).items():
        number = ROWS[name.partition("-")[0]]
        runner = open_runner(bundle)
        logits = all_logits(runner, encode, rows[:number])
        found[name] = {
            "status": runner.status.value,
            "rows": number,
            "size_bytes": bundle.size_bytes,
            "accuracy": float(np.mean(logits.argmax(-1) == right[:number])),
            "pytorch_accuracy": float(np.mean(expected[:number].argmax(-1) == right[:number])),
            "agreement": agreement(expected[:number], logits),
            "max_absolute": float(np.abs(logits - expected[:number]).max()),
            "mean_absolute": float(np.abs(logits - expected[:number]).mean()),
        }
        print(family, name, found[name], flush=True)
    return {"geometry": FAMILIES[family], "held_out_accuracy": held_out, "figures": found}


def exported(checkpoint: Path, folder: Path, texts: list[str]) -> dict[str, Any]:
    """The bundles by name, each compared with PyTorch and kept whatever that found."""
    found = {}
    for target, schemes in SCHEMES.items():
        settings = Settings(options={"sequence_lengths": (COREML_LENGTH,) if target == "coreml" else ()})
        place, kept = folder / target, {"keep_failing": True, "texts": tuple(texts), "settings": settings}
        for item in export(Request(str(checkpoint), (target,), schemes, place, **kept)):
            assert item.directory is not None
            found[item.recipe.name] = read_bundle(item.directory)
    return found


def main() -> None:
    """Run the families asked for, each recorded as soon as it is done."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=list(FAMILIES))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path, default=ARTIFACTS / "trained_families.json")
    given = parser.parse_args()
    torch.set_num_threads(1)
    record = json.loads(given.output.read_text(encoding="utf-8")) if given.output.is_file() else {"families": {}}
    for name in given.names:
        with TemporaryDirectory() as folder:
            record["families"][name] = run(name, given.data, Path(folder))
        record["host"] = fingerprint()
        given.output.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
