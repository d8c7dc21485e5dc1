"""The decoder of fill-mask is the table of word embeddings, and lies in a file once, in whatever form."""

import numpy as np
import onnx
import pytest

from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import HubOptions, resolve
from exporter.model.numpy_ops import trace
from exporter.targets.coreml.lower import Options, lower
from exporter.targets.coreml.metadata import Metadata
from exporter.targets.coreml.package import read as read_package
from exporter.targets.onnx import ops as target
from exporter.targets.registry import TARGETS
from runtimes.backends.onnx.runner import OnnxRunner
from runtimes.backends.pytorch.runner import TorchRunner
from runtimes.errors import CheckpointError
from runtimes.mil import open_package
from runtimes.runner import full_batch

TABLE, DECODER = "bert.embeddings.word_embeddings.weight", "cls.predictions.decoder.weight"
BATCH = full_batch(np.array([[2, 8, 4, 9, 3]]))
ROWS, WIDTH = 79, 32


def follows(found, reference, scheme):
    """Equal without a scheme; with one, of these loud seeded weights, in step: columns of another row are not."""
    if scheme == "none":
        np.testing.assert_allclose(found, reference, atol=1e-4)
    assert np.corrcoef(found.ravel(), reference.ravel())[0, 1] > 0.5
    assert abs(np.corrcoef(np.roll(found, 1, axis=-1).ravel(), reference.ravel())[0, 1]) < 0.5


@pytest.fixture
def folder(make_checkpoint):
    return make_checkpoint(architecture="BertForMaskedLM")


@pytest.fixture
def mobile(write_family, tmp_path):
    """Its table is 16 wide and its transform 48: the decoder has 32 columns of its own."""
    return write_family(tmp_path / "mobile", "mobilebert", "MobileBertForMaskedLM")


def read(folder):
    return load(resolve(str(folder), HubOptions())).model


def pytorch(folder):
    model = read(folder)
    return TorchRunner(folder, model.head.architecture).run(BATCH)["logits"]


def agree(folder, model=None):
    ours = trace(model or read(folder), BATCH.ids, BATCH.mask, BATCH.types)["logits"]
    np.testing.assert_allclose(ours, pytorch(folder), atol=1e-4)


