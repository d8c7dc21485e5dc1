"""Apple's coreai-torch and bertport on the demo: time and bytes of an asset, and its answers' distance from PyTorch's.

    python -m benchmarks.peers.coreai_assets [--rounds 3]    → artifacts/coreai_peer.json

The peer's environment is .venv-coreai-torch, of coreai-torch-requirements.txt. Each conversion is a process of its own,
in rounds over all; every asset answers some texts in Apple's runtime for Linux. That says nothing of a device's times,
so there are none. What cannot be installed, converted or run is a row with the error it gave.
"""

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks import ARTIFACTS, ROOT
from benchmarks.accuracy.coreml_agreement import Labelled, all_logits
from benchmarks.peers.contenders import HERE, our_command
from benchmarks.peers.run import ChildError, call, labelled
from exporter.checkpoint.checkpoint import Checkpoint, load
from exporter.checkpoint.source import DEMO, HubOptions, resolve
from runtimes.aimodel.names import ASSET
from runtimes.backends.foreign import Expected
from runtimes.backends.pytorch.runner import TorchRunner
from runtimes.backends.registry import open_file
from runtimes.errors import BertportError
from runtimes.measurement.measure import fingerprint
from runtimes.parity.cases import Encoder, Limits
from runtimes.parity.compare import agreement

PYTHON = ROOT / ".venv-coreai-torch" / "bin" / "python"
TOKENS = 128


@dataclass(frozen=True)
class Converter:
    """One row: what makes the folder `asset`."""

    name: str
    command: Sequence[str]
    asset: Path


def converters(checkpoint: Path, work: Path) -> list[Converter]:
    """The peer in two precisions, and ours in the same."""
    script, found = HERE / "convert_coreai.py", []
    for precision in ("float32", "float16"):
        asset = work / f"{precision}.aimodel"
        command = (PYTHON, script, checkpoint, asset, precision, TOKENS)
        found.append(Converter(f"coreai-torch {precision}", [*map(str, command)], asset))
    for scheme in ("none", "fp16"):
        folder = work / scheme
        options = ("--target", "coreai", "--sequence-length", str(TOKENS), "--quantize", scheme, "--no-verify")
        found.append(Converter(f"bertport {scheme}", our_command(checkpoint, folder, *options), folder / ASSET))
    return found


def converted(checkpoint: Path, rounds: int, work: Path) -> tuple[dict[str, dict[str, Any]], dict[str, Path]]:
    """Each row with the seconds of every round, and the assets of the last."""
    rows: dict[str, dict[str, Any]] = {}
    assets: dict[str, Path] = {}
    for number in range(rounds):
        (place := work / str(number)).mkdir()
        for one in converters(checkpoint, place):
            row = rows.setdefault(one.name, {"error": None, "convert_s": []})
            if row["error"] is None:
                start = time.perf_counter()
                try:
                    told = call(one.command).strip()
                except ChildError as error:
                    row["error"] = str(error)
                    continue
                row["convert_s"].append(time.perf_counter() - start)
                row["versions"], assets[one.name] = told.splitlines()[-1] if "coreai-torch" in told else "", one.asset
    return rows, assets


def compared(asset: Path, data: Labelled, encode: Encoder, checkpoint: Checkpoint) -> dict[str, Any]:
    """Bytes of an asset, and its differences from PyTorch, each text alone."""
    size_bytes = sum(path.stat().st_size for path in asset.rglob("*") if path.is_file())
    expected = Expected(checkpoint.model.inputs, tuple(checkpoint.model.outputs), frozenset(), checkpoint.geometry.pad)
    try:
        found = all_logits(open_file(asset, expected).runner, encode, data.texts)
    except BertportError as error:
        return {"size_bytes": size_bytes, "error": str(error)}
    gap = np.abs(found - data.expected)
    figures = {"max_absolute": float(gap.max()), "mean_absolute": float(gap.mean())}
    return {"size_bytes": size_bytes, "rows": len(gap)} | figures | {"agreement": agreement(data.expected, found)}


def texts_of(checkpoint: Checkpoint, count: int) -> tuple[Labelled, Encoder]:
    """Rows kept with the demo, what makes ids of them, and PyTorch's logits."""
    encode = Encoder(checkpoint.tokenizer.tokenizer, Limits(TOKENS, checkpoint.geometry.types, 0))
    texts, labels = (part[:count] for part in labelled(None))
    reference = TorchRunner(checkpoint.source.directory, checkpoint.model.head.architecture)
    return Labelled(texts, labels, all_logits(reference, encode, texts)), encode


def main() -> None:
    """Convert, compare, write the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=32, help="texts that every asset answers")
    parser.add_argument("-o", "--output", type=Path, default=ARTIFACTS / "coreai_peer.json")
    given = parser.parse_args()
    checkpoint = load(resolve(DEMO, HubOptions()))
    data, encode = texts_of(checkpoint, given.rows)
    with TemporaryDirectory() as folder:
        rows, assets = converted(checkpoint.source.directory.absolute(), given.rounds, Path(folder))
        for name, asset in assets.items():
            rows[name] |= compared(asset, data, encode, checkpoint)
            print(name, json.dumps(rows[name]), flush=True)
    record = {"host": fingerprint(), "tokens": TOKENS, "rows": rows}
    given.output.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
