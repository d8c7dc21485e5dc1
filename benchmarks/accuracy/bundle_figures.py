"""What the record of the smallest bundles keeps of one: recipe, sizes, accuracy, parity, and every answer."""

from dataclasses import asdict
from typing import Any

from exporter.pipeline import Exported
from exporter.verification.labelled.answers import Evaluation
from runtimes.bundle.reading import Bundle
from runtimes.measurement.bench import compressed_bytes


def figures(name: str, done: Exported, bundle: Bundle, found: Evaluation) -> dict[str, Any]:
    """All that is known of one bundle. `answers` holds a digit for each row of the test.

    So does `lost`: 2 where PyTorch is right and the bundle is not, 0 the other way round, else 1.
    """
    parity, manifest, compared = done.parity, bundle.manifest, found.comparison
    return {
        "name": name,
        "recipe": asdict(manifest.recipe),
        "status": found.status,
        "size_bytes": bundle.size_bytes,
        "compressed_bytes": compressed_bytes(bundle.model_files),
        "rows": len(found.dataset.golds),
        "changed_rows": found.changed_rows,
        "accuracy": compared.candidate.figures["accuracy"],
        "pytorch_accuracy": compared.reference.figures["accuracy"],
        "drop_points": found.drop_points,
        "interval_points": [compared.interval.low * 100, compared.interval.high * 100],
        "agreement": compared.agreement,
        "parity": {
            "verdict": parity.verdict.value,
            "rows": parity.rows,
            "max_relative": parity.max_relative,
            "agreement": parity.agreement,
            "failures": parity.failures,
            "note": parity.note,
        },
        "finetuning": asdict(manifest.finetuning) if manifest.finetuning else None,
        "answers": "".join(map(str, found.candidate)),
        "lost": "".join(map(str, _lost(found))),
    }


def _lost(found: Evaluation) -> list[int]:
    golds = found.dataset.golds
    rows = zip(found.reference, found.candidate, golds, strict=True)
    return [1 + int(reference == gold) - int(candidate == gold) for reference, candidate, gold in rows]