@pytest.mark.parametrize("scheme", TARGETS["onnx"].schemes)
def test_onnx_stores_the_table_once(folder, tmp_path, scheme):
    content = target.lower(read(folder), scheme)
    tables = [t for t in onnx.load_from_string(content).graph.initializer if t.dims[:1] == [ROWS] and len(t.dims) == 2]
    assert len([t for t in tables if t.dims[1] >= WIDTH // 2]) == 1
    (tmp_path / "model.onnx").write_bytes(content)
    found = OnnxRunner(tmp_path / "model.onnx").run(BATCH)["logits"]
    reference = TorchRunner(folder, "BertForMaskedLM").run(BATCH)["logits"]
    assert np.abs(found - reference).mean() < 0.1 * np.ptp(reference)


@pytest.mark.parametrize("units", ["cpu-and-ne", "cpu-and-gpu"])
@pytest.mark.parametrize(("scheme", "deployment"), [("fp16", "iOS16"), ("int8", "iOS16"), ("int4", "iOS18")])
def test_core_ml_stores_the_table_once(folder, tmp_path, scheme, deployment, units):
    options = Options((8,), units, deployment)
    (name,) = lower(read(folder), scheme, options, Metadata("a test"), tmp_path)
    (block,) = read_package(tmp_path / name).model.mlProgram.functions["main"].block_specializations.values()
    tables = [o.name for step in block.operations for o in step.outputs if "embeddings_word_weight" in o.name]
    assert len({name for name in tables if name.endswith("weight")}) == 1
    readers = {
        step.type
        for step in block.operations
        for value in step.inputs.values()
        for argument in value.arguments
        if argument.name == "embeddings_word_weight"
    }
    assert readers == {"gather", "linear"}
    run = open_package(tmp_path / name).run(
        {k: np.pad(v, ((0, 0), (0, 3))).astype("int32") for k, v in BATCH.feeds().items()}
    )
    reference = TorchRunner(folder, "BertForMaskedLM").run(BATCH)["logits"]
    assert np.abs(run["logits"][:, :5] - reference).mean() < 0.1 * np.ptp(reference)


@pytest.mark.parametrize("scheme", [name for name, one in TARGETS["onnx"].schemes.items() if not one.codes])
def test_a_decoder_wider_than_the_table_stores_its_own_part_beside_it(mobile, tmp_path, scheme):
    content = target.lower(read(mobile), scheme)
    stored = [t for t in onnx.load_from_string(content).graph.initializer if ROWS in t.dims and min(t.dims) > 1]
    matrices = sorted(t.name.removesuffix(".float16").removesuffix(".int8") for t in stored if len(t.dims) == 2)
    assert [name.removesuffix(".int4") for name in matrices] == ["decoder.rest.weight", "embeddings.word.weight"]
    (tmp_path / "model.onnx").write_bytes(content)
    found, reference = OnnxRunner(tmp_path / "model.onnx").run(BATCH)["logits"], pytorch(mobile)
    follows(found, reference, scheme)


@pytest.mark.parametrize("units", ["cpu-and-ne", "cpu-and-gpu"])
@pytest.mark.parametrize(
    "scheme", [name for name, one in TARGETS["coreml"].schemes.items() if not (one.codes or one.calibrated)]
)
def test_core_ml_stores_the_part_beside_the_table_too(mobile, tmp_path, scheme, units):
    (name,) = lower(read(mobile), scheme, Options((5,), units, "iOS18"), Metadata("a test"), tmp_path)
    (block,) = read_package(tmp_path / name).model.mlProgram.functions["main"].block_specializations.values()
    outputs = [output.name for step in block.operations for output in step.outputs]
    wide = [name for name in outputs if name in ("embeddings_word_weight", "decoder_rest_weight", "decoder_weight")]
    assert sorted(wide) == ["decoder_rest_weight", "embeddings_word_weight"]
    found = open_package(tmp_path / name).run({k: v.astype("int32") for k, v in BATCH.feeds().items()})["logits"]
    reference = pytorch(mobile)
    follows(found, reference, scheme)


@pytest.mark.transformers_5
def test_a_wide_decoder_trained_apart_is_its_own(mobile, edit_weights):
    table = TABLE.replace("bert.", "mobilebert.")
    edit_weights(mobile, lambda t: t.update({DECODER: t[table] + 0.5}))
    assert not read(mobile).head.tied
    agree(mobile)


def test_a_wide_decoder_without_its_part_is_refused(mobile, edit_weights):
    edit_weights(mobile, lambda t: t.pop("cls.predictions.dense.weight"))
    with pytest.raises(CheckpointError, match=r"missing cls\.predictions\.dense\.weight \[32, 79\]"):
        read(mobile)


def test_the_part_beside_the_table_counts(mobile, edit_weights):
    before = pytorch(mobile)
    edit_weights(mobile, lambda t: t.update({"cls.predictions.dense.weight": t["cls.predictions.dense.weight"] * 1.1}))
    assert np.abs(trace(read(mobile), BATCH.ids, BATCH.mask, BATCH.types)["logits"] - before).max() > 0.01
    agree(mobile)


def test_a_copy_of_the_table_is_the_table(folder, edit_weights):
    edit_weights(folder, lambda t: t.update({DECODER: t[TABLE].copy()}))
    model = read(folder)
    assert model.head.tied
    agree(folder, model)


@pytest.mark.transformers_5
def test_a_decoder_trained_apart_is_its_own(folder, edit_weights):
    edit_weights(folder, lambda t: t.update({DECODER: t[TABLE] + 0.5}))
    model = read(folder)
    assert not model.head.tied
    agree(folder, model)


@pytest.mark.transformers_5
def test_a_decoder_told_apart_must_be_there(folder, edit_config, edit_weights):
    edit_config(folder, tie_word_embeddings=False)
    with pytest.raises(CheckpointError, match=r"missing cls\.predictions\.decoder\.weight"):
        read(folder)
    edit_weights(folder, lambda t: t.update({DECODER: t[TABLE] + 0.5}))
    with pytest.raises(CheckpointError, match=r"missing cls\.predictions\.decoder\.bias"):  # transformers takes zeros
        read(folder)
    edit_weights(folder, lambda t: t.update({"cls.predictions.decoder.bias": t["cls.predictions.bias"] + 1}))
    agree(folder)


@pytest.mark.transformers_5
def test_the_bias_may_bear_its_other_name(folder, edit_weights):
    edit_weights(folder, lambda t: t.update({"cls.predictions.decoder.bias": t.pop("cls.predictions.bias")}))
    agree(folder)


def test_two_biases_that_differ_are_refused(folder, edit_weights):
    edit_weights(folder, lambda t: t.update({"cls.predictions.decoder.bias": t["cls.predictions.bias"] + 1}))
    with pytest.raises(CheckpointError, match=r"decoder\.bias differs from cls\.predictions\.bias"):
        read(folder)


def test_what_pretraining_leaves_is_named_and_left_out(make_checkpoint):
    folder = make_checkpoint(architecture="BertForPreTraining")
    model = read(folder)
    assert model.task.name == "fill-mask"
    assert model.leftovers == (
        "bert.pooler.dense.bias",
        "bert.pooler.dense.weight",
        "cls.seq_relationship.bias",
        "cls.seq_relationship.weight",
    )
    agree(folder, model)


def test_what_the_other_half_of_pretraining_leaves_is_left_out_too(write_family, edit_weights, tmp_path):
    folder = write_family(tmp_path / "electra", "electra", "ElectraForMaskedLM")
    extra = {"discriminator_predictions.dense.bias": np.ones(32, np.float32)}
    edit_weights(folder, lambda t: t.update(extra))
    model = read(folder)
    assert model.leftovers == tuple(extra)
    agree(folder, model)
    edit_weights(folder, lambda t: t.update({"discriminator.dense.bias": t.pop(*extra)}))
    with pytest.raises(CheckpointError, match=r"unused discriminator\.dense\.bias"):
        read(folder)
