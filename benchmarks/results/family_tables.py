"""README's tables of the tiers, of the families and of a real embedding model, from their records."""

from statistics import median
from typing import Any

from benchmarks.results.peers_tables import markdown


def zoo(record: dict[str, Any]) -> str:
    """A row for each tier: the card's megabytes, and what its geometry really takes."""
    rows = []
    for name, tier in record["tiers"].items():
        found = {row["name"]: row for row in tier["rows"]}
        base = median(found["onnx-none"]["latency_s"]["128"])
        faster = median(found["onnx-int8"]["latency_s"]["128"]) / base
        schemes = ("onnx-none", "onnx-int8", "onnx-int4-embeddings", "coreml-int8", "coreml-palettize6", "coreml-int4")
        failing = [row["name"] for row in tier["rows"] if row["verdict"] != "pass"]
        rows.append(
            [
                f"{name}{' (stand-in)' if tier['stand_in'] else ''}",
                f"{tier['card_mb']:g}",
                *(f"{found[scheme]['size_bytes'] / 1e6:.1f}" for scheme in schemes),
                f"{faster:.2f}",
                *(f"{peak / tier['float32_bytes']:.2f}" for peak in _peaks(tier["export_peaks"])),
                ", ".join(failing) or "none",
            ]
        )
    columns = ["tier", "card, MB", "fp32", "`int8`", "`int4-embeddings`", "Core ML `int8`", "`palettize6`", "`int4`"]
    columns += ["int8 ÷ fp32, 128 tokens", "peak of an export ÷ fp32 bytes", "compared", "PyTorch's own"]
    mobile = record["tiers"].get("mobile")
    return f"{markdown([*columns, 'beyond budget'], rows)}\n{_claim(mobile) if mobile else ''}"


def _peaks(measured: dict[str, dict[str, int]]) -> tuple[int, int, int]:
    """The most that an export's process takes alone, and with the comparison, and what PyTorch's takes then."""
    alone = max(peak["export_bytes"] for name, peak in measured.items() if not name.endswith(", compared"))
    compared = [peak for name, peak in measured.items() if name.endswith(", compared")]
    return alone, *(max(peak[part] for peak in compared) for part in ("export_bytes", "pytorch_bytes"))


def _claim(tier: dict[str, Any]) -> str:
    """What "140 → 25 MB with no major loss" takes."""
    fitting = [row for row in tier["rows"] if row["size_bytes"] <= 25e6 and row["verdict"] == "pass"]
    smallest = min(tier["rows"], key=lambda row: row["size_bytes"])
    best = min(fitting, key=lambda row: row["mean_absolute"]) if fitting else None
    told = f"`{best['name']}` ({best['size_bytes'] / 1e6:.1f} MB)" if best else "no scheme within its budget"
    least = f"the smallest is `{smallest['name']}` with {smallest['size_bytes'] / 1e6:.1f} MB"
    return f'\nThe card\'s "140 → 25 MB": {told} fits into 25 MB; {least}.'


def embeddings(record: dict[str, Any]) -> str:
    """A row for each bundle."""
    base = median(record["rows"]["onnx-none"]["latency_s"])
    rows = []
    for name, row in record["rows"].items():
        ratio = f"{median(row['latency_s']) / base:.2f}" if "latency_s" in row else ""
        size, least, mean = f"{row['size_bytes'] / 1e6:.1f}", f"{row['least_cosine']:.5f}", f"{row['mean_cosine']:.5f}"
        rows.append([f"{name}, {row['status']}", size, least, mean, f"{row['sentences']:,}", ratio])
    columns = ["", "MB", "least cosine", "mean cosine", "sentences", "÷ fp32, 128 tokens"]
    return markdown(columns, rows)


def families(record: dict[str, Any]) -> str:
    """A row for each model: float32 on both targets beside float32's own rounding in PyTorch, and what int8 keeps."""
    rows = []
    for name, model in record["models"].items():
        found, exact = model["rows"], model["float64"]["pytorch"]["max"]
        peak = max(row["export_peak_rss_bytes"] for row in found.values()) / model["float32_bytes"]
        rows.append(
            [
                name,
                f"{model['layers']}",
                *(f"{found[bundle]['size_bytes'] / 1e6:.1f}" for bundle in ("onnx-none", "onnx-int8", "coreml-int8")),
                *(f"{found[bundle]['max_absolute']:.0e}" for bundle in ("onnx-none", "coreml-none")),
                f"{exact:.0e}",
                *(f"{found[bundle]['max_relative']:.1%}" for bundle in ("onnx-int8", "coreml-int8")),
                f"{peak:.1f}",
            ]
        )
    columns = ["seeded weights", "layers", "fp32, MB", "`int8`", "Core ML `int8`", "fp32, max diff", "Core ML fp32"]
    columns += ["PyTorch from float64", "`int8`, of range", "Core ML `int8`", "peak of an export ÷ fp32 bytes"]
    return markdown(columns, rows)
