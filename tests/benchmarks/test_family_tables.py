"""The tables of the tiers and of the embedding model say what the records hold."""

import pytest

from benchmarks.results.family_tables import embeddings, families, zoo

SIZES = {
    "onnx-none": 140e6,
    "onnx-int8": 35e6,
    "onnx-int4-embeddings": 26e6,
    "coreml-int8": 35e6,
    "coreml-palettize6": 24e6,
    "coreml-int4": 18e6,
}


@pytest.fixture
def tier():
    rows = [
        {"name": name, "size_bytes": int(size), "verdict": "pass", "mean_absolute": 1 / size}
        for name, size in SIZES.items()
    ]
    rows[0]["latency_s"], rows[1]["latency_s"] = {"128": [0.2, 0.2, 0.9]}, {"128": [0.1, 0.1, 0.8]}
    peaks = {
        "onnx-none": {"export_bytes": 280e6, "pytorch_bytes": 0},
        "coreml-none": {"export_bytes": 300e6, "pytorch_bytes": 0},
        "onnx-none, compared": {"export_bytes": 330e6, "pytorch_bytes": 450e6},
        "coreml-none, compared": {"export_bytes": 310e6, "pytorch_bytes": 465e6},
    }
    return {"card_mb": 140, "stand_in": True, "float32_bytes": 150e6, "export_peaks": peaks, "rows": rows}


def test_a_tier_has_its_claim_beside_what_it_takes(tier):
    table = zoo({"tiers": {"mobile": tier}})
    sizes, ratios = "140.0 | 35.0 | 26.0 | 35.0 | 24.0 | 18.0", "0.50 | 2.00 | 2.20 | 3.10"
    assert f"| mobile (stand-in) | 140 | {sizes} | {ratios} | none |" in table
    assert "`coreml-palettize6` (24.0 MB) fits into 25 MB; the smallest is `coreml-int4` with 18.0 MB" in table


def test_what_is_beyond_its_budget_is_named(tier):
    tier["rows"][5]["verdict"] = "fail"
    assert "| coreml-int4 |" in zoo({"tiers": {"mini": tier}})


def test_a_claim_is_held_by_what_keeps_its_budget(tier):
    tier["rows"][4]["verdict"] = "fail"
    assert "`coreml-int4` (18.0 MB) fits into 25 MB" in zoo({"tiers": {"mobile": tier}})


def test_simulated_embeddings_have_no_times():
    row = {"size_bytes": 9_000_000, "status": "measured", "least_cosine": 1.0, "mean_cosine": 1.0, "sentences": 1000}
    rows = {"onnx-none": row | {"latency_s": [0.2]}, "coreml-int8": row | {"status": "simulated"}}
    table = embeddings({"rows": rows})
    assert "| onnx-none, measured | 9.0 | 1.00000 | 1.00000 | 1,000 | 1.00 |" in table
    assert "| coreml-int8, simulated | 9.0 | 1.00000 | 1.00000 | 1,000 |  |" in table


def test_a_family_has_pytorchs_own_rounding_beside_its_parity():
    row = {"size_bytes": 54_200_000, "max_absolute": 2.7e-6, "max_relative": 0.0306, "export_peak_rss_bytes": 108e6}
    rows = dict.fromkeys(("onnx-none", "onnx-int8", "coreml-none", "coreml-int8"), row)
    model = {"layers": 12, "float32_bytes": 54e6, "float64": {"pytorch": {"max": 9.8e-7}}, "rows": rows}
    expected = "| electra-small | 12 | 54.2 | 54.2 | 54.2 | 3e-06 | 3e-06 | 1e-06 | 3.1% | 3.1% | 2.0 |"
    assert expected in families({"models": {"electra-small": model}})
