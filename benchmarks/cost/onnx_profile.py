"""Where the time of an ONNX bundle goes, by operator: ONNX Runtime's own profile of one thread.

    python -m benchmarks.cost.onnx_profile

Of the demo and the seeded geometries of the peers' bench, in float32 and int8. The profiler costs about a microsecond
an operator, so that short texts show it; shares are of what the operators take, and every raw value is kept.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnxruntime

from benchmarks import ARTIFACTS
from benchmarks.peers.geometries import GEOMETRIES, write_seeded
from exporter.checkpoint.source import DEMO, HubOptions, resolve
from exporter.cli.main import main as bertport
from runtimes.files.atomic_write import write_whole
from runtimes.files.json_text import to_json
from runtimes.measurement.measure import fingerprint

TOKENS, RUNS = (16, 128, 512), 30
SCHEMES = ("none", "int8")
PRODUCTS = frozenset(
    {"MatMul", "Gemm", "FusedMatMul", "FusedGemm", "MatMulIntegerToFloat", "DynamicQuantizeMatMul", "MatMulInteger"}
)
"""Operators that are matrix products, rounding of activations included where it is fused with them."""


def profile(path: Path, tokens: int, folder: Path) -> dict[str, list[int]]:
    """Operator → microseconds of all nodes of its kind in each run, after the first."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.enable_profiling, options.profile_file_prefix = True, str(folder / "profile")
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    ids = np.random.default_rng(0).integers(1000, 20000, (1, tokens))
    given = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
    feeds = {one.name: given[one.name] for one in session.get_inputs()}
    for _ in range(RUNS + 1):
        session.run(None, feeds)
    return _by_operator(json.loads(Path(session.end_profiling()).read_text(encoding="utf-8")))


def _by_operator(events: list[dict[str, Any]]) -> dict[str, list[int]]:
    runs = [(one["ts"], one["ts"] + one["dur"]) for one in events if one["name"] == "model_run"][1:]
    found: dict[str, list[int]] = defaultdict(lambda: [0] * len(runs))
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            number = next((n for n, (start, end) in enumerate(runs) if start <= event["ts"] <= end), None)
            if number is not None:
                found[event["args"]["op_name"]][number] += event["dur"]
    return dict(found)


def table(found: dict[str, list[int]]) -> str:
    """One line: the whole in milliseconds, the share of products, and of the largest others."""
    each = {name: median(values) for name, values in found.items()}
    whole = sum(each.values())
    products = sum(value for name, value in each.items() if name in PRODUCTS)
    others = sorted(((value, name) for name, value in each.items() if name not in PRODUCTS), reverse=True)[:5]
    told = ", ".join(f"{name} {value / whole:.1%}" for value, name in others)
    return f"{whole / 1e3:.2f} ms, matrix products {products / whole:.1%}, {told}"


def main() -> None:
    """Export, profile, print a line each, write the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=ARTIFACTS / "onnx_profile.json")
    given = parser.parse_args()
    demo, found = resolve(DEMO, HubOptions()).directory.absolute(), dict[str, Any]()
    with TemporaryDirectory() as place:
        folder = Path(place)
        models = {"demo": demo} | {name: write_seeded(name, demo, folder / name) for name in GEOMETRIES}
        for name, checkpoint in models.items():
            for scheme in SCHEMES:
                out = folder / f"{name}-{scheme}"
                bertport(["export", str(checkpoint), "--quantize", scheme, "--no-verify", "-o", str(out)])
                for tokens in TOKENS:
                    key = f"{name}, {scheme}, {tokens} tokens"
                    found[key] = profile(out / "model.onnx", tokens, folder)
                    print(f"{key}: {table(found[key])}", flush=True)
    record = {"kind": "onnx_profile", "host": fingerprint(), "onnxruntime": onnxruntime.__version__, "us": found}
    write_whole(given.output, to_json(record))


if __name__ == "__main__":
    main()
