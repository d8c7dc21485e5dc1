"""Outlier channels are found, smoothed or computed in floats where that pays, and recorded; else nothing changes."""

import io
import json

import numpy as np
import pytest
from onnx import load_model_from_string
from onnx.numpy_helper import to_array

from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import HubOptions, resolve
from exporter.compression.integer_rounding import int4_rows, int8_without_saturation
from exporter.compression.outlier_channels import (
    AS_IT_IS,
    BY_TENSOR,
    MOST_CHANNELS,
    Arithmetic,
    Form,
    Treatment,
    _decided,
    _Observed,
    _Seen,
    treat_outliers,
)
from exporter.model.numpy_ops import trace
from exporter.model.ops import Inputs, Role, Weight
from exporter.options.request import Request
from exporter.pipeline import export
from exporter.targets.onnx import ops as target
from exporter.targets.onnx.schemes import SENTENCE_KEEP
from exporter.verification.reference.reference import Reference
from runtimes.backends.onnx.runner import OnnxRunner
from runtimes.bundle.manifest import CALIBRATION
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


def treated(checkpoint):
    return treat_outliers(checkpoint.model, Reference(checkpoint).samples(48))


def errors(tmp_path, checkpoint, outliers, name):
    """Mean |difference| of the logits of int8 from the definition's."""
    path = tmp_path / f"{name}.onnx"
    with path.open("wb") as file:
        target.write(file, checkpoint.model, "int8", outliers=outliers)
    runner, found = OnnxRunner(path), []
    for case in Reference(checkpoint)._cases(48)[:12]:
        batch = case.batch
        ours = trace(checkpoint.model, batch.ids, batch.mask, batch.types)["logits"]
        found.append(np.abs(runner.run(batch)["logits"] - ours).mean())
    return np.mean(found)


def layer(reach, share=1.0, outputs=256, seed=3):
    """What a layer reads, whose channels reach so far, and a weight by which each has the same share of the results."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(400, len(reach))).astype(np.float32) * reach
    weight = rng.normal(size=(outputs, len(reach))).astype(np.float32) / np.maximum(reach, 1) ** np.float32(share)
    return x, Weight("layer", weight, Role.LINEAR)


def reaching(far, times):
    reach = np.ones(256, np.float32)
    reach[list(far)] = times
    return reach


def test_a_decoder_is_looked_at_and_not_computed(make_checkpoint):
    """Scores of every token for every token of every text: with 30,522 tokens, 250 MB."""
    model = read(make_checkpoint(architecture="BertForMaskedLM")).model
    token = np.full((1, 3), 5)
    ops = _Observed(np.ones_like(token, bool), BY_TENSOR)
    model.build(ops, Inputs(token, np.ones_like(token), np.zeros_like(token)))
    assert ops.tensors == {}
    table = Weight("table", np.ones((300, 256), np.float32), Role.WORD_EMBEDDING)
    rest = Weight("rest", np.ones((300, 260), np.float32), Role.LINEAR)
    x = np.ones((1, 3, 516), np.float32)
    x[..., 256 + FAR[0]] = -9
    assert ops.row_products("scores", x, table, table, rest).shape == x.shape
    ops.decide()
    assert ops.treatments["rest"].errors[Form.FLOATS] < ops.treatments["rest"].errors[Form.PLAIN]


def test_layers_without_outliers_stay_as_they_are():
    x, weight = layer(np.ones(256, np.float32))
    assert _decided(_Seen.of(x), [weight], BY_TENSOR) == {"layer": AS_IT_IS}


def test_two_channels_that_reach_very_far_are_computed_in_floats():
    x, weight = layer(reaching(FAR, 60), share=0.5)
    found = _decided(_Seen.of(x), [weight], BY_TENSOR)["layer"]
    assert found.form is Form.FLOATS
    assert tuple(found.channels) == FAR
    assert found.errors[Form.FLOATS] < found.errors[Form.PLAIN] / 5


def test_many_channels_that_reach_farther_are_smoothed():
    x, weight = layer(reaching(range(64), 6))
    found = _decided(_Seen.of(x), [weight], BY_TENSOR)["layer"]
    assert found.form is Form.SMOOTHED
    assert set(found.factors[:64]) <= {4, 8}
    assert set(found.factors[64:]) == {1}
    assert found.errors[Form.SMOOTHED] < found.errors[Form.PLAIN] / 1.3


def test_a_remedy_that_hardly_helps_is_left_out():
    """One channel of 1.4 times the others costs half a bit at most: nothing that two more operations are worth."""
    x, weight = layer(reaching((9,), 1.4))
    found = _decided(_Seen.of(x), [weight], BY_TENSOR)["layer"]
    assert found.form is Form.PLAIN


def test_what_rounds_the_weights_has_a_say():
    """Of 15 levels the weights' own rounding is most of the error: what helps the activation helps little."""
    x, weight = layer(reaching(range(8), 3), share=0.5)
    kinds = (int8_without_saturation, int4_rows)
    forms = [_decided(_Seen.of(x), [weight], Arithmetic(quantise))["layer"].form for quantise in kinds]
    assert forms[0] is not Form.PLAIN
    assert forms[1] is Form.PLAIN


