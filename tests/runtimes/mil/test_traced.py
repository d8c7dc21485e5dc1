"""Packages we did not build: BERT-like modules traced by coremltools, and activations quantised by it.

transformers 5's own BERT cannot be traced with coremltools 9.0 (`int` of a shape under numpy 2.4, `new_ones`), so the
module is a plain one, written the usual way.
"""

import math
from unittest import mock

import coremltools as ct
import coremltools.optimize.coreml as cto
import numpy as np
import pytest
import torch
from coremltools.optimize.coreml.experimental import _model_debugger

from runtimes.mil import open_package
from runtimes.mil.package import read_package

# coremltools 9.0 converts nothing but what `torch.jit.trace` made, and torch 2.13 calls that deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")

HIDDEN, HEADS, LENGTH, VOCABULARY = 32, 2, 12, 50
IDS = np.random.default_rng(3).integers(0, VOCABULARY, (2, LENGTH)).astype(np.int32)
MASK = np.repeat(np.arange(LENGTH)[None] < np.array([[LENGTH], [7]]), 1, axis=0).astype(np.int32)


class Layer(torch.nn.Module):
    def __init__(self, fused, activation):
        super().__init__()
        self.qkv = torch.nn.Linear(HIDDEN, 3 * HIDDEN)
        self.out = torch.nn.Linear(HIDDEN, HIDDEN)
        self.up, self.down = torch.nn.Linear(HIDDEN, 4 * HIDDEN), torch.nn.Linear(4 * HIDDEN, HIDDEN)
        self.norms = torch.nn.ModuleList(torch.nn.LayerNorm(HIDDEN, eps=1e-12) for _ in range(2))
        self.activation = activation
        self.fused = fused

    def forward(self, x, mask):
        heads = self.qkv(x).view(2, LENGTH, 3, HEADS, HIDDEN // HEADS).permute(2, 0, 3, 1, 4)
        query, key, value = heads.unbind(0)
        if self.fused:
            context = torch.nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        else:
            scores = query @ key.transpose(-1, -2) / math.sqrt(HIDDEN // HEADS) + mask
            context = torch.softmax(scores, -1) @ value
        x = self.norms[0](x + self.out(context.transpose(1, 2).reshape(2, LENGTH, HIDDEN)))
        return self.norms[1](x + self.down(self.activation(self.up(x))))


class Encoder(torch.nn.Module):
    def __init__(self, fused, activation):
        super().__init__()
        self.words = torch.nn.Embedding(VOCABULARY, HIDDEN)
        self.positions = torch.nn.Embedding(LENGTH, HIDDEN)
        self.layers = torch.nn.ModuleList(Layer(fused, activation) for _ in range(2))
        self.head = torch.nn.Linear(HIDDEN, 3)

    def forward(self, ids, mask):
        x = self.words(ids) + self.positions(torch.arange(LENGTH))
        added = (1.0 - mask[:, None, None, :].float()) * -1e4
        for layer in self.layers:
            x = layer(x, added)
        kept = mask[..., None].float()
        mean = (x * kept).sum(1) / kept.sum(1).clamp(min=1e-9)  # as sentence-transformers pool
        return self.head(torch.tanh(x[:, 0])), torch.nn.functional.normalize(mean, dim=-1)


def trace(fused=False, activation=torch.nn.functional.gelu, target=ct.target.iOS17, precision=ct.precision.FLOAT32):
    torch.manual_seed(0)
    module = Encoder(fused, activation).eval()
    example = torch.from_numpy(IDS), torch.from_numpy(MASK)
    with torch.no_grad():
        outputs = [output.numpy() for output in module(*example)]
        traced = torch.jit.trace(module, example)
    model = ct.convert(
        traced,
        inputs=[ct.TensorType("ids", IDS.shape, np.int32), ct.TensorType("mask", MASK.shape, np.int32)],
        outputs=[ct.TensorType("logits"), ct.TensorType("embedding")],
        minimum_deployment_target=target,
        compute_precision=precision,
        skip_model_load=True,
    )
    return model, outputs


def run(model, path, **options):
    model.save(str(path))
    results = open_package(path, **options).run({"ids": IDS, "mask": MASK})
    return [results["logits"], results["embedding"]]


def tanh_gelu(x):
    return torch.nn.functional.gelu(x, approximate="tanh")


@pytest.mark.parametrize(
    ("activation", "target", "fused"),
    [
        (torch.nn.functional.gelu, ct.target.iOS15, False),
        (tanh_gelu, ct.target.iOS16, True),
        (torch.relu, ct.target.iOS17, False),
        (torch.nn.functional.silu, ct.target.iOS18, True),
    ],
)
def test_a_traced_module_equals_torch(new_path, activation, target, fused):
    model, expected = trace(fused, activation, target)
    for result, truth in zip(run(model, new_path()), expected, strict=True):
        np.testing.assert_allclose(result, truth, rtol=0, atol=1e-5)


@pytest.mark.parametrize("precision", ["declared", "strict"])
def test_a_traced_module_in_half_precision_is_close(new_path, precision):
    model, expected = trace(fused=True, target=ct.target.iOS18, precision=ct.precision.FLOAT16)
    for result, truth in zip(run(model, new_path(), precision=precision), expected, strict=True):
        assert 0 < np.abs(result - truth).max() <= 0.01 * np.ptp(truth)


def test_quantised_activations_stay_close(new_path):
    """W8A8. coremltools calibrates through `MLModel.predict`, which exists on macOS only: it is lent our `trace`."""
    model, expected = trace(precision=ct.precision.FLOAT16)
    quantizer = cto.OpLinearQuantizerConfig(mode="linear_symmetric", weight_threshold=512)
    # The additions of the mask would be calibrated to −1e4 and keep nothing of the scores.
    config = cto.OptimizationConfig(global_config=quantizer, op_type_configs={"add": None})
    with mock.patch.object(_model_debugger.ModelDebugger, "predict_intermediate_outputs", _lend(new_path)):
        quantised = cto.linear_quantize_activations(model, config, [{"ids": IDS, "mask": MASK}])
    results = run(cto.linear_quantize_weights(quantised, config), path := new_path())
    kinds = {step.operation for step in open_package(path).steps}
    assert {"quantize", "dequantize"} <= kinds
    assert "constexpr_affine_dequantize" in str(read_package(path).model)
    for result, truth in zip(results, expected, strict=True):
        assert 0 < np.abs(result - truth).max() <= 0.1 * np.ptp(truth)


def _lend(new_path):
    programs = {}

    def predict(debugger, feeds, names, *_):
        if id(debugger) not in programs:
            path = new_path()
            spec, weights = debugger.model_info.spec, debugger.weights_dir
            ct.models.MLModel(spec, weights_dir=weights, skip_model_load=True).save(str(path))
            programs[id(debugger)] = open_package(path)
        tensors = programs[id(debugger)].trace(feeds)
        return {name: tensors[name] for name in names if name in tensors and tensors[name].dtype != bool}

    return predict
