"""On a Mac: parity, load and predict times, and placement of the demo on every compute unit. Elsewhere: not run.

python -m benchmarks.cost.apple_runtime -o artifacts/apple_runtime.json
"""

import argparse
import json
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from exporter.checkpoint.source import DEMO
from exporter.options.request import Request
from exporter.pipeline import export
from exporter.targets.target import Settings
from runtimes.backends.coreml.apple import COMPUTE_UNITS, load, placement, require_macos
from runtimes.errors import RuntimeUnavailable
from runtimes.measurement.measure import fingerprint

SCHEMES = ("fp16", "int8", "palettize6")
RUNS = 200


def main() -> None:
    """Export for each compute unit (which verifies on Apple's runtime), then time and place."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=Path("artifacts/apple_runtime.json"))
    given = parser.parse_args()
    try:
        require_macos()
    except RuntimeUnavailable as error:
        print(f"not run: {error}")
        raise SystemExit(error.exit_code) from error
    with TemporaryDirectory() as folder:
        rows = [row for units in COMPUTE_UNITS for row in measured(units, Path(folder))]
    given.output.write_text(json.dumps({"host": fingerprint(), "rows": rows}) + "\n", encoding="utf-8")
    if any(row["parity"] != "pass" for row in rows):
        raise SystemExit(1)


def measured(units: str, folder: Path) -> list[dict[str, Any]]:
    """Every scheme on one compute unit; raw predict times in seconds."""
    request = Request(
        DEMO,
        ("coreml",),
        SCHEMES,
        folder / units,
        settings=Settings(options={"compute_units": units}),
        keep_failing=True,
    )
    rows = []
    for item in export(request):
        package = folder / units / item.recipe.name / "Model.mlpackage"
        model = load(package, None, units)
        feeds = {name: np.ones((1, 128), np.int32) for name in ("input_ids", "attention_mask", "token_type_ids")}
        predict_s = []
        for _ in range(RUNS):
            start = time.perf_counter()
            model.run(feeds)
            predict_s.append(time.perf_counter() - start)
        rows.append(
            {
                "units": units,
                "scheme": item.recipe.scheme,
                "parity": item.parity.verdict.value,
                "status": item.parity.status,
                "max_absolute": item.parity.max_absolute,
                "load_s": model.load_s,
                "predict_s": predict_s,
                "placement": placement(package, units),
            }
        )
        print(f"{units} {item.recipe.scheme}: {median(predict_s) * 1e3:.2f} ms, {rows[-1]['placement']}")
    return rows


if __name__ == "__main__":
    main()
