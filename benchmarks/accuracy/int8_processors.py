"""Compare the logits of dynamic int8 on the processors that a phone or a server may have.

    python -m benchmarks.accuracy.int8_processors -o artifacts/int8_processors.json

Two files are run: the `int8` scheme as shipped, and the same with full-range int8 weights, as other exporters write
them. Each runs natively, on an emulated Haswell (AVX2 without VNNI), and on ONNX Runtime's ARM kernels (emulated;
`make arm64-runtime`). Each is held against PyTorch in float32, and the processors against each other.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

import numpy as np
import onnxruntime

from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import DEMO, DEMO_DIRECTORY, HubOptions, resolve
from exporter.compression import integer_rounding
from exporter.targets.onnx import ops as onnx
from runtimes.backends.backend import ARM64, AVX2
from runtimes.backends.emulation.processors import find_emulator
from runtimes.backends.emulation.runner import EmulatedRunner
from runtimes.backends.onnx.backend import EMULATED
from runtimes.backends.onnx.runner import OnnxRunner
from runtimes.backends.pytorch.runner import TorchRunner
from runtimes.errors import RuntimeUnavailable
from runtimes.measurement.measure import fingerprint
from runtimes.runner import Array, Runner, Status, full_batch

LENGTHS = (5, 16, 40)
FILES = ("shipped int8", "full-range int8")
PROCESSORS: dict[str, Callable[[Path], Runner]] = {
    "native": OnnxRunner,
    "emulated Haswell (AVX2, no VNNI)": lambda path: EmulatedRunner(path, EMULATED, find_emulator(EMULATED, AVX2)),
    "emulated Cortex-A76 (ARM kernels)": lambda path: EmulatedRunner(path, EMULATED, find_emulator(EMULATED, ARM64)),
}


def write_models(folder: Path) -> dict[str, Path]:
    """The shipped int8 model, and one whose linear weights use the full range."""
    model = load(resolve(DEMO, HubOptions())).model
    paths = {name: folder / f"{number}.onnx" for number, name in enumerate(FILES)}
    paths[FILES[0]].write_bytes(onnx.lower(model, "int8"))
    with mock.patch.object(integer_rounding, "int8_without_saturation", integer_rounding.int8):
        paths[FILES[1]].write_bytes(onnx.lower(model, "int8"))
    return paths


def logits(runner: Runner) -> Array:
    """Logits [rows, labels] of seeded batches of one row."""
    random = np.random.default_rng(0)
    batches = [full_batch(random.integers(1000, 30000, (1, length))) for length in LENGTHS]
    return np.concatenate([runner.run(batch)["logits"] for batch in batches])


def run_everywhere(models: dict[str, Path]) -> dict[str, dict[str, Array] | str]:
    """Logits by processor and file; or why a processor was not run."""
    found: dict[str, dict[str, Array] | str] = {}
    for name, opened in PROCESSORS.items():
        try:
            found[name] = {file: logits(opened(path)) for file, path in models.items()}
        except RuntimeUnavailable as error:
            found[name] = str(error)
    return found


def processor_record(name: str, found: dict[str, Array] | str, reference: Array) -> dict[str, Any]:
    """Distances from PyTorch, under the word for how they came to be."""
    if isinstance(found, str):
        return {"status": Status.NOT_RUN.value, "note": found}
    status = Status.MEASURED if name == "native" else Status.EMULATED
    distances = {file: float(np.abs(values - reference).max()) for file, values in found.items()}
    return {"status": status.value, "max_absolute_to_pytorch": distances}


def between(found: dict[str, dict[str, Array] | str], file: str) -> float:
    """The largest difference between any two processors."""
    ran = np.array([values[file] for values in found.values() if not isinstance(values, str)])
    return float(np.ptp(ran, axis=0).max())


def main() -> None:
    """Run everywhere, compare, write the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=Path("artifacts/int8_processors.json"))
    given = parser.parse_args()
    reference = logits(TorchRunner(DEMO_DIRECTORY, "BertForSequenceClassification"))
    with TemporaryDirectory() as folder:
        found = run_everywhere(write_models(Path(folder)))
    record = {
        "host": fingerprint(),
        "onnxruntime": onnxruntime.__version__,
        "logit_range": float(np.ptp(reference)),
        "processors": {name: processor_record(name, values, reference) for name, values in found.items()},
        "max_absolute_between_processors": {file: between(found, file) for file in FILES},
    }
    given.output.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(record, indent=2))


if __name__ == "__main__":
    main()
