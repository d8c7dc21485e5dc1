"""`verify --witness`: a Core ML bundle in our interpreter and its recipe in Apple's runtime, tensor by tensor."""

import json
import logging

import numpy as np
import pytest

from benchmarks.faults.coreml_file import Spoilt
from benchmarks.faults.frame import seal
from exporter.cli.main import main
from exporter.options.request import Request
from exporter.pipeline import export
from exporter.targets.target import Settings
from exporter.verification.witness import differences, used_tokens
from runtimes.records.reading import read_record

needs_coreai = pytest.mark.needs("coreai")


@pytest.fixture
def make(checkpoint, texts, tmp_path):
    def make_bundle(target="coreml", scheme="none", **settings):
        place = tmp_path / f"{target}-{scheme}"
        settings = Settings.of(**({"sequence_lengths": (24, 13)} | settings))
        asked = Request(str(checkpoint), (target,), (scheme,), place, settings=settings, texts=texts, verify=False)
        export(asked)
        return place

    return make_bundle


@pytest.fixture
def verify(checkpoint, texts, tmp_path):
    """The exit code, and the record of it."""
    (tmp_path / "texts.txt").write_text("\n".join(texts))

    def run(bundle, *more):
        given = ["--checkpoint", str(checkpoint), "--texts", str(tmp_path / "texts.txt"), "--witness"]
        code = main(["verify", str(bundle), *given, *more, "-o", str(tmp_path / "record.json")])
        record = tmp_path / "record.json"
        return code, read_record(record) if record.is_file() else None

    return run


def test_differences_are_shares_of_the_largest_value_and_no_number_is_infinite():
    ours = {"a": np.array([[1.0, -4.0]]), "b": np.zeros(3), "nan": np.array([np.nan, 1.0]), "mine": np.ones(1)}
    theirs = {"a": np.array([1.0, -3.0]), "b": np.zeros((3, 1)), "nan": np.ones(2), "yours": np.ones(1)}
    assert differences(ours, theirs) == {"a": (0.25, 0.5), "b": (0.0, 1.0), "nan": (float("inf"), 0.5)}
    assert used_tokens(16) == (16, 11, 3)
    assert used_tokens(2) == (2, 1, 1)


@needs_coreai
@pytest.mark.parametrize(
    ("scheme", "settings", "budget", "most"),
    [
        ("none", {}, [], 1e-5),
        ("none", {"compute_units": "cpu-only", "deployment_target": "iOS16"}, [], 1e-5),
        ("int8", {"deployment_target": "iOS18"}, ["--max-relative", "1"], 0.02),  # of a random model
    ],
)
def test_both_runtimes_agree_and_the_record_says_how_closely(make, verify, caplog, scheme, settings, budget, most):
    caplog.set_level(logging.INFO)
    code, record = verify(make(scheme=scheme, **settings), *budget)
    assert code == 0
    found = record.witness
    assert (found.tokens, found.rows, found.outputs) == (13, 3, ("logits",))
    assert found.runtime.startswith("coreai-core ")
    assert {"embeddings", "layer.1.attention.probabilities", "layer.1.output", "logits"} <= found.relative.keys()
    assert 0 < max(found.relative.values()) < most
    worst = max(found.relative, key=found.relative.get)
    (told,) = (one for one in caplog.messages if one.startswith("witness: "))
    assert f"at most {found.relative[worst]:.2g} of a tensor's largest value, in {worst} of" in told
    assert f"{found.relative['logits']:.2g} in logits" in told


@needs_coreai
def test_the_control_a_changed_weight_shows_where_it_is_read(make, verify):
    bundle = make(sequence_lengths=(13,))
    package = Spoilt(bundle / "Model.mlpackage")
    (stored,) = (one for one in package.operations if one.outputs[0].name == "layer_1_dense_weight")
    value = stored.attributes["val"]
    package.write(value, package.read(value) * np.float32(1.1))
    package.save()
    seal(bundle)
    code, record = verify(bundle)
    assert code == 1  # the audit names the weight, whatever runs
    found = record.witness.relative
    assert found["layer.1.dense"] > 0.01
    assert found["logits"] > 1e-3
    assert found["layer.1.intermediate"] < 1e-5


@pytest.mark.parametrize(
    ("target", "scheme", "words"),
    [
        ("onnx", "none", "--witness: of coreml bundles, whose figures are simulated; this is onnx"),
        ("coreml", "w8a8", "--witness: Core AI has no form of w8a8; it has none, fp16, int8,"),
    ],
)
def test_what_has_no_witness_is_said_before_anything_is_compared(make, verify, capsys, target, scheme, words):
    bundle = make(target, scheme, **({"sequence_lengths": ()} if target == "onnx" else {}))
    capsys.readouterr()
    code, record = verify(bundle)
    assert (code, record) == (2, None)
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line


def test_without_the_extra_it_is_one_line(make, verify, capsys, monkeypatch):
    bundle = make()
    monkeypatch.setattr("runtimes.extras.find_spec", lambda name: None)
    capsys.readouterr()
    code, record = verify(bundle)
    assert (code, record) == (4, None)
    (line,) = capsys.readouterr().err.splitlines()
    assert "verify --witness: coreai is not installed: pip install 'bertport[coreai]'" in line


def test_a_model_of_others_has_none(checkpoint, tmp_path, capsys):
    assert main(["verify", str(tmp_path / "x.mlpackage"), "--against", str(checkpoint), "--witness"]) == 2
    assert "--witness: for bundles" in capsys.readouterr().err


def test_the_record_has_no_infinity(tmp_path):
    from exporter.cli.verify import _witnessed
    from exporter.verification.witness import Witness

    made = _witnessed(Witness("x", 1, 3, 0.5, {"a": float("inf"), "b": 0.5}, ("b",)))
    assert json.loads(json.dumps(made.relative)) == {"a": None, "b": 0.5}
