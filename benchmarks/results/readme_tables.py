"""Fill README's tables, and docs/results/peers.md, from the records in artifacts/, so that no figure is copied by hand.

    python -m benchmarks.results.readme_tables [--check]

Each block between `<!-- name -->` and `<!-- /name -->` is written by the function of that name. With --check nothing
is written, and a README that the records would change is an error.
"""

import argparse
import json
import sys
from collections.abc import Callable
from statistics import median
from typing import Any

from benchmarks import ARTIFACTS, ROOT
from benchmarks.results import family_tables, peers_page
from benchmarks.results.blocks import with_block
from benchmarks.results.peers_tables import markdown
from exporter.targets.registry import TARGETS


def record(name: str) -> dict[str, Any]:
    """A record by its file's name."""
    found: dict[str, Any] = json.loads((ARTIFACTS / name).read_text(encoding="utf-8"))
    return found


def demo() -> str:
    """What `make demo` printed."""
    return f"```\n{(ARTIFACTS / 'demo.txt').read_text(encoding='utf-8').rstrip()}\n```"


def budgets() -> str:
    """The budget of every scheme."""
    rows = []
    for name, target in TARGETS.items():
        for scheme in target.schemes.values():
            budget = scheme.budget
            absolute = "" if budget.max_absolute is None else f"{budget.max_absolute:g}"
            relative = "" if budget.max_relative is None else f"{budget.max_relative:.0%}"
            difference = absolute or f"{relative} of the logit range"
            rows.append([f"{name} `{scheme.name}`", difference, f"{budget.min_agreement:.2f}"])
    return markdown(["scheme", "largest difference", "least agreement"], rows)


def peers() -> str:
    """Of each processor and model, ours and the best peer; the whole tables are in docs/results/peers.md."""
    return peers_page.short(peers_page.records())


def coreml() -> str:
    """Simulated Core ML figures."""
    found = record("coreml_agreement.json")
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


def smallest() -> str:
    """How small a bundle can be: of each target, from the largest to the smallest."""
    found = record("smallest.json") if (ARTIFACTS / "smallest.json").exists() else {}
    parts = [_smallest_of(target, found[target]["found"]) for target in ("onnx", "coreml") if target in found]
    return "\n\n".join(parts) or "Not run yet: `python -m benchmarks.accuracy.smallest --data …`."


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
    columns = ["", "MB", "accuracy", "drop, points", "agreement", "rows cut otherwise", "parity"]
    told = f"PyTorch: {first['pytorch_accuracy']:.4f} on {first['rows']:,} rows; the bundles are {first['status']}."
    return f"{markdown(columns, rows)}\n\n{told}"


def half() -> str:
    """Half a megabyte and less, over seeds, with times beside int8."""
    found = record("smallest.json")
    if "half" not in found:
        return "Not run yet: `python -m benchmarks.accuracy.smallest --data … half half-cost`."
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


def embeddings() -> str:
    """A real embedding model through the schemes."""
    return family_tables.embeddings(record("embeddings.json"))


BLOCKS: dict[str, Callable[[], str]] = {
    "demo": demo,
    "budgets": budgets,
    "peers": peers,
    "coreml": coreml,
    "smallest": smallest,
    "half": half,
    "embeddings": embeddings,
    "zoo": lambda: family_tables.zoo(record("zoo.json")),
    "families": lambda: family_tables.families(record("families.json")),
}


def filled(text: str) -> str:
    """The README with every block made anew."""
    for name, make in BLOCKS.items():
        text = with_block(text, name, make(), "README.md")
    return text


def main() -> None:
    """Write, or check."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args()
    readme = ROOT / "README.md"
    old = readme.read_text(encoding="utf-8")
    new = filled(old)
    page = peers_page.page(peers_page.records())
    if given.check and (new, page) != (old, peers_page.PAGE.read_text(encoding="utf-8")):
        sys.exit("README.md or docs/results: tables are stale; run python -m benchmarks.results.readme_tables")
    readme.write_text(new, encoding="utf-8")
    peers_page.PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
