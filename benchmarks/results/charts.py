"""Charts of the records, as SVG files drawn by the report's own code."""

from collections.abc import Mapping
from typing import Any

from benchmarks.results.peers_page import Records
from benchmarks.results.peers_tables import summary
from runtimes.reporting.charts import Line, Point, lines, scatter
from runtimes.reporting.document import MEGABYTE
from runtimes.reporting.render import drawing

PROCESSOR, MODEL = "AMD EPYC (avx2 avx512f avx512_vnni)", "demo"
"""Whose rows are drawn: the record that has LiteRT's too."""
_TOKENS = (16, 64, 128, 512)


def smallest(record: Mapping[str, Any]) -> str:
    """Accuracy by megabytes of the ONNX bundles, each with the interval of what it may have lost."""
    bundles = record["onnx"]["found"]["bundles"]
    reference = ("PyTorch", bundles[0]["pytorch_accuracy"])
    return drawing(scatter([_bundle(one) for one in bundles], reference, "MB", "accuracy"))


def _bundle(one: Mapping[str, Any]) -> Point:
    name = one["name"].replace("pieces seen", "≥").replace(" dims", "d").replace(", fine-tuned", " ft")
    style = "c2" if one["name"].endswith("fine-tuned") else "c1" if one["changed_rows"] else "c0"
    low, high = one["interval_points"]
    base = one["pytorch_accuracy"]
    return Point(name, style, one["size_bytes"] / MEGABYTE, one["accuracy"], base - high / 100, base - low / 100)


def embeddings(record: Mapping[str, Any]) -> str:
    """Mean cosine to PyTorch by megabytes; hollow where simulated."""
    points = []
    for name, one in record["rows"].items():
        measured = one["status"] == "measured"
        points.append(
            Point(
                name, "c0" if measured else "c1", one["size_bytes"] / MEGABYTE, one["mean_cosine"], hollow=not measured
            )
        )
    return drawing(scatter(points, None, "MB", "mean cosine"))


def peers(records: Records) -> str:
    """Time by tokens as a ratio to Optimum's float32, ours and the best peer."""
    found = summary(records[PROCESSOR][MODEL])
    drawn = [
        Line(name, f"c{number}", tuple((tokens, ratios[f"1x{tokens}"]) for tokens in _TOKENS))
        for number, (name, ratios) in enumerate(_named(found).items())
    ]
    return drawing(lines(drawn, "tokens", "÷ Optimum float32"))


def _named(found: Mapping[str, Mapping[str, float]]) -> dict[str, Mapping[str, float]]:
    """By what a reader calls them: a row that names no other format is ONNX's."""
    short = {name: name.removeprefix("bertport ").replace("`", "") for name in found}
    return {one if one == name or " " in one else f"ONNX {one}": found[name] for name, one in short.items()}
