"""What an audit takes: seconds and memory, of the demo and of a bert-base geometry, for every scheme.

    python -m benchmarks.cost.audit_cost [--target onnx] [--scheme int8 …]      → artifacts/audit_cost.json

Each bundle is audited in a process of its own that has read the checkpoint: `seconds` of every run on the clock and
`cpu_seconds` of its threads, which other work beside it does not lengthen, `loaded_rss_bytes` before the first,
`peak_rss_bytes` after the last. `largest_bytes` is the float32 word table's, which an audit holds
once. The base geometry has seeded weights; bundles are exported without parity.
"""

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.models.tier_checkpoint import write_stand_in
from exporter.options.request import Request
from exporter.pipeline import export
from exporter.targets.registry import TARGETS
from exporter.targets.target import Settings
from runtimes.measurement.measure import fingerprint

ARTIFACT = Path("artifacts/audit_cost.json")
RUNS = 3
LENGTH = 128
_CHILD = """
import json, sys, time
from pathlib import Path
from exporter.verification.audit.bundle import audit_bundle
from exporter.targets.audit.subject import Audited
from exporter.verification.audit.bundle import audit_subject
from runtimes.bundle.manifest import read_bundle
from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import HubOptions, resolve
from runtimes.process.peak_memory import peak_rss_bytes
source, place, runs = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
audited = audit_subject(read_bundle(place), load(resolve(source, HubOptions())))
loaded, seconds, cpu = peak_rss_bytes(), [], []
for _ in range(runs):
    start, used = time.perf_counter(), time.process_time()
    found = audit_bundle(audited)
    seconds.append(round(time.perf_counter() - start, 3))
    cpu.append(round(time.process_time() - used, 3))
table = audited.checkpoint.model.tensors["embeddings.word"].shape
counts = {"weights": found.weights, "rows": found.rows, "operators": found.operators, "findings": len(found.findings)}
memory = {"loaded_rss_bytes": loaded, "peak_rss_bytes": peak_rss_bytes(), "largest_bytes": 4 * table[0] * table[1]}
print(json.dumps({"seconds": seconds, "cpu_seconds": cpu, **memory, **counts}))
"""


@dataclass(frozen=True)
class _Base:
    """bert-base."""

    layers: int = 12
    hidden: int = 768
    heads: int = 12


def audit_cost(source: str, target: str, scheme: str, place: Path) -> dict[str, Any]:
    """Export one bundle and audit it in a process of its own."""
    lengths = (LENGTH,) if target == "coreml" else ()
    settings = Settings(options={"sequence_lengths": lengths, "deployment_target": "iOS18"})  # which has every scheme
    export(Request(source, (target,), (scheme,), place, settings=settings, verify=False))
    command = [sys.executable, "-c", _CHILD, source, str(place), str(RUNS)]
    found: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return found


def main() -> None:
    """Measure; bundles that were not asked for keep their rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--target", choices=TARGETS, help="only this one")
    parser.add_argument("--scheme", nargs="*", default=(), help="only these")
    asked = parser.parse_args()
    rows = json.loads(ARTIFACT.read_text())["bundles"] if ARTIFACT.is_file() else {}
    with TemporaryDirectory() as folder:
        models = {"demo": "demo", "bert-base": str(write_stand_in(Path(folder) / "checkpoint", _Base()))}
        for model, source in models.items():
            for target in [asked.target] if asked.target else TARGETS:
                for scheme in asked.scheme or TARGETS[target].schemes:
                    name = f"{model} {target}-{scheme}"
                    rows[name] = audit_cost(source, target, scheme, Path(folder) / name.replace(" ", "-"))
                    print(name, rows[name], flush=True)
                    ARTIFACT.write_text(json.dumps({"host": fingerprint(), "bundles": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
