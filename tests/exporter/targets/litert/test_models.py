"""Whole models of every family, task and scheme in LiteRT's interpreter, beside numpy over what they store."""

import functools
import io
from functools import partial

import numpy as np
import pytest

from benchmarks.models.seeded import KINDS, task_of
from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import HubOptions, resolve
from exporter.compression import integer_rounding
from exporter.compression.product_quantization import product_quantise, shared_quantise
from exporter.compression.weight_exceptions import Keep
from exporter.model.families.registry import FAMILIES
from exporter.model.numpy_ops import NumpyOps
from exporter.model.ops import Inputs, Role
from exporter.model.weight_list import rounded_weights
from exporter.targets.encoding.storage import IN_INTEGERS, Storage
from exporter.targets.litert import file
from exporter.targets.litert.graph import assemble
from exporter.targets.litert.lower import build, check_lengths
from exporter.targets.litert.names import canonical_tensors
from exporter.targets.litert.schemes import SCHEMES
from exporter.targets.litert.weights import WeightStore
from runtimes.backends.fixed_length import Interface
from runtimes.backends.litert.fixed import open_fixed
from runtimes.backends.litert.runner import LiteRtRunner
from runtimes.backends.pytorch.runner import TorchRunner
from runtimes.errors import UsageError
from runtimes.runner import Batch
from tests.covering import cover, marked

LENGTHS = (13, 7)
HIDDEN = -3e4
"""What a LiteRT file gives a score of padding: −1e18 is no float16."""
GEOMETRIES = {
    "one head": {"num_attention_heads": 1},
    "five heads": {"num_attention_heads": 5, "hidden_size": 40},
    "seven heads of odd widths": {"num_attention_heads": 7, "hidden_size": 63, "intermediate_size": 37},
    "twelve heads": {"num_attention_heads": 12, "hidden_size": 48},
    "one layer": {"num_hidden_layers": 1},
    "three layers, tanh gelu": {"num_hidden_layers": 3, "hidden_act": "gelu_new"},
    "silu, one type": {"hidden_act": "silu", "type_vocab_size": 1},
    "relu": {"hidden_act": "relu", "hidden_size": 24},
}


@functools.cache
def model_of(folder):
    return load(resolve(str(folder), HubOptions())).model


def lowered(model, scheme, lengths=(), keep=()):
    """The bytes of a .tflite file."""
    encode = partial(product_quantise, narrow=SCHEMES[scheme].narrow)
    weights, content = WeightStore(SCHEMES[scheme].storage, Keep(keep), encode), io.BytesIO()
    file.write(content, assemble(build(model, lengths, weights), weights.arrays, "a test"))
    return content.getvalue()


def opened(model, place, scheme, lengths=()):
    path = place / "model.tflite"
    path.write_bytes(lowered(model, scheme, lengths))
    if not lengths:
        return LiteRtRunner(path)
    tokens = frozenset(name for name, extent in model.outputs.items() if "S" in extent.value)
    return open_fixed(path, lengths, Interface(model.inputs, tokens, model.geometry.pad), 1)


