"""What the Core ML target promises, in both layouts, for every scheme and deployment target."""

import json
from dataclasses import dataclass, replace

import numpy as np
import pytest

from exporter.compression import integer_rounding, palettization
from exporter.compression.product_quantization import product_quantise, shared_quantise
from exporter.model.numpy_ops import NumpyOps, trace
from exporter.model.ops import Inputs, Role
from exporter.targets.coreml import attention as coreml_attention
from exporter.targets.coreml.lower import DEPLOYMENT_TARGETS, LAYOUTS, Options, check, lower
from exporter.targets.coreml.metadata import Metadata
from exporter.targets.coreml.names import canonical_tensors
from exporter.targets.coreml.schemes import SCHEMES
from exporter.targets.encoding.forms import Form
from runtimes.backends.pytorch.runner import TorchRunner
from runtimes.errors import LoweringError, UsageError
from runtimes.mil import open_package
from runtimes.runner import Batch

UNITS = ("cpu-and-ne", "cpu-and-gpu")  # one for each layout
KINDS = {
    "two heads": {},
    "four heads": {"num_attention_heads": 4, "hidden_size": 64},
    "one head": {"num_attention_heads": 1},
    "one layer": {"num_hidden_layers": 1},
    "three layers, tanh gelu": {"num_hidden_layers": 3, "hidden_act": "gelu_new"},
    "silu, one type": {"hidden_act": "silu", "type_vocab_size": 1},
    "relu, odd width": {"hidden_act": "relu", "hidden_size": 24, "intermediate_size": 37, "num_attention_heads": 3},
}


