"""Tables of the records that have no module of their own."""

from statistics import median
from typing import Any

from benchmarks.results.peers_tables import markdown


def coreml(found: dict[str, Any]) -> str:
    """Simulated Core ML figures."""
    columns = ["", "scheme", "MB", "max diff", "of logit range", "agreement", "accuracy"]
    rows = [
        [
            row["target"],
            f"`{row['scheme']}`",
            f"{row['size_bytes'] / 1e6:.2f}",
            f"{row['max_absolute']:.1e}",
            f"{row['max_absolute'] / found['logit_range']:.2%}",
            f"{row['agreement']:.3f}",
            f"{row['accuracy']:.3f}",
        ]
        for row in found["rows"]
    ]
    accuracy = f"PyTorch's accuracy on these {found['test_rows']:,} rows: {found['pytorch_accuracy']:.3f}."
    return f"{markdown(columns, rows)}\n\n{accuracy}"


def smallest(found: dict[str, Any]) -> str:
    """How small a bundle can be: of each target, from the largest to the smallest."""
    return "\n\n".join(_smallest_of(target, found[target]["found"]) for target in ("onnx", "coreml"))


def _smallest_of(target: str, found: dict[str, Any]) -> str:
    bundles = sorted(found["bundles"], key=lambda one: -one["size_bytes"])
    rows = [
        [
            f"{target} {one['name'].replace('pieces', 'tokens')}",  # as the record of before called them
            f"{one['size_bytes'] / 1e6:.2f}",
            f"{one['accuracy']:.4f}",
            f"{one['drop_points']:+.2f}",
            f"{one['agreement']:.4f}",
            f"{one['changed_rows'] / one['rows']:.0%}",
            one["parity"]["verdict"],
        ]
        for one in bundles
    ]
    first = bundles[0]
    columns = ["", "MB", "accuracy", "drop, points", "agreement", "rows tokenized differently", "parity"]
    told = f"PyTorch: {first['pytorch_accuracy']:.4f} on {first['rows']:,} rows; the bundles are {first['status']}."
    return f"{markdown(columns, rows)}\n\n{told}"


def half(found: dict[str, Any]) -> str:
    """Half a megabyte and less, over seeds, with times beside int8."""
    bundles = found["half"]["found"]["bundles"]
    rows = [
        [
            f"{one['target']}, {one['tokens']:,} tokens",
            f"{one['size_bytes'] / 1e6:.3f}",
            f"{one['drop_points']:+.2f}",
            f"{one['interval_points'][0]:+.2f} to {one['interval_points'][1]:+.2f}",
            " / ".join(f"{drop:+.2f}" for drop in one["drops"]),
            f"{one['agreement']:.4f}",
            " / ".join(own["parity"]["verdict"] for own in bundles if _is_one_of(own, one)),
        ]
        for one in found["half"]["found"]["over seeds"]
    ]
    columns = ["`pq4`, 8 dims, fine-tuned", "MB", "drop, points", "95 %", "each seed", "agreement", "parity"]
    seconds = [one["trained_s"] for one in bundles]
    times = f"Training and exporting both took {min(seconds) / 60:.0f} to {max(seconds) / 60:.0f} minutes on one core."
    return f"{markdown(columns, rows)}\n\n{times}\n\n{_half_cost(found['half-cost']['found'])}"


def _is_one_of(bundle: dict[str, Any], mean: dict[str, Any]) -> bool:
    return bool(bundle["name"].startswith(mean["target"]) and bundle["tokens"] == mean["tokens"])


def _half_cost(cases: list[dict[str, Any]]) -> str:
    """Medians of all rounds over int8's, of one interleaved run."""
    values: dict[str, dict[int, list[float]]] = {}
    for one in cases:
        for shape in one["latencies"]:
            values.setdefault(one["case"], {}).setdefault(shape["tokens"], []).extend(shape["values_s"])
    rows = [
        [name, *(f"{median(own) / median(values['int8'][tokens]):.2f}" for tokens, own in shapes.items())]
        for name, shapes in values.items()
    ]
    return markdown(["time ÷ `int8`'s, ONNX", *(f"{tokens} tokens" for tokens in values["int8"])], rows)
