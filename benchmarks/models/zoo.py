"""Every boltuix tier through every target and scheme: size, parity, latency, memory, beside what its card claims.

    python -m benchmarks.models.zoo [TIER …] [--checkpoint TIER=FOLDER]      → artifacts/zoo.json, a tier at a time

Tiers that the record has from this host are left alone unless they are named: an interrupted run goes on where it was.

The cards give sizes and no geometry. A stand-in has the geometry of Google's compact BERTs that comes nearest to the
card's megabytes (Turc et al. 2019: 64 to a head, feed-forward of 4 × hidden), and seeded weights: its accuracy means
nothing, its bytes, times and rounding errors do. `--checkpoint` puts a real checkpoint in a stand-in's place.

Latency: one thread, a child process for each bundle, rounds interleaved over the bundles of a tier; the load of the
machine at the time is recorded with it. Memory of an export of one bundle, for each target as float32 and as int8,
without the comparison and with it: the largest resident size of its process or of PyTorch's, beside what both have at
one time; see export_peak.py. Wide tiers are compared on fewer texts, for the interpreter of Core ML packages takes
minutes for each of them.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.cost.export_peak import Peak, export_peak
from benchmarks.models.tier_checkpoint import write_stand_in
from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import HubOptions, resolve
from exporter.cli.progress import progress_on_stderr
from exporter.targets.registry import TARGETS
from exporter.verification.measured_cases import pytorch_case
from exporter.verification.reference.default_texts import default_texts
from runtimes.measurement.measure import Case, Plan, fingerprint, measure

ARTIFACT = Path("artifacts/zoo.json")
DEPLOYMENT_TARGET = "iOS18"
"""The oldest that holds every scheme."""


@dataclass(frozen=True)
class Tier:
    """A tier: megabytes on its card, and the stand-in's geometry."""

    card_mb: float
    layers: int
    hidden: int
    heads: int


TIERS = {
    "micro": Tier(15, 2, 112, 2),
    "mini": Tier(17, 2, 128, 2),
    "tinyplus": Tier(20, 5, 128, 2),
    "small": Tier(45, 4, 256, 4),
    "mid": Tier(50, 6, 256, 4),
    "medium": Tier(160, 8, 512, 8),
    "mobile": Tier(140, 6, 512, 8),
    "large": Tier(365, 10, 768, 12),
    "pro": Tier(420, 12, 768, 12),
}
"""micro has no such BERT: 112 wide is what makes 15 MB of 30,522 tokens."""


def say(text: str) -> None:
    """Progress to stderr."""
    print(f"zoo: {text}", file=sys.stderr)


def run_tier(tier: Tier, checkpoint: Path, stand_in: bool) -> dict[str, Any]:
    """Export, compare, and measure one tier."""
    parameters = sum(
        _size(value.shape) for value in load(resolve(str(checkpoint), HubOptions())).model.tensors.values()
    )
    with TemporaryDirectory() as folder:
        say("exporting and comparing")
        exported = _export_all(checkpoint, Path(folder), default_texts()[: _texts(tier)])
        say("memory of exports")
        memory = {name: _export_peak(checkpoint, name, Path(folder)) for name in _WEIGHED}
        say("latency")
        latency = _latencies(exported, checkpoint, tier.hidden)
    return {
        **asdict(tier),
        "stand_in": stand_in,
        "parameters": parameters,
        "float32_bytes": parameters * 4,
        "texts": _texts(tier),
        "export_peak_rss_bytes": {name: peak.largest_bytes for name, peak in memory.items()},
        "export_peaks": {name: asdict(peak) for name, peak in memory.items()},
        "pytorch": latency.pop("pytorch"),
        "rows": [_told(item) | latency.get(item["name"], {}) for item in exported],
        "load_average": os.getloadavg(),
    }


def _told(item: dict[str, Any]) -> dict[str, Any]:
    """Without the folder, which is gone."""
    return {key: value for key, value in item.items() if key != "directory"}


_WEIGHED = (
    *("onnx-none", "onnx-int8", "coreml-none", "coreml-int8"),
    *("onnx-none, compared", "onnx-int8, compared", "coreml-none, compared"),
)
_WIDE, _FEW_TEXTS = 512, 12


