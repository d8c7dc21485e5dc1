"""A figure that moved is told, whichever way; a broken record is refused, and replaced only on purpose."""

import json
from dataclasses import replace

import pytest

from exporter.gate.baseline import compare_with_baseline, move_baseline, read_baseline
from exporter.gate.config import Tolerance
from runtimes.errors import RecordError, UsageError
from runtimes.parity.compare import Verdict
from runtimes.records.baseline import BaselineRecord, Difference, Figures

MEASURED = "measured"
FIGURES = Figures(1000, {"native": Difference(MEASURED, 0.01, 1.0), "arm64": Difference("emulated", 0.01, None)}, 0.2)
EXACT = Tolerance(size=0.0, parity=0.0, agreement=0.0, drop_points=0.0)


def failures(before, now, tolerance=EXACT):
    found = compare_with_baseline(BaselineRecord(versions={}, bundles={"a": before}), {"a": now}, tolerance)
    return [f"{one.name}: {one.message}" for one in found if one.verdict is Verdict.FAIL]


def test_the_same_figures_pass_and_something_was_compared():
    found = compare_with_baseline(BaselineRecord(versions={}, bundles={"a": FIGURES}), {"a": FIGURES}, EXACT)
    assert [one.name for one in found if one.verdict is Verdict.PASS] == [
        "baseline size",
        "baseline parity native",
        "baseline agreement native",
        "baseline parity arm64",
        "baseline agreement arm64",
        "baseline accuracy drop",
    ]


MOVED = {
    "a byte more": (replace(FIGURES, size_bytes=1001), "size: was 1,000 bytes, is 1,001 bytes"),
    "a byte less": (replace(FIGURES, size_bytes=999), "size: was 1,000"),
    "a larger difference": (
        replace(FIGURES, parity={**FIGURES.parity, "native": Difference(MEASURED, 0.02, 1.0)}),
        "parity native: was 1.000% of the logit range, is 2.000%",
    ),
    "less agreement": (
        replace(FIGURES, parity={**FIGURES.parity, "native": Difference(MEASURED, 0.01, 0.9)}),
        "agreement native",
    ),
    "a larger drop": (replace(FIGURES, drop_points=0.3), "accuracy drop: was 0.20 points, is 0.30"),
    "no accuracy any more": (replace(FIGURES, drop_points=None), "accuracy drop: gone"),
    "a new processor": (
        replace(FIGURES, parity={**FIGURES.parity, "x86-64-avx2": Difference(MEASURED, 0.0, 1.0)}),
        "parity x86-64-avx2: not in the baseline",
    ),
}


@pytest.mark.parametrize(("now", "words"), MOVED.values(), ids=MOVED)
def test_a_moved_figure_fails_and_says_how_to_mean_it(now, words):
    (message,) = failures(FIGURES, now)
    assert words in message
    assert "--update-baseline" in message


def test_a_move_within_the_tolerance_passes_and_just_beyond_it_fails():
    tolerance = replace(EXACT, size=0.01)
    assert failures(FIGURES, replace(FIGURES, size_bytes=1010), tolerance) == []
    assert failures(FIGURES, replace(FIGURES, size_bytes=1011), tolerance)


def test_what_could_not_be_run_here_is_not_compared():
    assert failures(FIGURES, replace(FIGURES, parity={**FIGURES.parity, "arm64": None})) == []


def test_a_measured_figure_is_not_held_against_a_simulated_one():
    simulated, far = Difference("simulated", 0.01, 1.0), Difference(MEASURED, 0.5, 0.1)
    assert failures(replace(FIGURES, parity={"native": simulated}), replace(FIGURES, parity={"native": far})) == []
    assert failures(FIGURES, replace(FIGURES, parity={"native": far}))  # the control: of one kind they are


def test_what_the_baseline_could_not_run_is_new_once_it_runs():
    (message,) = failures(replace(FIGURES, parity={**FIGURES.parity, "arm64": None}), FIGURES)
    assert "parity arm64: not in the baseline" in message


def test_bundles_of_one_side_only_fail():
    found = compare_with_baseline(BaselineRecord(versions={}, bundles={"gone": FIGURES}), {"new": FIGURES}, EXACT)
    assert [(one.suite, one.verdict) for one in found] == [("new", Verdict.FAIL), ("gone", Verdict.FAIL)]


def test_what_is_written_is_read_and_what_was_not_run_keeps_its_figure(tmp_path):
    path = tmp_path / "baseline.json"
    move_baseline(path, {"a": FIGURES, "old": FIGURES}, {"bertport": "1"})
    assert read_baseline(path).bundles["a"] == FIGURES
    native = Difference(MEASURED, 0.02, 0.9)
    move_baseline(path, {"a": Figures(900, {"native": native, "arm64": None}, None)}, {"bertport": "2"})
    assert read_baseline(path).bundles == {
        "a": Figures(900, {"native": native, "arm64": FIGURES.parity["arm64"]}, None)
    }
    move_baseline(path, {"a": Figures(900, {"native": native}, None)}, {"bertport": "2"})
    assert list(read_baseline(path).bundles["a"].parity) == ["native"]  # no longer asked for
    assert [one.name for one in tmp_path.iterdir()] == ["baseline.json"]


@pytest.fixture
def record(tmp_path):
    path = tmp_path / "baseline.json"
    move_baseline(path, {"a": FIGURES}, {})
    return path


CORRUPT = {
    "cut short": lambda text: text[:40],
    "empty": lambda text: "",
    "a list": lambda text: "[]",
    "another kind": lambda text: text.replace("check-baseline", "bench"),
    "another schema": lambda text: text.replace('"schema_version": 1', '"schema_version": 2'),
    "an unknown key": lambda text: text.replace('"size_bytes"', '"size"'),
    "text for a number": lambda text: text.replace("1000", '"1000"'),
    "NaN": lambda text: text.replace("0.01", "NaN"),
    "a merge conflict": lambda text: f"<<<<<<< ours\n{text}",
}


@pytest.mark.parametrize("spoil", CORRUPT.values(), ids=CORRUPT)
def test_a_corrupt_record_is_one_line(record, spoil):
    text = record.read_text()
    record.write_text(spoil(text))
    assert record.read_text() != text
    with pytest.raises(RecordError) as refused:
        read_baseline(record)
    assert str(refused.value).startswith(f"{record}: not a baseline")
    assert "\n" not in str(refused.value)


def test_bytes_that_are_no_text_are_refused(record):
    record.write_bytes(b"\xff\xfe\0")
    with pytest.raises(RecordError, match="not a baseline"):
        read_baseline(record)


def test_an_update_replaces_a_corrupt_record(record):
    record.write_text("{")
    move_baseline(record, {"a": FIGURES}, {})
    assert json.loads(record.read_text())["bundles"]["a"]["size_bytes"] == 1000


def test_no_record_names_the_option_that_writes_one(tmp_path):
    with pytest.raises(UsageError, match="--update-baseline"):
        read_baseline(tmp_path / "none.json")
