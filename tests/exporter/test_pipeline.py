"""Checkpoint in, verified bundle out; and what breaks an export is caught and located."""

import json

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from tokenizers import Tokenizer

from exporter.options.request import Request
from exporter.pipeline import export
from exporter.targets.registry import TARGETS
from exporter.verification.check import Check, Limit
from exporter.verification.verify import verify
from runtimes.backends.onnx.runner import OnnxRunner
from runtimes.bundle.reading import read_bundle
from runtimes.errors import BundleError, UsageError
from runtimes.parity.compare import Verdict
from runtimes.runner import Batch

ALL = tuple(TARGETS["onnx"].schemes)


@pytest.fixture(scope="module")
def bundles(checkpoint, texts, tmp_path_factory):
    """Every scheme of one checkpoint, verified."""
    place = tmp_path_factory.mktemp("bundles")
    return export(Request(str(checkpoint), schemes=ALL, destination=place, texts=texts, keep_failing=True))


def test_every_combination_is_a_bundle_in_its_own_folder(bundles):
    assert [item.directory.name for item in bundles] == [f"onnx-{name}" for name in ALL]
    for item in bundles:
        names = {path.name for path in item.directory.iterdir()}
        assert names == {
            "model.onnx", "config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
            "vocab.txt", "bertport.json", "golden.json", "parity.json", "README.md", "sbom.cdx.json",
        }  # fmt: skip


def test_float_bundles_pass_within_their_budgets(bundles):
    for item in bundles[:2]:
        assert item.parity.verdict is Verdict.PASS, item.parity.failures
        assert item.parity.status == "measured"
        assert item.parity.rows > 40


def test_golden_vectors_replay_from_text_to_logits(bundles):
    directory = bundles[0].directory
    tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
    runner = OnnxRunner(directory / "model.onnx")
    vectors = json.loads((directory / "golden.json").read_text())["vectors"]
    assert len(vectors) == 8
    for vector in vectors:
        assert tokenizer.encode(vector["text"]).ids == vector["input_ids"]
        feeds = (vector["input_ids"], vector["attention_mask"], vector["token_type_ids"])
        logits = runner.run(Batch(*(np.array([values]) for values in feeds)))["logits"][0]
        np.testing.assert_allclose(logits, vector["logits"], atol=1e-4)


@pytest.mark.parametrize("problem", ["multi_label_classification", "regression", "single_label_classification"])
def test_every_problem_exports_and_passes(make_checkpoint, edit_config, texts, tmp_path, problem):
    folder = make_checkpoint(labels=1 if problem == "regression" else 3)
    edit_config(folder, problem_type=problem)
    (done,) = export(Request(str(folder), destination=tmp_path / "out", texts=texts))
    assert done.parity.verdict is Verdict.PASS, done.parity.failures
    assert (done.parity.agreement is None) == (problem == "regression")
    assert read_bundle(done.directory).manifest.problem == problem


def test_a_checkpoint_of_2018_agrees_with_pytorch(make_checkpoint, edit_weights, texts, tmp_path):
    """transformers reads gamma and beta too: both sides must come to the same."""
    folder = make_checkpoint()

    def rename(tensors):
        for name in [name for name in tensors if "LayerNorm" in name]:
            tensors[name.replace("Norm.weight", "Norm.gamma").replace("Norm.bias", "Norm.beta")] = tensors.pop(name)

    edit_weights(folder, rename)
    (done,) = export(Request(str(folder), destination=tmp_path / "out", texts=texts))
    assert done.parity.verdict is Verdict.PASS, done.parity.failures


def test_verify_repeats_the_comparison_from_the_bundle(bundles, checkpoint, texts):
    parity = verify(Check(read_bundle(bundles[0].directory), str(checkpoint), texts)).parity
    assert parity.verdict is Verdict.PASS
    assert parity.max_absolute == bundles[0].parity.max_absolute


def test_verify_wants_the_checkpoint_the_bundle_came_from(bundles, make_checkpoint, texts):
    with pytest.raises(BundleError, match="not the checkpoint that this bundle was made from"):
        verify(Check(read_bundle(bundles[0].directory), str(make_checkpoint(seed=1)), texts))