def batch(model, rows=4, tokens=13):
    """Rows of full length, of half, of one token, and of padding alone; with two choices each where there are any."""
    random, pad, geometry = np.random.default_rng(5), model.geometry.pad, model.geometry
    shape = (rows, 2, tokens) if model.task.choices else (rows, tokens)
    used = np.array([tokens, max(1, tokens // 2), 1, 0])[np.arange(rows) % 4].reshape(rows, *[1] * (len(shape) - 1))
    mask = np.broadcast_to(np.arange(tokens) < used, shape).astype(np.int64)
    ids = np.where(mask, random.integers(pad + 1, min(geometry.vocabulary, 79), shape), pad)
    return Batch(ids, mask, random.integers(0, max(1, geometry.types), shape) * mask)


def stored(weight, scheme):
    """The values that a scheme's file has of a weight."""
    values, storage = weight.values, SCHEMES[scheme].storage[weight.role]
    is_table = weight.role in (Role.WORD_EMBEDDING, Role.POSITION_EMBEDDING)
    match storage:
        case Storage.FLOAT32:
            return values
        case Storage.FLOAT16:
            return values.astype(np.float16).astype(np.float32)
        case Storage.INT4_BLOCK:
            q, scale = integer_rounding.int4_blocks(values, positive_scales=True)
            return (q.astype(np.float32) - 8) * np.repeat(scale.astype(np.float32), q.shape[1] // scale.shape[1], 1)
        case Storage.INT4_DYNAMIC:
            q, scale = integer_rounding.int4_rows(values)
        case Storage.CODES | Storage.CODES_INT8:
            return product_quantise(values, narrow=SCHEMES[scheme].narrow).restored
        case Storage.SHARED_CODES:
            return shared_quantise(values).restored
        case _:
            q, scale = integer_rounding.int8(values, np.float16 if is_table else np.float32)
    return q.astype(np.float32) * scale.astype(np.float32)


class LiteRtArithmetic(NumpyOps):
    """numpy over stored weights, with what is multiplied in integers rounded to 256 levels by token, as XNNPACK does.

    Its `xnn_f32_qd8_asymmetric_quantization_params`: 0 is a level, the ends of the range are the first and the last.
    """

    def __init__(self, model, scheme):
        super().__init__({weight.name: stored(weight, scheme) for weight in rounded_weights(model)})
        self.scheme = SCHEMES[scheme]

    def linear(self, name, x, weight, bias):
        return super().linear(name, self._rounded(x, weight), weight, bias)

    def grouped_linear(self, name, x, weight):
        groups = x.reshape(len(x), len(weight.values), -1)
        return super().grouped_linear(name, self._rounded(groups, weight).reshape(x.shape), weight)

    def row_products(self, name, x, table, bias, rest=None):
        width = table.values.shape[1]
        within = in_levels(x[..., :width]) if self.scheme.integers else x[..., :width]
        return super().row_products(name, np.concatenate([within, x[..., width:]], -1), table, bias, rest)

    def _rounded(self, x, weight):
        return in_levels(x) if self.scheme.storage[weight.role] in IN_INTEGERS else x


def in_levels(x):
    """x [..., n] to the nearest of 256 levels between its least and its largest number."""
    least, largest = np.minimum(x.min(-1, keepdims=True), 0), np.maximum(x.max(-1, keepdims=True), 0)
    steps = np.divide(np.float32(255), largest - least, out=np.ones_like(least), where=largest > least)
    low, high = -128 + least * steps, 127 + largest * steps
    zero = np.rint(np.clip(np.where(low + high > 0, -128 - least * steps, 127 - largest * steps), -128, 127))
    return (np.clip(np.rint(x * steps) + zero, -128, 127) - zero) / steps


def definition(model, given, scheme="none"):
    """Every tensor, with outputs in the shapes that they have outside."""
    ops, read = LiteRtArithmetic(model, scheme), given.feeds(model.inputs).values()
    model.build(ops, Inputs(*(part.reshape(-1, part.shape[-1]) for part in read)))
    shapes = dict.fromkeys(model.outputs, given.ids.shape[:2]) if model.task.choices else {}
    return ops.tensors | {name: ops.tensors[name].reshape(shape) for name, shape in shapes.items()}


def bound(model, tensors):
    """How far floats may be off: each sum of n terms costs up to n · 2⁻²⁴ of the largest number, on both sides."""
    geometry = model.geometry
    terms = geometry.layers * (4 * geometry.hidden + 2 * geometry.intermediate + 2 * geometry.positions)
    terms = terms or geometry.positions + geometry.hidden  # of a table: its rows' mean, and the mean's length
    largest = max(np.abs(values[np.abs(values) < 1e9]).max(initial=0) for values in tensors.values())
    return 2 * terms * 2.0**-24 * largest


def assert_as_stored(model, runner, batches, scheme):
    """Floats within their bound. In integers most outputs are as near.

    A number at the middle of two levels falls to one or the other for a last digit, and takes a text's outputs with it:
    by a few hundredths of the largest, in models that nothing was taught.
    """
    shares = []
    for given in batches:
        tensors, found = definition(model, given, scheme), runner.run(given)
        assert set(found) == set(model.outputs)
        for name, values in found.items():
            assert values.shape == tensors[name].shape
            differs = np.abs(values - tensors[name])
            shares.append(differs.reshape(-1) / (np.abs(tensors[name]).max() or 1))  # padding alone may give zeros
            assert SCHEMES[scheme].integers or differs.max() <= bound(model, tensors), (name, differs.max())
    every = np.concatenate(shares)
    assert np.median(every) < 1e-3
    assert every.mean() < 0.05


def possible(family, task, scheme):
    """Codes cannot be multiplied with, nor tables in int4 by rows as narrow as those of these checkpoints."""
    if task != "fill-mask":
        return True
    return not SCHEMES[scheme].codes and (scheme, family) not in {
        (INT4, one) for one in ("electra", "mobilebert", "albert")
    }


INT4 = "int4-embeddings"
CASES = [(*kind, scheme) for kind in KINDS for scheme in SCHEMES if possible(*kind, scheme)]
OF_LENGTHS = [(*kind, scheme) for kind in KINDS for scheme in ("none", "int8")]


@pytest.mark.parametrize(("family", "task", "scheme"), marked(CASES, cover(CASES)))
def test_a_model_computes_what_its_stored_weights_say(checkpoint_of, tmp_path, family, task, scheme):
    model = model_of(checkpoint_of(family, task))
    runner = opened(model, tmp_path, scheme)
    batches = [batch(model, rows, tokens) for rows, tokens in ((8, 13), (1, 1), (2, 40))]
    assert_as_stored(model, runner, batches, scheme)


@pytest.mark.parametrize(("family", "task", "scheme"), marked(OF_LENGTHS, cover(OF_LENGTHS)))
def test_so_does_one_of_fixed_lengths(checkpoint_of, tmp_path, family, task, scheme):
    model = model_of(checkpoint_of(family, task))
    runner = opened(model, tmp_path, scheme, LENGTHS)
    fitted = [runner.fit(item) for item in batch(model, 8).items]
    assert {given.ids.shape[-1] for given in fitted} == set(LENGTHS)
    assert_as_stored(model, runner, fitted, scheme)


def pairs(geometry):
    """The schemes for a geometry: codes are of four numbers, and int4 has two in a byte."""
    width = GEOMETRIES[geometry].get("hidden_size", 32)
    return [name for name, one in SCHEMES.items() if width % 4 == 0 or not (one.codes or name == INT4)]


@pytest.mark.parametrize(("geometry", "scheme"), [(name, scheme) for name in GEOMETRIES for scheme in pairs(name)])
def test_so_does_one_of_another_geometry(make_checkpoint, tmp_path, geometry, scheme):
    model = model_of(make_checkpoint(**GEOMETRIES[geometry]))
    assert_as_stored(model, opened(model, tmp_path, scheme), [batch(model, 8), batch(model, 3, 40)], scheme)


def test_one_whose_weights_are_others_would_be_seen(checkpoint, tmp_path):
    """The control: what float16 loses is beyond the bound of floats, and what int4 loses beyond that of integers."""
    model = model_of(checkpoint)
    for saved, other in (("fp16", "none"), ("int4-embeddings", "int8")):
        with pytest.raises(AssertionError):
            assert_as_stored(model, opened(model, tmp_path, saved), [batch(model)], other)


@pytest.mark.parametrize("geometry", GEOMETRIES.values(), ids=GEOMETRIES)
def test_float32_equals_pytorch(make_checkpoint, tmp_path, geometry):
    folder = make_checkpoint(**geometry)
    model = model_of(folder)
    given = batch(model)
    expected = TorchRunner(folder, "BertForSequenceClassification").run(given)["logits"]
    np.testing.assert_allclose(opened(model, tmp_path, "none").run(given)["logits"], expected, atol=1e-4)


@pytest.mark.parametrize("lengths", [(), LENGTHS])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_named_tensor_equals_the_definition(checkpoint_of, tmp_path, family, lengths):
    """Under the same name, in the same shape; the mask's is each target's own, and so is a hidden token's score."""
    model = model_of(checkpoint_of(family, task_of(family, "text-classification")))
    runner = opened(model, tmp_path, "none", lengths)
    for item in batch(model).items[:2]:
        given = runner.fit(item)
        ours, saved = definition(model, given), canonical_tensors(runner.trace(given))
        assert set(ours) - set(saved) <= {"mask"}
        for name in set(ours) - {"mask"}:
            assert saved[name].shape == ours[name].shape, name
            np.testing.assert_allclose(saved[name], np.maximum(ours[name], HIDDEN), atol=2e-4, err_msg=name)


@pytest.mark.parametrize("lengths", [(), LENGTHS])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_same_bytes_each_time(checkpoint, scheme, lengths):
    assert lowered(model_of(checkpoint), scheme, lengths) == lowered(model_of(checkpoint), scheme, lengths)


def test_weights_lie_as_the_scheme_says():
    sizes = {name: len(lowered(model_of("demo"), name)) for name in SCHEMES if not SCHEMES[name].codes}
    assert sizes["none"] > sizes["fp16"] > sizes["int8-weights"] > sizes["int8"] > sizes["int4-embeddings"]


def test_what_is_kept_wider_is_stored_so(checkpoint):
    model = model_of(checkpoint)
    kept = lowered(model, "int8", keep=("embeddings.word.*=float16", "layer.0.*"))
    assert len(lowered(model, "int8")) < len(kept) < len(lowered(model, "none"))


@pytest.mark.parametrize(
    ("lengths", "said"),
    [
        ((1,), "litert: --sequence-length 1: the checkpoint takes 2 to 48 tokens"),
        ((16, 49), "litert: --sequence-length 49: the checkpoint takes 2 to 48 tokens"),
        ((16, 16), "litert: --sequence-length 16 16: give each length once"),
    ],
)
def test_lengths_that_cannot_be_are_refused(lengths, said):
    with pytest.raises(UsageError) as error:
        check_lengths(lengths, 48)
    assert str(error.value) == said
