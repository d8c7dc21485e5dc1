"""The encoder over plain numpy equals transformers' own model: the algebra is right before any target spells it."""

import numpy as np
import pytest

from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import HubOptions, resolve
from exporter.model.numpy_ops import trace
from runtimes.backends.pytorch.runner import TorchRunner
from runtimes.runner import Batch

GEOMETRIES = {
    "two heads": {},
    "four heads": {"num_attention_heads": 4},
    "one head": {"num_attention_heads": 1},
    "one layer": {"num_hidden_layers": 1},
    "three layers": {"num_hidden_layers": 3},
    "one type": {"type_vocab_size": 1},
    "tanh gelu": {"hidden_act": "gelu_new"},
    "relu": {"hidden_act": "relu"},
    "silu": {"hidden_act": "silu"},
    "large epsilon": {"layer_norm_eps": 0.01},
}


def batch(types: int = 2) -> Batch:
    random = np.random.default_rng(3)
    ids = random.integers(0, 30, (3, 11))
    mask = (np.arange(11) < np.array([11, 6, 1])[:, None]).astype(np.int64)
    return Batch(ids, mask, random.integers(0, types, (3, 11)))


@pytest.mark.parametrize("geometry", GEOMETRIES.values(), ids=GEOMETRIES)
def test_the_graph_equals_pytorch(make_checkpoint, geometry):
    folder = make_checkpoint(**geometry)
    model = load(resolve(str(folder), HubOptions())).model
    inputs = batch(geometry.get("type_vocab_size", 2))
    ours = trace(model, inputs.ids, inputs.mask, inputs.types)
    theirs = TorchRunner(folder, "BertForSequenceClassification", modules=model.modules).trace(inputs)
    np.testing.assert_allclose(ours["logits"], theirs["logits"], atol=2e-5)
    np.testing.assert_allclose(ours["embeddings"], theirs["embeddings"], atol=2e-5)


def test_hidden_states_bear_their_names_and_values(checkpoint):
    model = load(resolve(str(checkpoint), HubOptions())).model
    inputs = batch()
    ours = trace(model, inputs.ids, inputs.mask, inputs.types)
    theirs = TorchRunner(checkpoint, "BertForSequenceClassification", modules=model.modules).trace(inputs)
    for name in ("layer.0.attention.output", "layer.0.intermediate", "layer.0.output"):
        np.testing.assert_allclose(ours[name], theirs[name], atol=2e-5)
    np.testing.assert_allclose(ours["layer.1.output"], theirs["layer.1.output"][:, 0], atol=2e-5)


def test_a_changed_weight_is_seen(checkpoint, make_checkpoint, edit_weights):
    other = make_checkpoint()
    edit_weights(other, lambda t: t["bert.encoder.layer.0.attention.self.query.weight"].__iadd__(0.05))
    inputs = batch()
    left, right = (load(resolve(str(f), HubOptions())).model for f in (checkpoint, other))
    a, b = (trace(m, inputs.ids, inputs.mask, inputs.types)["logits"] for m in (left, right))
    assert np.abs(a - b).max() > 1e-3
