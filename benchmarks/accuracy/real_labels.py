"""Fine-tune BERT-tiny on public labelled text, export it, and read the official test rows with each bundle.

    python -m benchmarks.accuracy.real_labels --data ../shared/data [imdb sst2 rte]      → artifacts/real_labels.json

The encoder starts as the demo's (see exporter/demo/README.md: pre-trained on AG News, IMDB and RTE training texts).
One recipe for all, no search: what matters here is not the accuracy but that the bundles keep it. Published
figures stand beside, of models that were pre-trained on far more text. Core ML is `simulated`.
"""

import argparse
import csv
import gzip
import json
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import BertForSequenceClassification

from benchmarks.models.train_demo import batches, one_cycle, pad
from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import DEMO_DIRECTORY, HubOptions, resolve
from exporter.options.request import Request
from exporter.pipeline import export
from exporter.targets.target import Settings
from runtimes.backends.pytorch.runner import TorchRunner
from runtimes.backends.registry import open_runner
from runtimes.bundle.reading import read_bundle
from runtimes.measurement.measure import fingerprint
from runtimes.parity.cases import Encoder, Limits, Row
from runtimes.parity.compare import agreement
from runtimes.runner import Runner

SEED = 20
BUNDLES = {"onnx": ("int8", "int8-weights"), "coreml": ("int8",)}
Texts = list[tuple[str, ...]]
"""One text or two a row."""


@dataclass(frozen=True)
class Data:
    """A data set: its labels, how long a row may be, epochs of fine-tuning, and what others published for BERT-tiny."""

    read: Callable[[Path, str], tuple[Texts, list[int]]]
    labels: tuple[str, ...]
    length: int
    epochs: int
    peak: float
    published: float | None


def imdb(data: Path, part: str) -> tuple[Texts, list[int]]:
    """25,000 reviews each (Maas et al. 2011)."""
    with gzip.open(data / "imdb" / f"{part}.csv.gz", "rt", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [(row["text"].replace("<br />", " "),) for row in rows], [int(row["label"]) for row in rows]


def sst2(data: Path, part: str) -> tuple[Texts, list[int]]:
    """67,349 phrases to train on, and GLUE's 872 sentences."""
    rows = _tsv(data / "sst2" / ("train.tsv" if part == "train" else "dev_glue.tsv"))
    return [(row["sentence"],) for row in rows], [int(row["label"]) for row in rows]


def rte(data: Path, part: str) -> tuple[Texts, list[int]]:
    """2,490 pairs to train on, and GLUE's 277."""
    rows = _tsv(data / "rte" / ("train.tsv" if part == "train" else "dev.tsv"))
    return [(row["sentence1"], row["sentence2"]) for row in rows], [int(row["label"] != "entailment") for row in rows]


def _tsv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


DATA = {
    "imdb": Data(imdb, ("negative", "positive"), 256, 2, 4e-4, 0.85),
    "sst2": Data(sst2, ("negative", "positive"), 64, 4, 3e-4, 0.797),
    "rte": Data(rte, ("entailment", "not_entailment"), 256, 6, 2e-4, None),
}


def encoded(encode: Encoder, texts: Texts) -> list[Row]:
    """Token ids and segment numbers of each row."""
    return [encode.row(*row) if len(row) == 1 else encode.pair(*row) for row in texts]


def finetune(data: Data, rows: list[Row], labels: list[int]) -> BertForSequenceClassification:
    """All rows, every epoch, to the end: no test row decides anything."""
    torch.manual_seed(SEED)
    model = BertForSequenceClassification.from_pretrained(
        DEMO_DIRECTORY, dtype=torch.float32, num_labels=len(data.labels), ignore_mismatched_sizes=True
    )
    model.config.id2label, model.config.label2id = (
        dict(enumerate(data.labels)),
        {n: i for i, n in enumerate(data.labels)},
    )
    rng = random.Random(SEED)
    ids = [row[0] for row in rows]
    plan = [cut for _ in range(data.epochs) for cut in batches(ids, 4096, rng)]
    optimizer, schedule = one_cycle(model.parameters(), len(plan), data.peak)
    model.train()
    for step, cut in enumerate(plan):
        optimizer.zero_grad()
        tokens, mask = pad([ids[i] for i in cut])
        types, _ = pad([rows[i][1] for i in cut])
        logits = model(tokens, attention_mask=mask, token_type_ids=types).logits
        loss = nn.functional.cross_entropy(logits, torch.tensor([labels[i] for i in cut]))
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 200 == 0:
            print(f"step {step}/{len(plan)}, loss {loss.item():.3f}", flush=True)
    return model.eval()


def saved(model: BertForSequenceClassification, folder: Path) -> Path:
    """A checkpoint folder with the demo's tokenizer."""
    model.save_pretrained(folder)
    for name in ("vocab.txt", "tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(DEMO_DIRECTORY / name, folder / name)
    return folder


def run(data: Data, source: Path, folder: Path) -> dict[str, Any]:
    """Fine-tune, export, and read the test with PyTorch and every bundle."""
    limits = Limits(data.length, 2, 0)
    encode = Encoder(load(resolve("demo", HubOptions())).tokenizer.tokenizer, limits)
    texts, labels = data.read(source, "train")
    trained = len(texts)
    checkpoint = saved(finetune(data, encoded(encode, texts), labels), folder / "checkpoint")
    texts, labels = data.read(source, "test")
    rows = encoded(encode, texts)
    expected = all_logits(TorchRunner(checkpoint, "BertForSequenceClassification"), encode, rows)
    bundles = exported(checkpoint, data, folder, [" ".join(row) for row in texts[:96]])
    right = float(np.mean(expected.argmax(-1) == labels))
    found = {"pytorch": {"accuracy": right, "rows": len(rows)}}
    for name, runner in bundles.items():
        logits = all_logits(runner, encode, rows)
        found[name] = {
            "status": runner.status.value,
            "accuracy": float(np.mean(logits.argmax(-1) == labels)),
            "agreement": agreement(expected, logits),
            "mean_absolute": float(np.abs(logits - expected).mean()),
        }
        print(name, found[name], flush=True)
    return {"published": data.published, "length": data.length, "train_rows": trained, "figures": found}


def all_logits(runner: Runner, encode: Encoder, rows: list[Row]) -> "np.ndarray[Any, Any]":
    """Logits of every row, each run alone: [N, labels]."""
    return np.concatenate([runner.run(encode.batch([row]))["logits"] for row in rows])


def exported(checkpoint: Path, data: Data, folder: Path, texts: list[str]) -> dict[str, Runner]:
    """The bundles, each verified, opened."""
    runners = {}
    for target, schemes in BUNDLES.items():
        settings = Settings(options={"sequence_lengths": (data.length,) if target == "coreml" else ()})
        request = Request(
            str(checkpoint),
            (target,),
            schemes,
            folder / target,
            settings=settings,
            texts=tuple(texts),
            keep_failing=True,
        )
        for item in export(request):
            assert item.directory is not None
            runners[item.recipe.name] = open_runner(read_bundle(item.directory))
    return runners


def main() -> None:
    """Run the data sets asked for, each recorded as soon as it is done."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=list(DATA))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path, default=Path("artifacts/real_labels.json"))
    given = parser.parse_args()
    torch.set_num_threads(1)
    record = json.loads(given.output.read_text(encoding="utf-8")) if given.output.is_file() else {"data": {}}
    for name in given.names:
        with TemporaryDirectory() as folder:
            record["data"][name] = run(DATA[name], given.data, Path(folder))
        record["host"] = fingerprint()
        given.output.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