def batch(types=2, length=13):
    random = np.random.default_rng(5)
    ids = random.integers(0, 40, (4, length))
    mask = (np.arange(length) < np.array([length, length // 2, 1, 0])[:, None]).astype(np.int64)
    return Batch(ids, mask, random.integers(0, types, (4, length)))


def reference(folder, inputs):
    return TorchRunner(folder, "BertForSequenceClassification").run(inputs)["logits"]


class RoundedOps(NumpyOps):
    """Plain numpy over weights rounded as a scheme rounds them; activations stay float32."""

    def __init__(self, scheme):
        super().__init__()
        self.scheme = SCHEMES[scheme]

    def rounded(self, weight):
        values = weight.values
        rows = values.reshape(-1, values.shape[-1])
        match self.scheme.form(weight.role):
            case Form.INT8:
                q, scale = integer_rounding.int8(rows, np.float16)
                recovered = q * scale.astype(np.float32)
            case Form.INT4_BY_32 | Form.INT4_BY_64 as form:
                q, scale = integer_rounding.int4_blocks(
                    rows, 32 if form is Form.INT4_BY_32 else 64, positive_scales=True
                )
                wide = np.repeat(scale.astype(np.float32), rows.shape[1] // scale.shape[1], -1)
                recovered = (q.astype(np.float32) - 8) * wide
            case Form.INT4_BY_ROW:
                q, scale = integer_rounding.int4_rows(rows)
                recovered = q * scale.astype(np.float32)
            case Form.CODES_INT8:
                recovered = product_quantise(rows, narrow=True).restored
            case Form.SHARED_CODES:
                recovered = shared_quantise(rows).restored
            case Form.PALETTE_6 | Form.PALETTE_4 as form:
                indices, table = palettization.palettize(rows, 6 if form is Form.PALETTE_6 else 4)
                recovered = table[indices]
            case _:
                recovered = rows if self.scheme.name == "none" else rows.astype(np.float16)
        return replace(weight, values=recovered.astype(np.float32).reshape(values.shape))

    def embedding(self, name, table, ids):
        return super().embedding(name, self.rounded(table), ids)

    def positions(self, name, table, tokens):
        """Only the rows that the length reads are stored, so that a palette is made of them alone."""
        return super().positions(name, self.rounded(replace(table, values=table.values[: tokens.shape[1]])), tokens)

    def linear(self, name, x, weight, bias):
        return super().linear(name, x, self.rounded(weight), bias)

    def grouped_linear(self, name, x, weight):
        return super().grouped_linear(name, x, self.rounded(weight))


@pytest.mark.parametrize("units", UNITS)
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_float32_equals_pytorch(make_checkpoint, model_of, save, run, kind, units):
    folder = make_checkpoint(**kind)
    inputs = batch(kind.get("type_vocab_size", 2))
    saved = run(save(model_of(folder), compute_units=units), inputs)
    np.testing.assert_allclose(saved, reference(folder, inputs), atol=1e-4)


@pytest.mark.parametrize("units", UNITS)
@pytest.mark.parametrize("target", DEPLOYMENT_TARGETS)
def test_every_deployment_target_agrees(checkpoint, model_of, save, run, units, target):
    saved = run(save(model_of(checkpoint), compute_units=units, deployment_target=target), batch())
    np.testing.assert_allclose(saved, reference(checkpoint, batch()), atol=1e-4)


@pytest.mark.parametrize("units", UNITS)
@pytest.mark.parametrize(
    ("target", "scheme"), [(t, s) for t in ("iOS17", "iOS18") for s in SCHEMES if SCHEMES[s].oldest_target <= t]
)
@pytest.mark.parametrize("kind", [KINDS["four heads"], KINDS["relu, odd width"]], ids=["four heads", "odd width"])
def test_the_package_computes_what_its_rounded_weights_say(
    make_checkpoint, model_of, save, run, scheme, kind, target, units
):
    """Within what float16 costs, and the 8 bits of w8a8's activations; four heads, for their grouped linears."""
    model, ops = model_of(make_checkpoint(initializer_range=0.2, **kind)), RoundedOps(scheme)
    model.build(ops, Inputs(batch().ids, batch().mask, batch().types))
    expected = ops.tensors["logits"]
    saved = run(save(model, scheme, compute_units=units, deployment_target=target), batch())
    share = {"none": 1e-5, "w8a8": 0.1}.get(scheme, 0.01)
    assert np.abs(saved - expected).max() < share * np.ptp(expected)


@pytest.mark.parametrize("units", UNITS)
def test_a_row_of_padding_alone_is_what_pytorch_gives(checkpoint, model_of, save, run, units):
    """Scores far from zero: added to a low number in float16 they would not vanish."""
    inputs = Batch(*(values[3:] for values in (batch().ids, batch().mask, batch().types)))
    saved = run(save(model_of(checkpoint), "fp16", compute_units=units), inputs)
    np.testing.assert_allclose(saved, reference(checkpoint, inputs), atol=0.02)


@pytest.mark.parametrize("units", UNITS)
@pytest.mark.parametrize("target", ["iOS17", "iOS18"])
def test_every_tensor_can_be_compared_by_name(checkpoint, model_of, save, units, target):
    """All that the definition names, but what fused attention keeps to itself; without padding, whose bias differs."""
    model, inputs = model_of(checkpoint), batch()
    first = Batch(*(values[:1] for values in (inputs.ids, inputs.mask, inputs.types)))
    program = open_package(save(model, compute_units=units, deployment_target=target))
    found = canonical_tensors(program.trace(first.feeds()), ("logits",))
    expected = trace(model, first.ids, first.mask, first.types)
    fused = target == "iOS18" and units == "cpu-and-gpu"
    hidden = {"layer.0.attention.scores", "layer.0.attention.probabilities"} if fused else set()
    assert expected.keys() - found.keys() == hidden
    for name in expected.keys() - hidden:
        np.testing.assert_allclose(found[name].reshape(expected[name].shape), expected[name], atol=1e-4, err_msg=name)


def test_padding_does_not_change_the_logits(checkpoint, model_of, save, run):
    model, inputs = model_of(checkpoint), batch()
    logits = {}
    for length in (6, 13):  # the text has 6 tokens
        text = Batch(*(values[1:2, :length] for values in (inputs.ids, inputs.mask, inputs.types)))
        logits[length] = run(save(model, length=length, folder=f"{length}"), text)
    np.testing.assert_allclose(logits[6], logits[13], atol=1e-5)


@pytest.mark.parametrize("units", UNITS)
def test_one_token_is_a_length(checkpoint, model_of, save, run, units):
    inputs = batch(length=1)
    saved = run(save(model_of(checkpoint), length=1, compute_units=units), inputs)
    np.testing.assert_allclose(saved, reference(checkpoint, inputs), atol=1e-4)


def test_the_layout_follows_the_compute_units(checkpoint, model_of, save):
    kinds = {}
    for units in LAYOUTS:
        steps = open_package(save(model_of(checkpoint), compute_units=units)).steps
        kinds[units] = "rows" if any(step.operation == "linear" for step in steps) else "channels"
    assert kinds == LAYOUTS


def test_what_xcode_shows(checkpoint, model_of, tmp_path):
    texts = Metadata("News in four topics", "Ann", "Apache-2.0", "1.2", ("Wörld", "Sports", "c"))
    (name,) = lower(model_of(checkpoint), "int8", Options((16,)), texts, tmp_path)
    program = open_package(tmp_path / name)
    found = program.metadata
    assert (found.description, found.author, found.license, found.version) == (
        "News in four topics",
        "Ann",
        "Apache-2.0",
        "1.2",
    )
    facts = found.user_defined
    assert json.loads(facts["labels"]) == ["Wörld", "Sports", "c"]
    assert (facts["task"], facts["scheme"], facts["compute_units"]) == ("text-classification", "int8", "all")
    assert json.loads(facts["sequence_lengths"]) == [16]
    assert not [key for key in facts if "date" in key]
    description = program.package.model.description
    assert [feature.name for feature in description.input] == ["input_ids", "attention_mask", "token_type_ids"]
    assert [feature.name for feature in description.output] == ["logits"]
    assert all(feature.shortDescription for feature in [*description.input, *description.output])
    assert {spec.dtype for spec in program.inputs} == {"int32"}
    assert [(spec.dtype, spec.shape) for spec in program.outputs] == [("fp32", (1, 3))]


def test_unchecked_gathers_are_not_guarded(checkpoint, model_of, save):
    steps = open_package(save(model_of(checkpoint), "fp16")).steps
    assert {step.operation for step in steps}.isdisjoint({"greater_equal", "select"})
    assert sum(step.operation == "gather" for step in steps) == 2


REFUSED = {
    "iOS15": (("fp16", Options(deployment_target="iOS15")), LoweringError, "iOS15 is too old.*iOS16"),
    "iOS9": (("fp16", Options(deployment_target="iOS9")), LoweringError, "iOS9 is too old.*iOS16"),
    "another system": (("fp16", Options(deployment_target="macOS15")), UsageError, "it has iOS16, iOS17, iOS18"),
    "int4": (("int4", Options()), LoweringError, "int4 needs iOS18; pass --deployment-target iOS18"),
    "int4 words": (("int4-embeddings", Options()), LoweringError, "needs iOS18; pass --deployment-target iOS18"),
    "w8a8": (("w8a8", Options(deployment_target="iOS16")), LoweringError, "w8a8 needs iOS17"),
    "too long": (("fp16", Options((49,))), UsageError, "49 exceeds the checkpoint's 48 positions; pass .* 48 or less"),
    "empty": (("fp16", Options((0,))), UsageError, "sequence length 0 is below 1"),
    "negative": (("fp16", Options((-1,))), UsageError, "sequence length -1 is below 1"),
    "twice": (("fp16", Options((8, 8))), UsageError, "different sequence lengths, found 8, 8"),
    "none": (("fp16", Options(())), UsageError, "found none"),
    "units": (("fp16", Options(compute_units="gpu")), UsageError, "--compute-units gpu.*cpu-and-ne"),
    "scheme": (("int3", Options()), UsageError, "--quantize int3.*palettize6"),
}


@pytest.mark.parametrize(("call", "error", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_is_refused(call, error, message):
    scheme, options = call
    with pytest.raises(error, match=message) as caught:
        check(options, scheme, positions=48)
    assert "\n" not in str(caught.value)


def test_w8a8_needs_the_range_of_every_tensor(checkpoint, model_of, tmp_path):
    with pytest.raises(LoweringError, match=r"no range of layer\.0\.attention\.context was measured"):
        lower(model_of(checkpoint), "w8a8", Options((8,)), Metadata(""), tmp_path, {"embeddings": 1.0})


def test_w8a8_needs_ranges(checkpoint, model_of, tmp_path):
    with pytest.raises(LoweringError, match="calibrate on real text"):
        lower(model_of(checkpoint), "w8a8", Options((8,)), Metadata(""), tmp_path)


# --- negative controls: what parity must catch is caught --------------------------------------------------------------


@dataclass(frozen=True)
class Transposed:
    stored: object

    @property
    def shape(self):
        return self.stored.shape

    def read(self):
        return np.ascontiguousarray(self.stored.read().T)


def swapped(model):
    query, value = (f"layer.0.attention.{part}.weight" for part in ("query", "value"))
    tensors = dict(model.tensors)
    tensors[query], tensors[value] = tensors[value], tensors[query]
    return replace(model, tensors=tensors)


def transposed(model):
    name = "layer.0.attention.dense.weight"
    return replace(model, tensors={**model.tensors, name: Transposed(model.tensors[name])})


def wrong_epsilon(model):
    return replace(model, geometry=replace(model.geometry, epsilon=1e-3))


@pytest.mark.parametrize("units", UNITS)
@pytest.mark.parametrize("change", [swapped, transposed, wrong_epsilon], ids=lambda change: change.__name__)
def test_a_wrong_model_is_caught(checkpoint, model_of, save, run, change, units):
    saved = run(save(change(model_of(checkpoint)), compute_units=units), batch())
    assert np.abs(saved - reference(checkpoint, batch())).max() > 1e-4


@pytest.mark.parametrize("units", UNITS)
@pytest.mark.parametrize("lowest", [np.inf, float(np.finfo(np.float32).max)])
def test_an_endless_mask_is_caught(checkpoint, model_of, save, run, monkeypatch, lowest, units):
    monkeypatch.setattr(coreml_attention, "LOWEST", lowest)
    with np.errstate(over="ignore"):
        saved = run(save(model_of(checkpoint), "fp16", compute_units=units), batch())
    assert not np.isfinite(saved).all()


@pytest.mark.parametrize("role", [Role.WORD_EMBEDDING, Role.LINEAR])
def test_a_scheme_that_rounds_otherwise_is_caught(checkpoint, model_of, save, run, role):
    """The yardstick of the rounding tests sees the difference between int8 and none."""
    ops = RoundedOps("int8")
    ops.scheme = replace(ops.scheme, **{"word" if role is Role.WORD_EMBEDDING else "linear": Form.PALETTE_4})
    model = model_of(checkpoint)
    model.build(ops, Inputs(batch().ids, batch().mask, batch().types))
    saved = run(save(model, "int8"), batch())
    assert np.abs(saved - ops.tensors["logits"]).max() > 0.01 * np.ptp(ops.tensors["logits"])