def damaged(bundle_directory, tmp_path, change):
    """A copy of a bundle whose model was changed, its manifest made to fit."""
    from dataclasses import replace
    from shutil import copytree

    from exporter.bundling.staging import write_manifest
    from runtimes.bundle.reading import hash_files

    copy = copytree(bundle_directory, tmp_path / "damaged")
    model = onnx.load(copy / "model.onnx")
    change({tensor.name: tensor for tensor in model.graph.initializer}, model)
    onnx.save(model, copy / "model.onnx")
    write_manifest(copy, replace(read_bundle(copy).manifest, files=hash_files(copy)))
    return read_bundle(copy)


def assign(tensor, values):
    tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(values), tensor.name))


def perturb(tensors, model):
    name = "layer.0.dense.weight"
    step = np.zeros(32, np.float32)
    step[::2] = 0.05  # of every column alike, the LayerNorm after it would take it out again
    assign(tensors[name], numpy_helper.to_array(tensors[name]) + step)


def transpose(tensors, model):
    name = "layer.0.attention.key.weight"
    assign(tensors[name], numpy_helper.to_array(tensors[name]).T)


def swap_labels(tensors, model):
    for name in ("classifier.weight", "classifier.bias"):
        assign(tensors[name], numpy_helper.to_array(tensors[name])[..., [1, 0, 2]])


def wrong_epsilon(tensors, model):
    for node in model.graph.node:
        if node.op_type == "LayerNormalization":
            node.attribute[0].f = 0.1


def no_mask(tensors, model):
    assign(tensors["lowest"], np.float32(0))


def infinite_mask(tensors, model):
    assign(tensors["lowest"], np.float32(-np.inf))


def nan_bias(tensors, model):
    assign(tensors["classifier.bias"], np.full(3, np.nan, np.float32))


DAMAGE = {
    perturb: "layer.0.dense",
    transpose: "layer.0.attention.key",
    swap_labels: "classifier",
    wrong_epsilon: "embeddings",
    no_mask: None,
    infinite_mask: None,
    nan_bias: "classifier",
}


@pytest.mark.parametrize(("change", "first"), DAMAGE.items(), ids=[f.__name__ for f in DAMAGE])
def test_a_damaged_model_fails_and_is_located(bundles, checkpoint, texts, tmp_path, change, first):
    broken = damaged(bundles[0].directory, tmp_path, change)
    verification = verify(Check(broken, str(checkpoint), texts))
    parity = verification.parity
    assert parity.verdict is Verdict.FAIL
    assert parity.failures
    if first is not None:
        found = verification.explain().first
        assert found is not None
        assert found.name.startswith(first)


def test_an_intact_model_has_no_departure(bundles, checkpoint, texts):
    verification = verify(Check(read_bundle(bundles[0].directory), str(checkpoint), texts))
    found = verification.explain()
    assert found.first is None
    assert {row.name for row in found.graph} >= {"embeddings", "layer.0.output", "layer.1.output", "pooler", "logits"}
    assert len(found.file) > 25


def test_a_failing_bundle_is_not_kept_and_the_old_one_stays(checkpoint, texts, tmp_path):
    place = tmp_path / "out"
    export(Request(str(checkpoint), destination=place, texts=texts))
    before = (place / "bertport.json").read_bytes()
    impossible = Limit(max_absolute=0.0)
    request = Request(str(checkpoint), destination=place, texts=texts, schemes=("fp16",), limit=impossible)
    (failed,) = export(request)
    assert failed.parity.verdict is Verdict.FAIL
    assert failed.directory is None
    assert (place / "bertport.json").read_bytes() == before


def test_a_failing_bundle_is_kept_on_request_and_says_so(checkpoint, texts, tmp_path):
    request = Request(
        str(checkpoint),
        destination=tmp_path / "out",
        texts=texts,
        schemes=("fp16",),
        limit=Limit(max_absolute=0.0),
        keep_failing=True,
    )
    (failed,) = export(request)
    assert json.loads((failed.directory / "parity.json").read_text())["verdict"] == "fail"
    assert "| parity with PyTorch | fail" in (failed.directory / "README.md").read_text()


def test_an_unknown_scheme_or_target_is_refused_before_anything_is_read(tmp_path):
    for request in (Request("/no/such", schemes=("int3",)), Request("/no/such", targets=("tflite",))):
        with pytest.raises(UsageError, match=r"int8-weights|known: onnx"):
            export(request)


def test_an_unverified_bundle_says_so(checkpoint, tmp_path):
    (done,) = export(Request(str(checkpoint), destination=tmp_path / "out", verify=False))
    assert done.parity.verdict is Verdict.NOT_RUN
    assert not (done.directory / "golden.json").exists()
    assert "not run" in (done.directory / "README.md").read_text()
