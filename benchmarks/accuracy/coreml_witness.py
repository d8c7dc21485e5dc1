"""Hold the interpreter of Core ML packages against Apple's own runtime, tensor by tensor.

    python -m benchmarks.accuracy.coreml_witness [FAMILY …] [--task TASK …] [--scheme SCHEME …]
        → artifacts/coreml_witness.json

Of a small random checkpoint of each family and task, each scheme is written as a Core ML package, which `runtimes.mil`
runs, and as a Core AI asset in the witness layout (each result rounded once), which Apple's runtime for Linux runs:
the same weights in the same form. Rows of seeded ids are traced on both sides. Of each tensor that `NumpyOps` defines
and both name, the record has the largest difference as a share of its largest value, those of all layers as one, and
how many numbers are the same to the bit; and by name what every target refuses. A run goes on from what the record
has; `--again` starts a new one.
"""

import argparse
import json
import re
import sys
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.models.seeded import KINDS, write_task
from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import Source
from exporter.compression.product_quantization import product_quantise
from exporter.options.request import Request
from exporter.pipeline import export
from exporter.targets.coreai.schemes import SCHEMES
from exporter.targets.coreai.weights import WeightStore
from exporter.targets.embedding_outputs import answering
from exporter.targets.target import Settings
from exporter.verification.witness import Gap, gaps, opened_asset, rows, summed, used_tokens
from runtimes.backends.registry import open_runner
from runtimes.bundle.reading import read_bundle
from runtimes.errors import UnsupportedError
from runtimes.measurement.measure import fingerprint
from runtimes.runner import Runner

LENGTH = 16
"""Tokens of a row."""
_LAYER = re.compile(r"\.\d+\.")


def interpreted(checkpoint: Path, scheme: str, folder: Path) -> Runner:
    """The Core ML package of a scheme, under `runtimes.mil`."""
    settings = Settings.of(sequence_lengths=(LENGTH,), deployment_target="iOS18")
    export(Request(str(checkpoint), ("coreml",), (scheme,), folder, settings=settings, verify=False))
    return open_runner(read_bundle(folder))


def compared(path: Path, family: str, task: str, scheme: str) -> dict[str, Any]:
    """The entry of one family, task and scheme: worst tensors first. Raises UnsupportedError for what is refused."""
    start_s, checkpoint = time.perf_counter(), answering(load(Source("folder", f"{family}-{task}", None, path), task))
    store = WeightStore(SCHEMES[scheme], product_quantise)
    with TemporaryDirectory() as folder:
        ours = interpreted(path, scheme, Path(folder))
        with opened_asset(checkpoint, store, LENGTH) as theirs:
            found = gaps(checkpoint, ours, theirs, rows(checkpoint, LENGTH))
    worst, equal_share = summed(of_all_layers(found))
    ordered = sorted(worst, key=lambda name: -worst[name])
    return {
        "tensors": len(worst),
        "largest": max(worst.values()),
        "worst": ordered[0],
        "outputs": {name: worst[name] for name in checkpoint.model.outputs},
        "equal_share": equal_share,
        "relative": {name: float(f"{worst[name]:.2e}") for name in ordered},
        "seconds": round(time.perf_counter() - start_s, 1),
    }


def of_all_layers(found: Mapping[str, list[Gap]]) -> dict[str, list[Gap]]:
    """The same with the tensors of all layers as one."""
    every: dict[str, list[Gap]] = {}
    for name, of_one in found.items():
        every.setdefault(_LAYER.sub(".*.", name), []).extend(of_one)
    return every


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
                if name not in record["compared"] and name not in record["refused"]:
                    print(f"{name}: {_entered(record, path, name)}", file=sys.stderr, flush=True)
                    given.output.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def _entered(record: dict[str, Any], path: Path, name: str) -> str:
    """Compare, and put the entry or the refusal in the record; what is to be printed of it."""
    try:
        record["compared"][name] = found = compared(path, *name.split())
    except UnsupportedError as error:
        record["refused"][name] = str(error)
        return str(error)
    return f"{found['largest']:.2e} at {found['worst']}"


def _begun(path: Path, again: bool) -> dict[str, Any]:
    libraries = {name: version(name) for name in ("coreai-core", "coremltools", "numpy")}
    record: dict[str, Any] = {
        "host": fingerprint(),
        "versions": libraries,
        "tokens": LENGTH,
        "used": used_tokens(LENGTH),
    }
    kept = {} if again or not path.is_file() else json.loads(path.read_text(encoding="utf-8"))
    return {**record, **{part: kept.get(part, {}) for part in ("refused", "compared")}}


if __name__ == "__main__":
    main()
