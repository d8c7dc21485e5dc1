"""Hold the interpreter of Core ML packages against Apple's own runtime, tensor by tensor.

    python -m benchmarks.accuracy.coreml_witness [FAMILY …] [--task TASK …] [--scheme SCHEME …]
        → artifacts/coreml_witness.json

Of a small random checkpoint of each family and task, each scheme is written as a Core ML package, which `runtimes.mil`
runs, and as a Core AI asset in the witness layout (each result rounded once), which Apple's runtime for Linux runs:
the same weights in the same form. Rows of seeded ids are traced on both sides. Of each tensor that `NumpyOps` defines
and both name, the record has the largest difference as a share of its largest value, those of all layers as one, and
how many numbers are the same to the bit. A run goes on from what the record has; `--again` starts a new one.
"""

import argparse
import json
import re
import sys
import time
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.models.seeded import KINDS, write_task
from exporter.checkpoint.checkpoint import Checkpoint, load
from exporter.checkpoint.source import Source
from exporter.compression.product_quantization import product_quantise
from exporter.model.numpy_ops import trace
from exporter.options.request import Request
from exporter.pipeline import export
from exporter.targets.coreai.lower import WITNESS, lower
from exporter.targets.coreai.program.writing import write_asset
from exporter.targets.coreai.schemes import SCHEMES
from exporter.targets.coreai.weights import WeightStore
from exporter.targets.embedding_outputs import answering
from exporter.targets.registry import TARGETS
from exporter.targets.target import Settings
from runtimes.aimodel.asset import read_asset
from runtimes.aimodel.names import ASSET
from runtimes.backends.coreai.runner import open_functions
from runtimes.backends.fixed_length import Interface
from runtimes.backends.registry import open_runner
from runtimes.bundle.reading import read_bundle
from runtimes.measurement.measure import fingerprint
from runtimes.runner import Array, Batch, Runner

LENGTH, USED = 16, (16, 11, 3)
"""Tokens of a row, and of each row those that are no padding."""
Tensors = Mapping[str, Array]
_LAYER = re.compile(r"\.\d+\.")


def rows(checkpoint: Checkpoint) -> Iterator[Batch]:
    """Seeded ids of the whole vocabulary, and segments where the model has some."""
    numbers, geometry = np.random.default_rng(0), checkpoint.geometry
    for used in USED:
        ids = numbers.integers(0, geometry.vocabulary, (1, LENGTH))
        mask = (np.arange(LENGTH) < used).astype(np.int64)[None]
        types = (np.arange(LENGTH) >= used // 2).astype(np.int64)[None] % max(geometry.types, 1)
        yield Batch(np.where(mask > 0, ids, geometry.pad), mask, types * mask)


def interpreted(checkpoint: Path, scheme: str, folder: Path) -> Runner:
    """The Core ML package of a scheme, under `runtimes.mil`."""
    settings = Settings.of(sequence_lengths=(LENGTH,), deployment_target="iOS18")
    export(Request(str(checkpoint), ("coreml",), (scheme,), folder, settings=settings, verify=False))
    return open_runner(read_bundle(folder))


def apples(checkpoint: Checkpoint, scheme: str, folder: Path) -> Runner:
    """The same weights as a Core AI asset, under Apple's runtime."""
    program = lower(checkpoint.model, WeightStore(SCHEMES[scheme], product_quantise), (LENGTH,), WITNESS)
    write_asset(program, {}, folder / ASSET)
    functions = read_asset(folder / ASSET).functions
    interface = Interface(tuple(one.name for one in functions[0].inputs), frozenset(), checkpoint.geometry.pad)
    return open_functions(folder / ASSET, {LENGTH: functions[0]}, interface)


def differences(ours: Tensors, theirs: Tensors) -> dict[str, tuple[float, float]]:
    """Tensor of both → its largest difference as a share of its largest value, and the share of equal numbers."""
    found = {}
    for name in ours.keys() & theirs.keys():
        left, right = ours[name].astype(np.float64), theirs[name].astype(np.float64)
        gap = np.abs(left - right.reshape(left.shape))
        found[name] = float(gap.max() / max(np.abs(left).max(), 1e-30)), float((gap == 0).mean())
    return found


def defined(checkpoint: Checkpoint, batch: Batch, tensors: Tensors) -> Tensors:
    """Those of the tensors that every target has: helpers beside them lie as it suits each."""
    names = trace(checkpoint.model, batch.ids, batch.mask, batch.types)
    return {name: values for name, values in tensors.items() if name in names}


def compared(path: Path, family: str, task: str, scheme: str) -> dict[str, Any]:
    """The entry of one family, task and scheme: worst tensors first."""
    start_s, checkpoint = time.perf_counter(), answering(load(Source("folder", f"{family}-{task}", None, path), task))
    with TemporaryDirectory() as folder:
        ours, theirs = interpreted(path, scheme, Path(folder) / "coreml"), apples(checkpoint, scheme, Path(folder))
        every: dict[str, list[tuple[float, float]]] = {}
        for batch in rows(checkpoint):
            sides = (TARGETS[name].canonical(one.trace(batch)) for name, one in (("coreml", ours), ("coreai", theirs)))
            for name, figures in differences(*(defined(checkpoint, batch, side) for side in sides)).items():
                every.setdefault(_LAYER.sub(".*.", name), []).append(figures)
    worst = {name: max(gap for gap, _ in found) for name, found in every.items()}
    equal = {name: float(np.mean([share for _, share in found])) for name, found in every.items()}
    ordered = sorted(worst, key=lambda name: -worst[name])
    return {
        "tensors": len(worst),
        "largest": max(worst.values()),
        "worst": ordered[0],
        "outputs": {name: worst[name] for name in checkpoint.model.outputs},
        "equal_share": float(np.mean([*equal.values()])),
        "relative": {name: float(f"{worst[name]:.2e}") for name in ordered},
        "seconds": round(time.perf_counter() - start_s, 1),
    }


def main() -> None:
    """Compare what is asked for, and write the record after each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("families", nargs="*", metavar="FAMILY", help=", ".join(sorted({one for one, _ in KINDS})))
    parser.add_argument("--task", action="append", help="may repeat; default all")
    parser.add_argument("--scheme", action="append", choices=SCHEMES, help="may repeat; default all")
    parser.add_argument("--again", action="store_true", help="compare anew what the record has")
    parser.add_argument("-o", "--output", type=Path, default=Path("artifacts/coreml_witness.json"))
    given = parser.parse_args()
    record = _begun(given.output, given.again)
    for family, task in KINDS:
        if family not in (given.families or [family]) or task not in (given.task or [task]):
            continue
        with TemporaryDirectory() as place:
            path = write_task(Path(place) / "checkpoint", family, task)
            for scheme in given.scheme or SCHEMES:
                name = f"{family} {task} {scheme}"
                if name not in record["compared"]:
                    record["compared"][name] = found = compared(path, family, task, scheme)
                    print(f"{name}: {found['largest']:.2e} at {found['worst']}", file=sys.stderr, flush=True)
                    given.output.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def _begun(path: Path, again: bool) -> dict[str, Any]:
    libraries = {name: version(name) for name in ("coreai-core", "coremltools", "numpy")}
    record: dict[str, Any] = {"host": fingerprint(), "versions": libraries, "tokens": LENGTH, "used": USED}
    kept = {} if again or not path.is_file() else json.loads(path.read_text(encoding="utf-8"))["compared"]
    return {**record, "compared": kept}


if __name__ == "__main__":
    main()
