"""Core AI schemes of the demo against PyTorch on test rows: size, difference, agreement, accuracy.

    python -m benchmarks.accuracy.coreai_agreement --data ../shared/data [--scheme int8 …] [--rows 1000]
        → artifacts/coreai_agreement.json

The saved assets run in Apple's runtime for Linux, its reference for the CPU: numbers are `measured`, and say nothing of
a device. In float16 a row of 128 tokens takes 0.2 s there. Schemes that are not asked for stay as the record has them.
"""

import argparse
import json
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.accuracy.coreml_agreement import Labelled, all_logits
from benchmarks.models.labelled_text import ag_news_test
from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import DEMO, HubOptions, resolve
from exporter.options.request import Request
from exporter.pipeline import export
from exporter.targets.registry import TARGETS
from runtimes.backends.pytorch.runner import TorchRunner
from runtimes.backends.registry import open_runner
from runtimes.bundle.reading import read_bundle
from runtimes.measurement.measure import fingerprint
from runtimes.parity.cases import Encoder, Limits
from runtimes.parity.compare import agreement

TARGET, TOKENS = "coreai", 128


def compared(scheme: str, encode: Encoder, data: Labelled) -> dict[str, Any]:
    """The entry of one scheme, exported as users do by default."""
    with TemporaryDirectory() as folder:
        place = Path(folder) / scheme
        (done,) = export(Request(DEMO, (TARGET,), (scheme,), place, verify=False))
        start = time.perf_counter()
        found = all_logits(open_runner(read_bundle(place)), encode, data.texts)
        took_s = time.perf_counter() - start
    return {
        "rows": len(data.texts),
        "size_bytes": done.size_bytes,
        "max_absolute": float(np.abs(found - data.expected).max()),
        "mean_absolute": float(np.abs(found - data.expected).mean()),
        "logit_range": float(np.ptp(data.expected)),
        "agreement": agreement(data.expected, found),
        "accuracy": float(np.mean(found.argmax(-1) == data.labels)),
        "pytorch_accuracy": float(np.mean(data.expected.argmax(-1) == data.labels)),
        "took_s": round(took_s, 1),
    }


def main() -> None:
    """Compare what is asked for, and write the record after each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--scheme", action="append", choices=TARGETS[TARGET].schemes, help="may repeat; default all")
    parser.add_argument("--rows", type=int, default=1000, help="the first of the official test")
    parser.add_argument("-o", "--output", type=Path, default=Path("artifacts/coreai_agreement.json"))
    given = parser.parse_args()
    checkpoint = load(resolve(DEMO, HubOptions()))
    encode = Encoder(checkpoint.tokenizer.tokenizer, Limits(TOKENS, checkpoint.geometry.types, 0))
    texts, labels = (part[: given.rows] for part in ag_news_test(given.data))
    reference = TorchRunner(checkpoint.source.directory, checkpoint.model.head.architecture)
    data = Labelled(texts, labels, all_logits(reference, encode, texts))
    old = json.loads(given.output.read_text(encoding="utf-8")) if given.output.is_file() else {}
    record = {"host": fingerprint(), "status": "measured", "schemes": old.get("schemes", {})}
    for scheme in given.scheme or TARGETS[TARGET].schemes:
        record["schemes"][scheme] = found = compared(scheme, encode, data)
        print(scheme, json.dumps(found), flush=True)
        given.output.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
