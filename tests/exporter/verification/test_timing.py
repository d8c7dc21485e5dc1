"""What is measured is what parity asks, for every task: inputs, outputs and pooling of manifest and reference."""

import sys
import time
from dataclasses import replace

import pytest

from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import HubOptions, resolve
from exporter.cli.main import main
from exporter.model.families.registry import FAMILIES
from exporter.options.request import Request
from exporter.pipeline import export
from exporter.targets.target import Settings
from exporter.verification.measured_cases import bundle_case, pytorch_case
from runtimes.bundle.reading import Bundle, read_bundle
from runtimes.errors import BundleError
from runtimes.measurement import measure
from runtimes.measurement.measure import Plan

HEADS = {head.task.name: head for head in FAMILIES["bert"].heads}
PLAN = Plan((8,), runs=1, rounds=1, batches=(2,))


@pytest.fixture(scope="module")
def made(tmp_path_factory, checkpoint_of):
    """Task → its checkpoint and its ONNX bundle, not compared with anything."""

    def make(task):
        model, place = checkpoint_of("bert", task), tmp_path_factory.mktemp(task) / "bundle"
        export(Request(str(model), task=task, destination=place, verify=False))
        return load(resolve(str(model), HubOptions()), task), read_bundle(place)

    return make


@pytest.mark.parametrize("task", HEADS)
def test_every_task_is_measured_in_pytorch_and_as_a_bundle(made, task, monkeypatch):
    monkeypatch.setattr(measure, "WARM_UP_RUNS", 1)
    checkpoint, bundle = made(task)
    for case in (pytorch_case("PyTorch", checkpoint), bundle_case("bundle", bundle)):
        found = measure._child(case, PLAN, time.perf_counter())
        assert [(one["tokens"], one["rows"]) for one in found["latencies"]] == [(8, 2)]


def test_a_check_of_multiple_choice_has_figures_for_its_budgets(made, tmp_path, monkeypatch, capsys, texts_file):
    """A text a line: what makes choices of them is the battery's."""
    checkpoint, _ = made("multiple-choice")
    (tmp_path / "bertport.toml").write_text(
        f"[timing]\ntokens = [8]\nruns = 1\nrounds = 1\n[[export]]\nmodel = '{checkpoint.source.directory}'\n"
        "[export.budget]\nmax_peak_rss_bytes = 4_000_000_000\n"
    )
    monkeypatch.chdir(tmp_path)
    assert main(["check"]) == 0, capsys.readouterr().err


class Mac:
    """coremltools on a Mac, which keeps what it was asked for."""

    def __init__(self):
        self.models, self.asked, self.ComputeUnit = self, [], {"ALL": "all units"}

    def MLModel(self, path, compute_units, function_name):  # noqa: N802 - its name
        self.asked.append((path.rpartition("/")[2], function_name))
        return self

    def predict(self, feeds):
        assert set(feeds) == {"input_ids", "attention_mask", "token_type_ids"}
        return {"logits": feeds["input_ids"].astype("float32")[:, :3]}


@pytest.mark.parametrize(
    ("target", "lengths", "asked"),
    [
        ("iOS18", (8, 16), [("Model.mlpackage", "length_8"), ("Model.mlpackage", "length_16")]),
        ("iOS16", (8, 16), [("Model-8.mlpackage", None), ("Model-16.mlpackage", None)]),
        ("iOS18", (8,), [("Model.mlpackage", None)]),
    ],
)
def test_on_a_mac_nothing_of_the_interpreter_is_in_the_measurement(
    checkpoint, tmp_path, monkeypatch, target, lengths, asked
):
    settings = Settings(options={"sequence_lengths": lengths, "deployment_target": target})
    request = Request(str(checkpoint), ("coreml",), ("none",), tmp_path / "out", settings=settings, verify=False)
    export(request)
    mac = Mac()
    monkeypatch.setitem(sys.modules, "coremltools", mac)
    for name in [name for name in sys.modules if name.startswith("runtimes.mil")]:
        monkeypatch.setitem(sys.modules, name, None)  # importing it fails
    monkeypatch.setitem(sys.modules, "runtimes.backends.coreml.simulated", None)
    monkeypatch.setattr("sys.platform", "darwin")
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    case = bundle_case("bundle", read_bundle(tmp_path / "out"))
    found = measure._child(case, Plan((8,), 1, 1), time.perf_counter())
    assert mac.asked == asked
    assert found["latencies"][0]["tokens"] == 8


def test_lengths_without_a_model_each_are_no_bundle(checkpoint, tmp_path):
    settings = Settings(options={"sequence_lengths": (8,)})
    request = Request(str(checkpoint), ("coreml",), ("none",), tmp_path / "out", settings=settings, verify=False)
    export(request)
    bundle = read_bundle(tmp_path / "out")
    forged = Bundle(bundle.directory, replace(bundle.manifest, models=("Model.mlpackage",) * 2))
    with pytest.raises(BundleError, match="expected a model for each length, found 2 models for 1 lengths"):
        _ = forged.fixed_models
