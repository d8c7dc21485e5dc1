"""The bench of peers refuses figures of a model that is not the one compared, and its tables say what was not run."""

import numpy as np
import pytest

from benchmarks.peers.faithfulness import compared, departure
from benchmarks.results.peers_tables import tables

EXPECTED = np.array([[2.0, 0.0, -2.0], [-2.0, 0.0, 2.0], [0.0, 2.0, -2.0]])


def test_rounded_weights_are_compared_and_a_mixed_up_input_is_refused():
    rounded, mixed_up = EXPECTED + 0.05, np.tile(EXPECTED[0], (3, 1))
    assert departure(compared(rounded, EXPECTED, None), EXPECTED) is None
    figures = compared(mixed_up, EXPECTED, None)
    assert figures["agreement"] == pytest.approx(1 / 3)
    assert "not this model" in departure(figures, EXPECTED)


def test_nan_is_refused():
    assert departure(compared(EXPECTED * np.nan, EXPECTED, None), EXPECTED)


def test_agreement_with_a_constant_predictor_is_no_figure():
    constant = np.tile(EXPECTED[0], (3, 1))
    assert "agreement" not in compared(EXPECTED, constant, None)
    assert "agreement" in compared(constant, EXPECTED, None)


def row(name, seconds, error=None):
    done = {"load_s": 0.01, "latency_s": {"1x128": [seconds], "1x512": [seconds]}}
    done["peak_rss_bytes"] = {"1x128": 50e6, "1x512": 60e6}
    faith = {"max_absolute": 0.1, "mean_absolute": 0.01}
    return {"name": name, "error": error, "size_bytes": 1e6, "rounds": [done], "faithfulness": faith}


def test_the_table_gives_ratios_the_share_of_matrix_work_and_the_reason_for_a_missing_row():
    rows = [row("PyTorch eager", 9e-3), row("Optimum float32", 2e-3), row("bertport none", 1e-3)]
    rows.append(row("LiteRT float32", 1e-9, "ModuleNotFoundError: No module named 'litert_torch'"))
    flop = {"1x128": 1_000_000, "1x512": 1_000_000}
    text = tables({"rows": rows, "matrix_flop": flop, "gemm_s": {"numpy 100x100x100": [1e-3]}})  # 2 GFLOP/s
    assert "| bertport none | **1.00** | **10** | **0.50** | **0.50** | **2.00** |" in text
    assert "LiteRT float32: not run (ModuleNotFoundError: No module named 'litert_torch')." in text
    assert "| LiteRT" not in text