def test_layers_that_read_the_same_get_the_same():
    x, weight = layer(reaching(range(64), 6))
    other = Weight("other", layer(reaching((), 1), seed=4)[1].values, Role.LINEAR)
    found = _decided(_Seen.of(x), [weight, other], BY_TENSOR)
    assert found["layer"] is found["other"]


@pytest.mark.parametrize("times", [0, 1e-30, 1e30])
def test_channels_of_any_size_get_numbers(times):
    x, weight = layer(reaching(FAR, times), share=0)
    x[:, 3] = 0
    found = _decided(_Seen.of(x), [weight], BY_TENSOR)["layer"]
    assert found.form is Form.PLAIN or all(map(np.isfinite, found.errors.values()))
    assert found.factors is None or set(found.factors) <= {2**n for n in range(7)}


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
def test_a_model_that_gives_no_numbers_is_left_as_it_is():
    x, weight = layer(reaching(FAR, 60))
    x[0, 3] = np.nan
    assert _decided(_Seen.of(x), [weight], BY_TENSOR)["layer"].form is Form.PLAIN


def test_padding_has_no_say(wide):
    """Texts of other lengths are padded to one: what stands there no product reads."""
    checkpoint = read(wide)
    samples = Reference(checkpoint).samples(48)[:3]
    alone = [treat_outliers(checkpoint.model, [sample]) for sample in samples]
    assert [one["layer.0.attention.query.weight"].form for one in alone] == [Form.FLOATS] * 3


def test_far_channels_are_found_and_no_others(wide):
    found = treated(read(wide))
    assert tuple(found["layer.0.attention.query.weight"].channels) == FAR
    assert all(one.channels is None or len(one.channels) <= MOST_CHANNELS for one in found.values())


def test_narrow_models_have_none(make_checkpoint):
    assert not treated(read(make_checkpoint()))


def test_int8_with_outliers_treated_is_nearer_to_float32(wide, tmp_path):
    checkpoint = read(wide)
    found = treated(checkpoint)
    assert errors(tmp_path, checkpoint, found, "treated") < 0.5 * errors(tmp_path, checkpoint, {}, "plain")


def test_a_smoothed_model_is_nearer_to_float32(wide, tmp_path):
    """Where factors are all that is done; with the inverse of them it is farther than without."""
    checkpoint = read(wide)
    layers = {name for name in treated(checkpoint) if "attention.dense" not in name and ".dense" not in name}

    def smoothed(far, other):
        factors = np.full(256, other, np.float32)
        factors[list(FAR)] = far
        return {name: Treatment(factors=factors) for name in layers}

    plain = errors(tmp_path, checkpoint, {}, "plain")
    assert errors(tmp_path, checkpoint, smoothed(16, 1), "smoothed") < plain
    assert errors(tmp_path, checkpoint, smoothed(1, 16), "control") > plain


def stored(checkpoint, outliers):
    file = io.BytesIO()
    target.write(file, checkpoint.model, "int8", outliers=outliers)
    graph = load_model_from_string(file.getvalue()).graph
    return {tensor.name: to_array(tensor) for tensor in graph.initializer}


def test_far_inputs_leave_the_integers(wide):
    checkpoint = read(wide)
    found = stored(checkpoint, treated(checkpoint))
    weights = found["layer.0.attention.query.weight.int8"]  # [in, out]
    assert not weights[list(FAR)].any()
    assert weights.any()
    assert found["layer.0.attention.query.weight.far.float16"].shape == (2, 256)