def _texts(tier: Tier) -> int:
    """Real texts of the comparison."""
    every = default_texts()
    return _FEW_TEXTS if tier.hidden >= _WIDE else len(every)


def _export_all(checkpoint: Path, folder: Path, texts: list[str]) -> list[dict[str, Any]]:
    """Every target × scheme in one process, so that PyTorch answers once; what fails its budget is kept and says so."""
    found = []
    (folder / "texts.txt").write_text("\n".join(text.replace("\n", " ") for text in texts), encoding="utf-8")
    for target, one in TARGETS.items():
        options = [part for scheme in one.schemes for part in ("--quantize", scheme)]
        command = [sys.executable, "-m", "exporter", str(checkpoint), "--target", target, *options]
        own = ["--deployment-target", DEPLOYMENT_TARGET] if "deployment_target" in one.option_names else []
        command += [*own, "--keep-failing", "--json", "-o", str(folder / target)]
        command += ["--texts", str(folder / "texts.txt")]
        say(f"{target}: {', '.join(one.schemes)}")
        start = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode not in (0, 1):
            raise SystemExit(done.stderr)
        for item in json.loads(done.stdout):
            name = f"{target}-{item['recipe']['scheme']}"
            parity = {key: item["parity"][key] for key in _PARITY}
            found.append({"name": name, "directory": item["directory"], "size_bytes": item["size_bytes"]} | parity)
        found[-1]["all_of_target_s"] = time.perf_counter() - start
    return found


_PARITY = ("verdict", "status", "max_absolute", "mean_absolute", "max_relative", "agreement", "failures")


def _export_peak(checkpoint: Path, name: str, folder: Path) -> Peak:
    """Of one bundle; compared on as few texts as the others."""
    bundle, _, compared = name.partition(", ")
    target, _, scheme = bundle.partition("-")
    arguments = [str(checkpoint), "--target", target, "--quantize", scheme, "--deployment-target", DEPLOYMENT_TARGET]
    arguments += ["--texts", str(folder / "texts.txt")] if compared else ["--no-verify"]
    return export_peak([*arguments, "-o", str(folder / "again")])


def _latencies(exported: list[dict[str, Any]], checkpoint: Path, hidden: int) -> Any:
    """Raw latencies and memory of the ONNX bundles and of PyTorch."""
    loaded = load(resolve(str(checkpoint), HubOptions()))
    words = loaded.geometry.vocabulary
    onnx = [item for item in exported if item["name"].startswith("onnx")]
    cases = [pytorch_case("pytorch", loaded)]
    cases += [Case(item["name"], "onnx", str(Path(item["directory"]) / "model.onnx"), words) for item in onnx]
    runs = max(3, 4000 // hidden)
    found: dict[str, Any] = {}
    for one in measure(cases, Plan((16, 128), runs, 2 if hidden >= _WIDE else 3)):
        row = found.setdefault(one.case.name, {"latency_s": {}, "peak_rss_bytes": 0, "load_s": []})
        row["peak_rss_bytes"] = max(row["peak_rss_bytes"], one.peak_rss_bytes)
        row["load_s"].append(one.load_s)
        for length, values in one.latency_s.items():
            row["latency_s"].setdefault(length, []).extend(round(value, 6) for value in values)
    return found


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for n in shape:
        size *= n
    return size


def main() -> None:
    """Run the tiers asked for, each written as soon as it is done."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tiers", nargs="*", metavar="TIER")
    parser.add_argument("--checkpoint", action="append", default=[], metavar="TIER=FOLDER")
    parser.add_argument("-o", "--output", type=Path, default=ARTIFACT)
    given = parser.parse_args()
    real = dict(pair.split("=", 1) for pair in given.checkpoint)
    record = json.loads(given.output.read_text(encoding="utf-8")) if given.output.is_file() else {"tiers": {}}
    host = fingerprint()
    missing = [name for name in TIERS if record["tiers"].get(name, {}).get("host") != host]
    for name in given.tiers or missing:
        tier = TIERS[name]
        with TemporaryDirectory() as folder:
            checkpoint = Path(real[name]) if name in real else write_stand_in(Path(folder) / name, tier)
            with progress_on_stderr(name):
                found = run_tier(tier, checkpoint, name not in real)
        record["tiers"][name] = found | {"host": host}
        given.output.write_text(json.dumps(record) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
