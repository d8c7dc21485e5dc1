"""A record of every kind, as the commands write them, beside a bundle."""

import json
import shutil
from pathlib import Path
from typing import Any

from runtimes.bundle.manifest import PARITY
from runtimes.bundle.reading import read_bundle

HOST = {"processor": "a processor", "cores": "2", "system": "Linux x86_64", "python": "3.11"}
_TIMES = {"cold_start_s": 0.5, "import_s": 0.2, "load_s": 0.1, "first_run_s": 0.01}
_MEMORY = {"bare_rss_bytes": 50_000_000, "peak_rss_bytes": 90_000_000}
_SUBJECT = {"name": "a", "runtime": "onnx", "status": "measured", "note": "", "disk_bytes": 4, "compressed_bytes": 3}
_LATENCY = {"tokens": 16, "rows": 1, "values_s": [0.1, 0.2], "peak_rss_bytes": 60_000_000}
_RECIPE = {"target": "onnx", "scheme": "int8"}
_DATA = {"file": "dev.tsv", "rows": 500}
_FIGURES = {"pytorch": 0.9, "exported": 0.899, "drop_points": 0.1, "interval_points": [-0.1, 0.3]}
_RUN = {"compute_units": "all", "tokens": 128, "max_absolute": 0.01, "mean_absolute": 0.001, "verdict": "pass"}


def write_records(folder: Path, bundle: Path) -> list[Path]:
    """A folder for each kind, and one with the bundle itself."""
    places = []
    for name, record in _records(bundle).items():
        place = folder / name
        place.mkdir(parents=True)
        (place / f"{name}.json").write_text(json.dumps(record))
        places.append(place)
    shutil.copytree(bundle, folder / "bundle" / "onnx-none")
    return [*places, folder / "bundle"]


def _records(bundle: Path) -> dict[str, dict[str, Any]]:
    parity, identity = json.loads((bundle / PARITY).read_bytes()), read_bundle(bundle).identity
    head = {"schema_version": 1}
    entry = {"subject": "a", "threads": 1, "round": 0, "sitting": "now", **_TIMES, **_MEMORY, "latencies": [_LATENCY]}
    plan = {"lengths": [16], "batches": [1], "threads": [1], "runs": 2, "rounds": 1}
    subject = _SUBJECT | {"bundle": identity, "files": {"model": "1"}}
    sides = {"pytorch": {"figures": {"accuracy": 0.9}}, "exported": {"figures": {"accuracy": 0.89}}}
    tried = {"name": "onnx-int8", "recipe": _RECIPE, "size_bytes": 4, "metric": "accuracy", **_FIGURES}
    device_run = _RUN | {"load_s": 0.1, "latency_s": [0.002, 0.003]}
    phone = {"device": "iPhone16,1", "system": "19.1", "cores": 6, "simulator": False}
    size = {"suite": "onnx-int8", "name": "size", "verdict": "pass", "message": "4 bytes", "detail": ""}
    return {
        "verify": parity | {"bundle": identity},
        "bench": {"kind": "bench", **head, "host": HOST, "versions": {"onnxruntime": "1"}, "plan": plan}
        | {"subjects": [subject], "measurements": [entry]},
        "evaluate": {"kind": "evaluate", **head, "source": {"model": "demo"}, "recipe": _RECIPE, "size_bytes": 4}
        | {"status": "measured", "data": _DATA, "metric": "accuracy", "drop_points": 1.0}
        | {"interval_points": [-0.5, 2.0], "agreement": 0.98, **sides},
        "tune": {"kind": "tune", **head, "source": {"model": "demo"}, "data": _DATA, "max_drop_points": 0.5}
        | {"candidates": [tried | {"latency_s": [0.001, 0.002]}], "left_out": {"coreml-int4": "needs iOS 18"}}
        | {"chosen": [{"target": "onnx", "name": "onnx-int8", "why": "the smallest"}], "host": HOST},
        "device": {"kind": "device", "format_version": 1, "status": "measured", "source": "demo", "scheme": "fp16"}
        | {"manifest_sha256": "0", "host": phone, "vectors": 8, "tolerance_absolute": 0.05, "runs": [device_run]}
        | {"peak_rss_bytes": 60_000_000},
        "check": {"kind": "check", **head, "bundles": {"onnx-int8": {"size_bytes": 4, "parity": {"native": parity}}}}
        | {"findings": [size]},
    }
