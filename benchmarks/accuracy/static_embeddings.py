"""A table of the size of potion-base-8M's through every scheme of every target: sizes, and how near to PyTorch.

    python -m benchmarks.accuracy.static_embeddings                                → artifacts/static_embeddings.json

29,528 rows of 256, **seeded**: nothing was taught, so that rows are as far apart as random ones are, and codebooks
find nothing that rows share. The cosines are those of the export's own comparison, over
its battery of texts.
"""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.models.static_files import write_model2vec
from exporter.options.request import Request
from exporter.pipeline import export
from exporter.targets.registry import TARGETS
from exporter.targets.target import Settings

ARTIFACT = Path("artifacts/static_embeddings.json")
ROWS, WIDTH, LENGTH = 29_528, 256, 128
SETTINGS = {
    "onnx": {},
    "litert": {},
    "coreml": {"sequence_lengths": (LENGTH,), "deployment_target": "iOS18"},
    "coreai": {"sequence_lengths": (LENGTH,)},
}


def figures(checkpoint: Path, target: str, place: Path) -> dict[str, Any]:
    """Scheme → what became of it."""
    schemes = tuple(TARGETS[target].schemes)
    settings = Settings(options=SETTINGS[target])
    made = export(Request(str(checkpoint), (target,), schemes, place, settings=settings, keep_failing=True))
    return {scheme: _figures(one) for scheme, one in zip(schemes, made, strict=True)}


def _figures(one: Any) -> dict[str, Any]:
    parity = one.parity
    return {
        "mb": round(sum(path.stat().st_size for path in _models(one.directory)) / 1e6, 2),
        "verdict": parity.verdict.value,
        "status": str(parity.status),
        "max_absolute": parity.max_absolute,
        **{name.replace(" ", "_"): round(value, 6) for name, value in parity.seen.items()},
    }


def _models(folder: Path) -> list[Path]:
    """The files of the model, without its tokenizer and what describes it."""
    return [path for path in folder.rglob("*") if path.is_file() and path.suffix not in (".json", ".md", ".txt")]


def main() -> None:
    """See the module."""
    with TemporaryDirectory() as name:
        checkpoint = write_model2vec(Path(name) / "checkpoint", rows=ROWS, width=WIDTH)
        found: dict[str, Any] = {}
        for target in TARGETS:
            found[target] = figures(checkpoint, target, Path(name) / target)
            record = {"what": "seeded", "rows": ROWS, "width": WIDTH, "tokens_fixed": LENGTH, "figures": found}
            ARTIFACT.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
