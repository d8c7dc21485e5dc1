"""Far channels are found, computed in floats, and recorded; without them nothing changes."""

import io

import numpy as np
import pytest
from onnx import load_model_from_string
from onnx.numpy_helper import to_array

from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import HubOptions, resolve
from exporter.compression.outlier_channels import MOST_CHANNELS, _Reach, find_outliers
from exporter.model.numpy_ops import trace
from exporter.model.ops import Inputs, Role, Weight
from exporter.options.request import Request
from exporter.pipeline import export
from exporter.targets.onnx import ops as target
from exporter.verification.reference.reference import Reference
from runtimes.backends.onnx.runner import OnnxRunner
from runtimes.parity.compare import Verdict

FAR = (5, 77)
"""The channels that the wide checkpoint makes reach far."""


@pytest.fixture
def wide(make_checkpoint):
    """Wide enough for products in integers with outlier channels, of which the embeddings have two."""
    from safetensors.numpy import load_file, save_file

    folder = make_checkpoint(hidden_size=256, intermediate_size=512, num_attention_heads=4, initializer_range=0.06)
    tensors = load_file(folder / "model.safetensors")
    for channel in FAR:
        tensors["bert.embeddings.LayerNorm.weight"][channel] = 40
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def read(folder, **options):
    return load(resolve(str(folder), HubOptions()), **options)


def errors(tmp_path, checkpoint, outliers):
    """Mean |difference| of the logits of int8 from the definition's."""
    path = tmp_path / f"{len(outliers)}.onnx"
    with path.open("wb") as file:
        target.write(file, checkpoint.model, "int8", outliers=outliers)
    runner, found = OnnxRunner(path), []
    for case in Reference(checkpoint)._cases(48)[:12]:
        batch = case.batch
        ours = trace(checkpoint.model, batch.ids, batch.mask, batch.types)["logits"]
        found.append(np.abs(runner.run(batch)["logits"] - ours).mean())
    return np.mean(found)


def test_a_decoder_is_looked_at_and_not_computed(make_checkpoint):
    """Scores of every token for every token of every text: with 30,522 tokens, 250 MB."""
    model = read(make_checkpoint(architecture="BertForMaskedLM")).model
    token = np.full((1, 3), 5)
    reach = _Reach()
    model.build(reach, Inputs(token, np.ones_like(token), np.zeros_like(token)))
    assert reach.tensors == {}
    table = Weight("table", np.ones((300, 256), np.float32), Role.WORD_EMBEDDING)
    rest = Weight("rest", np.ones((300, 260), np.float32), Role.LINEAR)
    x = np.ones((1, 2, 516), np.float32)
    x[..., 256 + FAR[0]] = -9
    assert reach.row_products("scores", x, table, table, rest).shape == x.shape
    assert reach.reach["rest"].argmax() == FAR[0]
    assert len(reach.reach["rest"]) == 260


def test_far_channels_are_found_and_no_others(wide):
    checkpoint = read(wide)
    found = find_outliers(checkpoint.model, Reference(checkpoint).samples(48))
    assert tuple(found["layer.0.attention.query.weight"]) == FAR
    assert all(len(channels) <= MOST_CHANNELS for channels in found.values())


def test_narrow_models_have_none(make_checkpoint):
    checkpoint = read(make_checkpoint())
    assert not find_outliers(checkpoint.model, Reference(checkpoint).samples(48))


def test_int8_with_far_channels_apart_is_nearer_to_float32(wide, tmp_path):
    checkpoint = read(wide)
    found = find_outliers(checkpoint.model, Reference(checkpoint).samples(48))
    assert errors(tmp_path, checkpoint, found) < 0.5 * errors(tmp_path, checkpoint, {})


def test_far_inputs_leave_the_integers(wide):
    checkpoint, file = read(wide), io.BytesIO()
    found = find_outliers(checkpoint.model, Reference(checkpoint).samples(48))
    target.write(file, checkpoint.model, "int8", outliers=found)
    stored = {tensor.name: tensor for tensor in load_model_from_string(file.getvalue()).graph.initializer}
    weights = to_array(stored["layer.0.attention.query.weight.int8"])  # [in, out]
    assert not weights[list(FAR)].any()
    assert weights.any()
    assert to_array(stored["layer.0.attention.query.weight.far.float16"]).shape == (2, 256)


@pytest.mark.parametrize("scheme", ["int8", "pq"])
@pytest.mark.parametrize(("kind", "channels"), [("wide", MOST_CHANNELS), ("checkpoint", None)])
def test_the_manifest_tells(request, kind, channels, scheme, tmp_path, texts):
    asked = Request(str(request.getfixturevalue(kind)), ("onnx",), (scheme,), tmp_path / "out", texts=texts[:6])
    (done,) = export(asked)
    assert done.recipe.options["float_channels"] == channels
    assert done.parity.verdict is not Verdict.NOT_RUN


def test_a_sentence_model_keeps_what_turns_its_embeddings_most(make_checkpoint, write_sentence_files, tmp_path, texts):
    folder = make_checkpoint(architecture="BertModel", hidden_size=256, initializer_range=0.06)
    write_sentence_files(folder)
    (done,) = export(Request(str(folder), ("onnx",), ("int8",), tmp_path / "out", texts=texts[:6]))
    assert done.recipe.keep == ("layer.*.attention.value.*", "layer.0.dense.*")
    assert done.parity.verdict is Verdict.PASS, done.parity.failures
