"""A folder of records of every kind: three unverified bundles and what stands beside them."""

import json

import pytest

from exporter.options.request import Request
from exporter.pipeline import export
from runtimes.bundle.manifest import MANIFEST, PARITY
from runtimes.bundle.reading import read_bundle, sealed, sha256
from runtimes.files.json_text import to_json

HOST = {"processor": "a processor", "cores": "2", "system": "Linux x86_64", "python": "3.11"}
PARITY_FIGURES = {
    "kind": "parity",
    "schema_version": 1,
    "verdict": "pass",
    "status": "measured",
    "rows": 9,
    "max_absolute": 0.01,
    "mean_absolute": 1e-3,
    "logit_range": 5.0,
    "max_relative": 0.002,
    "min_cosine": 0.9999,
    "agreement": 1.0,
    "padding_max_absolute": 0.0,
    "worst_case": "text 3",
    "failures": [],
    "warnings": [],
    "note": "",
    "absolute_quantiles": {"0.01": 1e-6, "0.25": 1e-4, "0.5": 1e-3, "0.75": 2e-3, "0.9": 5e-3, "0.99": 9e-3},
}
EXPLANATION = {
    "case": "text 3",
    "graph": [{"name": "embeddings", "relative": 1e-7, "beyond": False}],
    "file": [
        {"name": "embeddings", "relative": 0.0, "beyond": False},
        {"name": "layer.0.output", "relative": 1e-3, "beyond": False},
        {"name": "layer.1.output", "relative": 0.5, "beyond": True},
        {"name": "pooler", "relative": None, "beyond": True},
    ],
}


def bench(subjects, host=HOST):
    """A record of a run over (name, bundle identity or None) pairs."""
    named = [
        {
            "name": name,
            "runtime": "onnx" if identity else "pytorch",
            "status": "measured",
            "note": "",
            "disk_bytes": 4_000_000,
            "compressed_bytes": 3_000_000,
            "bundle": identity,
            "files": {"model": "1"},
        }
        for name, identity in subjects
    ]
    idle = named[0] | {"name": "idle", "status": "not run", "note": "Core ML needs macOS", "bundle": None}
    return {
        "kind": "bench",
        "schema_version": 1,
        "host": host,
        "versions": {"onnxruntime": "1"},
        "plan": {"lengths": [16, 128], "batches": [1, 8], "threads": [1, 2], "runs": 2, "rounds": 1},
        "subjects": [*named, idle],
        "measurements": [entry(one["name"], threads) for one in named for threads in (1, 2)],
    }


def entry(subject, threads):
    shapes = [(tokens, rows) for rows in (1, 8) for tokens in (16, 128)]
    latencies = [
        {"tokens": t, "rows": r, "values_s": [t * r / 1e5, t * r / 2e5], "peak_rss_bytes": 60_000_000}
        for t, r in shapes
    ]
    times = {"cold_start_s": 0.5, "import_s": 0.2, "load_s": 0.1, "first_run_s": 0.01}
    memory = {"bare_rss_bytes": 50_000_000, "peak_rss_bytes": 90_000_000}
    head = {"subject": subject, "threads": threads, "round": 0, "sitting": "now"}
    return head | times | memory | {"latencies": latencies}


def evaluation(identity, **changes):
    return {
        "kind": "evaluate",
        "schema_version": 1,
        "source": {"model": identity["model"]},
        "recipe": {"target": identity["target"], "scheme": identity["scheme"]},
        "size_bytes": 4_000_000,
        "status": "measured",
        "data": {"file": "dev.tsv", "rows": 500},
        "metric": "accuracy",
        "pytorch": {"figures": {"accuracy": 0.9}},
        "exported": {"figures": {"accuracy": 0.89}},
        "drop_points": 1.0,
        "interval_points": [-0.5, 2.0],
        "agreement": 0.98,
    } | changes


def device(identity, name="iPhone16,1", simulator=False):
    run = {"compute_units": "all", "tokens": 128, "max_absolute": 0.01, "mean_absolute": 0.001, "verdict": "pass"}
    run |= {"load_s": 0.1, "latency_s": [0.002, 0.003]}
    broken = run | {"compute_units": "cpu-only", "verdict": "fail", "max_absolute": -1.0, "mean_absolute": -1.0}
    return {
        "kind": "device",
        "format_version": 1,
        "status": "measured",
        "source": identity["model"],
        "scheme": "fp16",
        "manifest_sha256": "0",
        "host": {"device": name, "system": "19.1", "cores": 6, "simulator": simulator},
        "vectors": 8,
        "tolerance_absolute": 0.05,
        "runs": [run, broken],
        "peak_rss_bytes": 60_000_000,
    }


def tune(host=HOST):
    tried = {
        "name": "onnx-int8",
        "recipe": {"target": "onnx", "scheme": "int8"},
        "size_bytes": 4_000_000,
        "metric": "accuracy",
        "pytorch": 0.9,
        "exported": 0.899,
        "drop_points": 0.1,
        "interval_points": [-0.1, 0.3],
        "latency_s": [0.001, 0.002, 0.003],
    }
    return {
        "kind": "tune",
        "schema_version": 1,
        "source": {"model": "checkpoint"},
        "data": {"file": "dev.tsv", "rows": 500},
        "max_drop_points": 0.5,
        "candidates": [tried],
        "chosen": [{"target": "onnx", "name": "onnx-int8", "why": "the smallest within"}],
        "left_out": {"coreml-int4": "needs iOS 18"},
        "host": host,
    }


def check():
    parity = PARITY_FIGURES | {"status": "emulated"}
    bundle = {"size_bytes": 4_000_000, "parity": {"arm64": parity}}
    size = {"suite": "onnx-int8", "name": "size", "verdict": "pass", "message": "4,000,000 bytes", "detail": ""}
    return {"kind": "check", "schema_version": 1, "bundles": {"onnx-int8": bundle}, "findings": [size]}


def edit_parity(folder, **changes):
    """Put other figures into a bundle, hashes and all."""
    (folder / PARITY).write_bytes(to_json(PARITY_FIGURES | changes))
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["files"][PARITY] = sha256(folder / PARITY)
    (folder / MANIFEST).write_bytes(to_json(sealed(manifest)))


@pytest.fixture(scope="session")
def made(checkpoint, tmp_path_factory):
    """Two bundles; only read."""
    place = tmp_path_factory.mktemp("reporting")
    export(Request(str(checkpoint), schemes=("none", "int8"), destination=place, verify=False))
    for name in ("onnx-none", "onnx-int8"):
        edit_parity(place / name)
    return place


@pytest.fixture
def records(made, tmp_path):
    """A folder with one record of every kind about the bundle `onnx-int8`."""
    identity = read_bundle(made / "onnx-int8").identity
    found = {
        "bench": bench([("PyTorch", None), ("onnx-int8", identity)]),
        "evaluate": evaluation(identity),
        "device": device(identity),
        "tune": tune(),
        "check": check(),
        "verify": PARITY_FIGURES | {"bundle": identity, "explanation": EXPLANATION, "status": "emulated"},
        "other": {"kind": "Deployment", "spec": 1},
    }
    (tmp_path / "records").mkdir()
    for name, record in found.items():
        (tmp_path / "records" / f"{name}.json").write_text(json.dumps(record))
    return tmp_path / "records"
