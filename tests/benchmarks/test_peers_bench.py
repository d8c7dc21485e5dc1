"""The bench of peers refuses figures of a model that is not the one compared, and its tables say what was not run."""

import numpy as np
import pytest

from benchmarks.peers.cases import as_one_text
from benchmarks.peers.child import feeds_of
from benchmarks.peers.faithfulness import compared, departure
from benchmarks.peers.run import key_of, name_of
from benchmarks.results.peers_tables import summary, tables, title

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
    done = {"load_s": 0.01, "latency_s": {"1x128": [seconds], "1x512": [seconds], "32 texts": [seconds]}}
    done["peak_rss_bytes"] = {"1x128": 50e6, "1x512": 60e6}
    faith = {"max_absolute": 0.1, "mean_absolute": 0.01}
    return {"name": name, "error": error, "size_bytes": 1e6, "rounds": [done], "faithfulness": faith}


def test_the_table_gives_ratios_the_share_of_matrix_work_and_the_reason_for_a_missing_row():
    rows = [row("PyTorch eager", 9e-3), row("Optimum float32", 2e-3), row("bertport none", 1e-3)]
    rows.append(row("LiteRT float32", 1e-9, "ModuleNotFoundError: No module named 'litert_torch'"))
    flop = {"1x128": 1_000_000, "1x512": 1_000_000}
    found = {"rows": rows, "test_rows": 5, "matrix_flop": flop, "gemm_s": {"numpy 100x100x100": [1e-3]}}  # 2 GFLOP/s
    text = tables(found)
    assert "|  | MB | load ms | 128 | 512 | 32 texts | ÷ work, 128 |" in text
    assert "| bertport none | **1.00** | **10** | **0.50** | **0.50** | **0.50** | **2.00** |" in text
    assert "LiteRT float32: not run (ModuleNotFoundError: No module named 'litert_torch')." in text
    assert "| LiteRT" not in text


def test_the_summary_takes_the_best_peer_of_each_size():
    rows = [row("Optimum float32", 4e-3), row("LiteRT float32", 3e-3), row("OpenVINO float32", 5e-3)]
    rows += [row("bertport none", 2e-3), row("bertport int8", 1e-3), row("LiteRT dynamic int8", 1e-9, "not run")]
    found = summary({"rows": rows})
    assert {name: ratios["1x128"] for name, ratios in found.items()} == {
        "bertport `none`": 0.5,
        "bertport `int8`": 0.25,
        "best peer": 0.75,
    }


def test_headings_are_tokens_rows_and_tokens_or_names():
    assert [title(case) for case in ("1x16", "32x128", "32 texts, each alone")] == [
        "16",
        "32 × 128",
        "32 texts, each alone",
    ]


def test_a_batch_of_texts_is_padded_and_masked_and_reaches_the_child_whole():
    feeds = feeds_of(as_one_text([[101, 7, 102], [101, 102]]))
    assert feeds["input_ids"].tolist() == [[101, 7, 102], [101, 102, 0]]
    assert feeds["attention_mask"].tolist() == [[1, 1, 1], [1, 1, 0]]
    assert not feeds["token_type_ids"].any()


def test_a_record_is_named_by_the_processor_and_its_int8_abilities():
    assert name_of({"processor": "AMD EPYC (avx2 avx512_vnni)"}) == "amd-epyc-avx2-avx512_vnni"
    assert name_of({"processor": "AMD EPYC (avx2)"}) == "amd-epyc-avx2"
    assert [key_of("demo", 1), key_of("demo", 2)] == ["demo", "demo, 2 threads"]
