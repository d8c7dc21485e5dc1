"""docs/results/peers.md: every processor, model and number of threads; and the short table of README."""

import json
from statistics import median
from typing import Any

from benchmarks import ARTIFACTS, ROOT
from benchmarks.results.peers_tables import markdown, summary, tables, title

PAGE = ROOT / "docs" / "results" / "peers.md"
SHORT = ("1x16", "1x64", "1x128", "1x512", "32x128")
Records = dict[str, dict[str, Any]]
"""Processor → its record, by model and threads."""

_HEAD = """# Beside its peers

One run for each processor, each model in a process of its own, in rounds over all of them (`make bench DATA=…`; raw
values in `artifacts/peers/`). Latency by tokens, or rows × tokens, of real text is divided by that of Optimum's float32
export. `32 texts` have their own lengths, 128 tokens at most, and are run as one batch padded to the longest, or one
after the other. `÷ work` is the time over what the matrix products alone would take at the float32 peak of one thread
measured in the same run; `peak MB` is of the whole process, Python and its runtime included, once it has run up to so
many tokens. All ONNX files run in one ONNX Runtime with the same options. One thread where nothing else is said.

Processors are named with their int8 abilities, which decide who is faster. A record is of the code of its day: medium
on AMD EPYC (avx2) is older than the treatment of outlier channels in wide models, and where our LiteRT files have no
rows, the record is older than they are. Not run: ARM, four threads, and an Intel with VNNI, of which
[a summary without its record](../../artifacts/peers/2026-11-intel-avx512-vnni.md) is kept; LiteRT's ratios on such an
Intel are in [its page](../explanation/litert.md).
"""


def records() -> Records:
    """All that were measured, in the order of their names."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted((ARTIFACTS / "peers").glob("*.json"))]
    return {one["host"]["processor"]: {key: value for key, value in one.items() if key != "host"} for one in found}


def page(found: Records) -> str:
    """The whole page."""
    parts = [_HEAD]
    for processor, models in found.items():
        parts.append(f"## {processor}\n")
        for name, one in models.items():
            parts.append(f"### {name}\n\n{tables(one)}\n{_exports(one)}")
    return "\n".join(parts)


def short(found: Records) -> str:
    """Ours and the best peer of each processor and model."""
    rows = []
    for processor, models in found.items():
        for model, one in models.items():
            for name, ratios in summary(one).items():
                figures = [f"{ratios[case]:.2f}" for case in SHORT]
                rows.append([f"{processor}; {model}", name, *figures])
    return markdown(["", "", *(title(case) for case in SHORT)], rows)


def _exports(found: dict[str, Any]) -> str:
    if "export_s" not in found:
        return ""
    times = ", ".join(f"`{name}` {median(values):.1f} s" for name, values in found["export_s"].items())
    return f"Wall time of an export, process and imports included: {times}.\n"
