"""Compare the demo's bundles on the processors that a phone or a server may have, with PyTorch and with this one.

    python -m benchmarks.accuracy.bundle_processors -o artifacts/bundle_processors.json

LiteRT in float32 and int8, and ONNX in int8, answer what `verify` asks, rows up to `--longest` tokens: natively and on
each emulated processor (qemu-user-static, `make arm64-runtime`; for `arm64-sme` a qemu of 10.0 or newer).
"""

import argparse
import json
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import DEMO, HubOptions, resolve
from exporter.options.request import Request
from exporter.pipeline import export
from exporter.verification.reference.default_texts import default_texts
from exporter.verification.reference.reference import Reference
from runtimes.backends.backend import ARCHITECTURES, NATIVE
from runtimes.backends.registry import open_on
from runtimes.bundle.reading import Bundle, read_bundle
from runtimes.errors import RuntimeUnavailable
from runtimes.measurement.measure import fingerprint
from runtimes.parity.cases import Case
from runtimes.runner import Array, Runner, Status

BUNDLES = (("litert", "none"), ("litert", "int8"), ("onnx", "int8"))
LONGEST = 64


def asked(longest: int) -> tuple[list[Case], list[Array]]:
    """Cases of the demo's battery whose rows are no longer, and PyTorch's logits; generated ones stand for no text."""
    battery = Reference(load(resolve(DEMO, HubOptions())), default_texts()).battery(None)
    pairs = zip(battery.cases, battery.outputs, strict=True)
    kept = [(case, outputs["logits"]) for case, outputs in pairs if is_asked(case, longest)]
    return [case for case, _ in kept], [logits for _, logits in kept]


def is_asked(case: Case, longest: int) -> bool:
    """A row of padding alone is no text either."""
    return not case.generated and case.batch.ids.shape[-1] <= longest and bool(case.batch.mask.any(-1).all())


def answers(runner: Runner, cases: list[Case]) -> list[Array]:
    """Logits [rows, labels] of each case."""
    return [runner.run(case.batch)["logits"] for case in cases]


def distance(found: list[Array], wanted: list[Array]) -> dict[str, float]:
    """The largest and the mean difference of any logit."""
    gaps = np.concatenate([np.abs(a - b).ravel() for a, b in zip(found, wanted, strict=True)])
    return {"max_absolute": float(gaps.max()), "mean_absolute": float(gaps.mean())}


def figures(bundle: Bundle, archs: list[str], cases: list[Case], expected: list[Array]) -> dict[str, Any]:
    """By processor: how far from PyTorch, and from this processor; or why it was not run."""
    here = answers(open_on(bundle, NATIVE), cases)
    found: dict[str, Any] = {NATIVE: {"status": Status.MEASURED.value, "to_pytorch": distance(here, expected)}}
    for arch in archs:
        try:
            runner = open_on(bundle, arch)
        except RuntimeUnavailable as error:
            found[arch] = {"status": Status.NOT_RUN.value, "note": str(error)}
            continue
        there = answers(runner, cases)
        note = {"status": runner.status.value, "note": getattr(runner, "description", "")}
        found[arch] = {**note, "to_pytorch": distance(there, expected), "to_native": distance(there, here)}
    return found


def main() -> None:
    """Export, run everywhere, write the record."""
    others = [arch for arch in ARCHITECTURES if arch != NATIVE]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=Path("artifacts/bundle_processors.json"))
    parser.add_argument("--longest", type=int, default=LONGEST, help=f"tokens in a row (default {LONGEST})")
    parser.add_argument("--arch", action="append", choices=others, help="may repeat; default all")
    given = parser.parse_args()
    cases, expected = asked(given.longest)
    record: dict[str, Any] = {
        "host": fingerprint(),
        "versions": {name: version(name) for name in ("ai-edge-litert", "onnxruntime")},
        "longest": given.longest,
        "rows": sum(len(case.batch.ids) for case in cases),
        "logit_range": float(np.ptp(np.concatenate(expected))),
        "bundles": {},
    }
    with TemporaryDirectory() as folder:
        for target, scheme in BUNDLES:
            place = Path(folder) / f"{target}-{scheme}"
            export(Request(DEMO, (target,), (scheme,), place, verify=False))
            record["bundles"][place.name] = figures(read_bundle(place), given.arch or others, cases, expected)
            given.output.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(record, indent=2))


if __name__ == "__main__":
    main()
