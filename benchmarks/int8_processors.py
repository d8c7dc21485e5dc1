"""Compare the logits of dynamic int8 on the processors that a phone or a server may have.

    python benchmarks/int8_processors.py [--arm64 "qemu-aarch64-static … python3"] -o artifacts/int8_processors.json

Two files are run: the `int8` scheme as shipped, and the same with full-range int8 weights, as other exporters write
them. Each runs natively, on an emulated Haswell (AVX2 without VNNI), and, where --arm64 names a Python with
onnxruntime for aarch64 under qemu, on ONNX Runtime's ARM kernels. Status of the emulated rows: `emulated`.
"""

import argparse
import json
import shlex
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

import numpy as np

from exporter import quantize
from exporter.checkpoint import load
from exporter.source import DEMO, HubOptions, resolve
from exporter.targets import onnx
from runtimes.measure import fingerprint

HASWELL = "qemu-x86_64-static -cpu Haswell"
SCRIPT = str(Path(__file__).parent / "logits_of.py")


def write_models(folder: Path) -> list[str]:
    """The shipped int8 model, and one whose linear weights use the full range."""
    model = load(resolve(DEMO, HubOptions())).model
    shipped, full = folder / "shipped.onnx", folder / "full_range.onnx"
    shipped.write_bytes(onnx.lower(model, "int8"))
    with mock.patch.object(quantize, "int8_without_saturation", quantize.int8):
        full.write_bytes(onnx.lower(model, "int8"))
    return [str(shipped), str(full)]


def run(command: list[str], models: list[str]) -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
    """Logits [models, rows, labels] as the Python started by `command` computes them."""
    done = subprocess.run([*command, SCRIPT, *models], check=True, capture_output=True, text=True)
    return np.array(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Run everywhere, compare with the native run, write the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--arm64", default="")
    parser.add_argument("-o", "--output", type=Path, default=Path("artifacts/int8_processors.json"))
    given = parser.parse_args()
    processors = {"emulated Haswell (AVX2, no VNNI)": [*shlex.split(HASWELL), sys.executable]}
    if given.arm64:
        processors["emulated Cortex-A76 (ARM kernels)"] = shlex.split(given.arm64)
    with TemporaryDirectory() as folder:
        models = write_models(Path(folder))
        native = run([sys.executable], models)
        differences = {name: np.abs(run(command, models) - native).max((1, 2)) for name, command in processors.items()}
    record = {
        "host": fingerprint(),
        "status": "emulated",
        "logit_range": float(np.ptp(native)),
        "max_absolute_to_native": {
            name: {"shipped int8": float(shipped), "full-range int8": float(full)}
            for name, (shipped, full) in differences.items()
        },
    }
    given.output.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(record, indent=2))


if __name__ == "__main__":
    main()
