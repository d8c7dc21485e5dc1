"""Measurements keep every raw value, each from a process of its own. Nothing is asserted of how long things take."""

import json
import resource
import subprocess
import sys

import numpy as np
import pytest

from exporter.options.request import Request
from exporter.pipeline import export
from runtimes.backends.pytorch.description import ReferenceModel, to_text
from runtimes.errors import MeasurementError
from runtimes.measurement import host
from runtimes.measurement.host import fingerprint, versions
from runtimes.measurement.measure import Case, Plan, measure
from runtimes.process.peak_memory import peak_rss_bytes
from runtimes.version import __version__

PLAN = Plan(lengths=(9, 4), runs=3, rounds=2, batches=(2, 1))


@pytest.fixture
def onnx_case(checkpoint, tmp_path):
    export(Request(str(checkpoint), destination=tmp_path / "out", verify=False))
    return Case("onnx", "onnx", str(tmp_path / "out" / "model.onnx"), 70)


def test_nothing_of_the_folder_it_starts_in_is_run(onnx_case, monkeypatch, tmp_path):
    for name in ("json", "numpy", "onnxruntime", "runtimes"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(9)\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert subprocess.run([sys.executable, "-m", "runtimes"], check=False).returncode == 9  # the control
    (found,) = measure([onnx_case], Plan(lengths=(4,), runs=1, rounds=1, batches=(1,)))
    assert found.latency_s


def test_rounds_are_interleaved_and_raw_values_kept(onnx_case, checkpoint, said):
    reference = to_text(ReferenceModel(checkpoint, "BertForSequenceClassification"))
    torch_case = Case("torch", "pytorch", str(checkpoint), 70, reference)
    found = measure([onnx_case, torch_case], PLAN)
    assert [item.case.name for item in found] == ["onnx", "torch", "onnx", "torch"]
    assert len(said) == 4
    for item in found:
        assert [(one.tokens, one.rows, len(one.values_s)) for one in item.latencies] == [
            (tokens, rows, 3) for rows in (1, 2) for tokens in (4, 9)
        ]
        assert {length: len(values) for length, values in item.latency_s.items()} == {4: 3, 9: 3}
        assert min(min(one.values_s) for one in item.latencies) > 0
        assert item.cold_start_s > item.import_s + item.load_s + item.first_run_s
        peaks = [one.peak_rss_bytes for one in item.latencies]
        assert sorted([item.bare_rss_bytes, *peaks, item.peak_rss_bytes]) == [
            item.bare_rss_bytes,
            *peaks,
            item.peak_rss_bytes,
        ]
        assert item.peak_rss_bytes >= item.bare_rss_bytes > 1e6
    assert found[1].bare_rss_bytes > 2 * found[0].bare_rss_bytes  # torch is not in the other's process


def test_an_onnx_measurement_imports_no_torch(onnx_case):
    program = (
        "import sys, runtimes.measurement.measure as m\n"
        f"m._child(m.Case('x', 'onnx', {onnx_case.path!r}, 70), m.Plan((4,), 1, 1), 0.0)\n"
        "print([name for name in ('torch', 'transformers', 'onnx', 'coremltools') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_childs_memory_is_not_the_parents():
    """Linux's ru_maxrss starts at the parent's peak; ours must not."""
    program = "from runtimes.process.peak_memory import peak_rss_bytes; print(peak_rss_bytes())"
    ballast = bytearray(300_000_000)
    ballast[::4096] = b"x" * len(ballast[::4096])
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 100_000_000 < peak_rss_bytes()


def test_a_fingerprint_is_json_and_names_the_processor():
    assert json.loads(json.dumps(fingerprint()))["processor"]


def test_a_child_that_fails_is_an_error(tmp_path):
    with pytest.raises(MeasurementError, match=r"x: measuring .*none\.onnx failed: .*does not load it"):
        measure([Case("x", "onnx", str(tmp_path / "none.onnx"), 10)], PLAN)


def test_a_case_runs_what_it_takes():
    case = Case("x", "coreml", "", 10, positions=8, max_rows=1)
    assert PLAN.shapes(case) == [(4, 1)]


def test_a_child_that_is_killed_says_by_what(onnx_case, monkeypatch):
    killed = subprocess.CompletedProcess([], -9, "", "")
    monkeypatch.setattr(subprocess, "run", lambda *arguments, **options: killed)
    with pytest.raises(MeasurementError, match="signal 9"):
        measure([onnx_case], PLAN)


def test_core_ml_is_not_timed_off_a_mac(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(MeasurementError, match="needs macOS"):
        measure([Case("x", "coreml", str(tmp_path), 10)], PLAN)


def test_versions_are_of_what_is_installed_and_of_bertport_itself():
    assert versions("numpy", "a-library-that-nobody-has") == {"bertport": __version__, "numpy": np.__version__}


@pytest.mark.parametrize(
    ("stated", "has"),
    [
        ("flags\t: fpu avx2 avx_vnni\n", {"AVX2": True, "VNNI": True, "AMX": False}),
        ("flags\t: fpu avx2\n", {"AVX2": True, "VNNI": False, "AMX": False}),
        ("Features\t: fp asimd asimddp i8mm\n", {"dot product": True, "i8mm": True, "SME": False}),
        ("isa\t: rv64gc\n", {}),
    ],
)
def test_what_multiplies_int8_is_read_off_the_processors_flags(stated, has, tmp_path, monkeypatch):
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\n{stated}")
    monkeypatch.setattr(host, "Path", lambda _: tmp_path / "cpuinfo")
    assert host.int8_abilities() == has


def test_where_there_is_no_proc_the_system_is_asked(monkeypatch):
    monkeypatch.setattr("pathlib.Path.exists", lambda _: False)
    monkeypatch.setattr("platform.processor", lambda: "a processor")
    assert fingerprint()["processor"] == "a processor"
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    monkeypatch.setattr("sys.platform", "linux")
    assert peak_rss_bytes() >= used * 1024
    monkeypatch.setattr("sys.platform", "darwin")  # which counts in bytes
    assert used <= peak_rss_bytes() < used * 1024
