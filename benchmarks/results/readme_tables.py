"""Fill README's tables, and docs/results/peers.md, from the records in artifacts/, so that no figure is copied by hand.

    python -m benchmarks.results.readme_tables [--check]

Each block between `<!-- name -->` and `<!-- /name -->` is written by the function of that name. With --check nothing
is written, and a README that the records would change is an error.
"""

import argparse
import json
import re
import sys
from collections.abc import Callable
from typing import Any

from benchmarks import ARTIFACTS, ROOT
from benchmarks.results import family_tables, peers_page
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


def embeddings() -> str:
    """A real embedding model through the schemes."""
    return family_tables.embeddings(record("embeddings.json"))


BLOCKS: dict[str, Callable[[], str]] = {
    "demo": demo,
    "budgets": budgets,
    "peers": peers,
    "coreml": coreml,
    "smallest": smallest,
    "embeddings": embeddings,
    "zoo": lambda: family_tables.zoo(record("zoo.json")),
    "families": lambda: family_tables.families(record("families.json")),
}


def filled(text: str) -> str:
    """The README with every block made anew."""
    for name, make in BLOCKS.items():
        block = f"<!-- {name} -->\n\n{make()}\n\n<!-- /{name} -->"
        text, count = re.subn(f"<!-- {name} -->.*?<!-- /{name} -->", lambda _, block=block: block, text, flags=re.S)
        if count != 1:
            raise SystemExit(f"README.md: expected one block {name}, found {count}")
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
