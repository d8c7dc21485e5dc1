"""A bench run is interleaved, goes on where it was ended, and never counts what belongs to another run."""

import json
import zipfile
from dataclasses import replace

import pytest

from runtimes.errors import MeasurementError
from runtimes.measurement import bench
from runtimes.measurement.bench import Contestant, compressed_bytes, run_bench
from runtimes.measurement.measure import Case, Latency, Measurement, Plan
from runtimes.measurement.statistics import summarise
from runtimes.records.reading import read_record

PLAN = Plan(lengths=(4, 8), runs=2, rounds=2)


@pytest.fixture
def contestants(tmp_path):
    model = tmp_path / "model.onnx"
    model.write_bytes(b"0" * 1000)
    cases = tuple(Case("a", "onnx", str(model), 10, threads=count) for count in (1, 2))
    return [
        Contestant("a", "onnx", (model,), {"model.onnx": "1"}, cases),
        Contestant("b", "coreml", (model,), {"model.onnx": "1"}, (), note="Core ML needs macOS"),
    ]


@pytest.fixture
def children(monkeypatch):
    """What stands in for the child processes: a list of the cases that were run; the third fails."""
    ran = []

    def measured(case, plan):
        ran.append((case.name, case.threads))
        if len(ran) == 3:
            raise MeasurementError("the child was ended")
        latencies = tuple(Latency(n, 1, (n / 1000 * len(ran),) * plan.runs, 30 + n) for n in plan.lengths)
        return Measurement(case, 0.5, 0.3, 0.1, 0.05, latencies, 20, 40)

    monkeypatch.setattr(bench, "measure_once", measured)
    return ran


def test_a_run_that_was_ended_goes_on_and_measures_nothing_twice(contestants, children, tmp_path, said):
    place = tmp_path / "out" / "bench.json"
    with pytest.raises(MeasurementError):
        run_bench(contestants, PLAN, place)
    assert [path.name for path in place.parent.iterdir()] == ["bench.json.partial"]
    record = run_bench(contestants, PLAN, place)
    assert children == [("a", 1), ("a", 2), ("a", 1), ("a", 1), ("a", 2)]  # the third failed
    assert any("going on after 2 measurements" in text for text in said)
    assert [(entry.round, entry.threads) for entry in record.measurements] == [(0, 1), (0, 2), (1, 1), (1, 2)]
    assert [path.name for path in place.parent.iterdir()] == ["bench.json"]
    assert read_record(place) == record


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda ones: [replace(ones[0], hashes={"model.onnx": "2"}), ones[1]], "subjects differ"),
        (lambda ones: ones[:1], "subjects differ"),
    ],
    ids=["another bundle", "another set"],
)
def test_after_a_change_it_starts_over_and_says_so(contestants, children, tmp_path, change, words, said):
    place = tmp_path / "bench.json"
    with pytest.raises(MeasurementError):
        run_bench(contestants, PLAN, place)
    record = run_bench(change(contestants), PLAN, place)
    assert any("starting over" in text and words in text for text in said)
    assert len(children) == 3 + len(record.measurements) == 7


def test_on_another_host_it_starts_over(contestants, children, tmp_path, monkeypatch, said):
    place = tmp_path / "bench.json"
    with pytest.raises(MeasurementError):
        run_bench(contestants, PLAN, place)
    monkeypatch.setattr(bench, "fingerprint", lambda: {"processor": "another"})
    run_bench(contestants, PLAN, place)
    assert any("starting over: host differ" in text for text in said)


def test_every_raw_value_is_kept_and_pooled_over_the_rounds(contestants, children, tmp_path):
    children += [None] * 3  # so that none fails
    run_bench(contestants, PLAN, tmp_path / "bench.json")
    raw = json.loads((tmp_path / "bench.json").read_text())
    assert sum(len(shape["values_s"]) for entry in raw["measurements"] for shape in entry["latencies"]) == 2 * 2 * 2 * 2
    found = summarise(read_record(tmp_path / "bench.json"))
    assert [(one.subject.name, one.threads, one.rounds) for one in found] == [("a", 1, 2), ("a", 2, 2)]
    time = found[0].timing(4)
    assert (time.runs, time.p50_s) == (4, pytest.approx((4 * 0.004 + 6 * 0.004) / 2))
    assert time.rows_per_s == pytest.approx(1 / time.p50_s)
    assert (found[0].bare_rss_bytes, found[0].peak_rss_bytes, found[0].batched_peak_rss_bytes) == (20, 38, 40)


def test_what_cannot_be_timed_has_a_size_and_a_reason(contestants, children, tmp_path):
    children += [None] * 3
    record = run_bench(contestants, PLAN, tmp_path / "bench.json")
    subject = record.subjects[1]
    assert (subject.status, subject.note, subject.disk_bytes) == ("not run", "Core ML needs macOS", 1000)
    assert not [entry for entry in record.measurements if entry.subject == "b"]


def test_the_compressed_size_is_a_zip_archives(tmp_path):
    (tmp_path / "zeros").write_bytes(bytes(100_000))
    assert 0 < compressed_bytes([tmp_path / "zeros"]) < 1000
    with zipfile.ZipFile(tmp_path / "made.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(tmp_path / "zeros", "0/zeros")
    assert compressed_bytes([tmp_path / "zeros"]) == (tmp_path / "made.zip").stat().st_size
