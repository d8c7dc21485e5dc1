"""`bertport doctor` says what a target can do here, as the backends then do it, and imports no runtime."""

import json
import subprocess
import sys

import pytest

import exporter
from exporter.cli.main import main
from exporter.targets.registry import TARGETS
from runtimes import extras
from runtimes.backends.backend import ARCHITECTURES, NATIVE
from runtimes.backends.registry import BACKENDS, open_runner
from runtimes.bundle.reading import read_bundle
from runtimes.runner import Status

HEAVY = ("torch", "transformers", "onnxruntime", "coremltools", "optimum", "ai_edge_litert", "coreai", "sklearn")
PROGRAM = """
import sys
from exporter.cli.main import main
main(['doctor', '--json'])
print(*sys.modules, file=sys.stderr)
"""


def found(capsys):
    assert main(["doctor", "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def native(told):
    return {one["target"]: one for one in told["abilities"] if one["arch"] == NATIVE}


def test_every_target_and_every_processor_that_it_can_be_run_on(capsys):
    told = found(capsys)
    assert list(native(told)) == list(TARGETS)
    assert {one["run"] for one in told["abilities"]} <= {status.value for status in Status}
    for target, backend in BACKENDS.items():
        archs = [one["arch"] for one in told["abilities"] if one["target"] == target]
        assert set(archs) <= (set(ARCHITECTURES) if backend.emulated else {NATIVE})
    assert told["versions"]["bertport"]
    assert told["versions"]["onnxruntime"]


@pytest.mark.parametrize("target", TARGETS)
def test_a_bundle_is_run_as_it_says(target, capsys, checkpoint, tmp_path):
    says = native(found(capsys))[target]
    if says["cannot_export"]:
        pytest.skip(says["cannot_export"])
    exporter.export(checkpoint, target=target, output=tmp_path / "out", verify=False)
    bundle = read_bundle(tmp_path / "out")
    if says["run"] == Status.NOT_RUN.value:
        pytest.skip(says["cannot_measure"])
    assert open_runner(bundle).status.value == says["run"]


def test_what_is_missing_is_named_with_the_command_that_brings_it(monkeypatch, capsys):
    find = extras.find_spec
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name == "ai_edge_litert" else find(name))
    told = found(capsys)
    litert = native(told)["litert"]
    assert (litert["run"], litert["cannot_export"]) == ("not run", "")
    lacks = "ai_edge_litert is not installed: pip install 'bertport[litert]'"
    assert litert["cannot_measure"] == litert["cannot_time"] == lacks
    assert told["missing"][lacks] == ["litert"]
    assert main(["doctor"]) == 0
    assert f"missing for litert: {lacks}" in capsys.readouterr().out


def test_without_torch_it_says_what_compares_nothing(monkeypatch, capsys):
    monkeypatch.setattr("runtimes.backends.pytorch.installed.is_installed", lambda name: name != "torch")
    told = found(capsys)
    (lacks,) = (text for text, targets in told["missing"].items() if targets == ["parity"])
    assert "pip install torch" in lacks


def test_no_runtime_is_imported_to_say_so(tmp_path):
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert json.loads(done.stdout)["abilities"]
    imported = set(done.stderr.split())
    assert "exporter.cli.doctor" in imported
    assert imported.isdisjoint(HEAVY)