def test_factors_stand_in_the_weight_and_their_inverse_before_it(wide):
    checkpoint, name = read(wide), "layer.0.attention.query.weight"
    factors = np.ones(256, np.float32)
    factors[5] = 8
    found = stored(checkpoint, {name: Treatment(factors=factors)})
    plain = stored(checkpoint, {})
    rows = found[f"{name}.smoothed.int8"] * found[f"{name}.smoothed.scale"]
    (shares,) = [values for one, values in found.items() if one.endswith(".smoothing")]
    assert np.array_equal(shares, 1 / factors)
    expected = plain[f"{name}.int8"] * plain[f"{name}.scale"]
    assert np.abs(rows * shares[:, None] - expected).max() <= found[f"{name}.smoothed.scale"].max()


@pytest.mark.parametrize("scheme", ["int8", "pq"])
@pytest.mark.parametrize(("kind", "channels"), [("wide", MOST_CHANNELS), ("checkpoint", None)])
def test_the_manifest_tells(request, kind, channels, scheme, tmp_path, texts):
    asked = Request(
        str(request.getfixturevalue(kind)), ("onnx",), (scheme,), tmp_path / "out", texts=texts[:6], keep_failing=True
    )
    (done,) = export(asked)
    assert done.recipe.options["float_channels"] == channels
    assert done.parity.verdict is not Verdict.NOT_RUN
    assert (done.directory / CALIBRATION).exists() == (channels is not None)


def test_the_evidence_is_kept_with_the_bundle(wide, tmp_path, texts):
    export(Request(str(wide), ("onnx",), ("int8",), tmp_path / "out", texts=texts[:6], keep_failing=True))
    told = json.loads((tmp_path / "out" / CALIBRATION).read_text())["layers"]
    query = told["layer.0.attention.query.weight"]
    assert query["form"] == "floats"
    assert set(FAR) <= set(query["channels"])
    assert query["errors"]["floats"] < query["errors"]["smoothed"] < query["errors"]["plain"]
    assert set(told) == {name for name in told if name.startswith("layer.")}


def test_a_sentence_model_keeps_what_turns_its_embeddings_most(make_checkpoint, write_sentence_files, tmp_path, texts):
    folder = make_checkpoint(architecture="BertModel", hidden_size=256, initializer_range=0.06)
    write_sentence_files(folder)
    (done,) = export(Request(str(folder), ("onnx",), ("int8",), tmp_path / "out", texts=texts[:6]))
    assert done.recipe.keep == SENTENCE_KEEP
    assert done.parity.verdict is Verdict.PASS, done.parity.failures


def test_activations_are_rounded_by_what_the_runtime_rounds_them_by():
    """A token of small numbers keeps its precision where each has its own range, and loses it beside a large one."""
    x = np.array([[0.01, -0.02, 0.005], [100.0, -50.0, 25.0]], np.float32)
    by_token = Arithmetic(by_token=True).rounded(x, x.min(0), x.max(0))
    assert np.abs(by_token - x)[0].max() <= 0.03 / 255
    by_tensor = BY_TENSOR.rounded(x, x.min(0), x.max(0))
    assert not by_tensor[0].any()
    np.testing.assert_allclose(by_tensor[1], x[1], atol=150 / 255)


def test_a_form_that_a_target_has_not_is_never_chosen():
    x = np.random.default_rng(4).normal(0, 1, (256, 256)).astype(np.float32)
    x[:, 7] *= 80
    weight = Weight("layer", np.random.default_rng(5).normal(0, 1, (256, 256)).astype(np.float32), Role.LINEAR)
    assert _decided(_Seen.of(x), [weight], BY_TENSOR)["layer"].form is Form.FLOATS
    without = Arithmetic(tolerated={Form.PLAIN: 1.1, Form.SMOOTHED: 1.0}, exponent=0.5)
    found = _decided(_Seen.of(x), [weight], without)["layer"]
    assert found.form is Form.SMOOTHED
    assert found.factors[7] == 8  # the power of two next to the root of 80 over the middle channel's reach
    assert Form.FLOATS not in found.errors
