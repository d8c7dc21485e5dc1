"""The two runtimes are compared tensor by tensor: they agree, and a weight that differs is seen."""

import numpy as np
import pytest

from benchmarks.accuracy import coreml_witness
from benchmarks.accuracy.coreml_witness import apples, compared, defined, differences, interpreted, rows
from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import Source
from exporter.targets.registry import TARGETS

needs_coreai = pytest.mark.needs("coreai")


def test_differences_are_shares_of_the_largest_value():
    ours = {"a": np.array([[1.0, -4.0]]), "b": np.zeros(3), "mine": np.ones(1)}
    theirs = {"a": np.array([1.0, -3.0]), "b": np.zeros((3, 1)), "yours": np.ones(1)}
    assert differences(ours, theirs) == {"a": (0.25, 0.5), "b": (0.0, 1.0)}


@needs_coreai
@pytest.mark.parametrize(("scheme", "most"), [("none", 1e-5), ("palettize6", 0.01)])
def test_both_run_the_same_model(checkpoint_of, scheme, most):
    path = checkpoint_of("bert", "text-classification")
    found = compared(path, "bert", "text-classification", scheme)
    assert 0 < found["largest"] < most
    assert found["outputs"].keys() == {"logits"}
    assert {"embeddings", "layer.*.attention.probabilities", "layer.*.output", "logits"} <= found["relative"].keys()
    assert found["tensors"] == len(found["relative"]) > 20


@needs_coreai
def test_the_control_another_weight_is_seen_where_it_is_read(checkpoint_of, tmp_path, monkeypatch):
    path = checkpoint_of("bert", "text-classification")
    checkpoint = load(Source("folder", "x", None, path), "text-classification")

    class Spoilt(coreml_witness.WeightStore):
        def matrix(self, builder, weight, *lay):
            if weight.name == "layer.1.dense.weight":
                weight = type(weight)(weight.name, weight.values * np.float32(1.1), weight.role)
            return super().matrix(builder, weight, *lay)

    monkeypatch.setattr(coreml_witness, "WeightStore", Spoilt)
    sides = interpreted(path, "none", tmp_path / "coreml"), apples(checkpoint, "none", tmp_path)
    batch = next(rows(checkpoint))
    tensors = [
        defined(checkpoint, batch, TARGETS[name].canonical(one.trace(batch)))
        for name, one in zip(("coreml", "coreai"), sides, strict=True)
    ]
    found = {name: gap for name, (gap, _) in differences(*tensors).items()}
    assert found["layer.1.dense"] > 0.01
    assert found["logits"] > 1e-3
    assert found["layer.1.intermediate"] < 1e-5
