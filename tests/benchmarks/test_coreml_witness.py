"""The record of the witness: both runtimes over one family and task, the tensors of all layers as one."""

import pytest

from benchmarks.accuracy.coreml_witness import _entered, compared, of_all_layers
from runtimes.errors import UnsupportedError


def test_the_tensors_of_all_layers_are_one():
    found = {"layer.0.dense": [(0.1, 1.0)], "layer.1.dense": [(0.3, 0.5), (0.2, 0.0)], "logits": [(0.0, 1.0)]}
    merged = {"layer.*.dense": [(0.1, 1.0), (0.3, 0.5), (0.2, 0.0)], "logits": [(0.0, 1.0)]}
    assert of_all_layers(found) == merged


@pytest.mark.needs("coreai")
@pytest.mark.parametrize(("scheme", "most"), [("none", 1e-5), ("palettize6", 0.01)])
def test_both_run_the_same_model(checkpoint_of, scheme, most):
    path = checkpoint_of("bert", "text-classification")
    found = compared(path, "bert", "text-classification", scheme)
    assert 0 < found["largest"] < most
    assert found["outputs"].keys() == {"logits"}
    assert {"embeddings", "layer.*.attention.probabilities", "layer.*.output", "logits"} <= found["relative"].keys()
    assert found["tensors"] == len(found["relative"]) > 20


@pytest.mark.needs("coreai")
def test_what_every_target_refuses_is_entered_by_name(checkpoint_of):
    record = {"compared": {}, "refused": {}}
    said = _entered(record, checkpoint_of("bert", "fill-mask"), "bert fill-mask pq")
    assert record == {"compared": {}, "refused": {"bert fill-mask pq": said}}
    assert "multiplies with its whole word table, which codes cannot" in said


@pytest.mark.needs("coreai")
def test_a_weight_of_which_one_side_encodes_parts_is_not_compared(checkpoint_of):
    """DeBERTa's tables of distances, by head in Core AI; in float16 both store the same."""
    path = checkpoint_of("deberta-v2", "text-classification")
    with pytest.raises(UnsupportedError, match=r"distance_key.* by itself, a package the table that it is of"):
        compared(path, "deberta-v2", "text-classification", "palettize4")
    assert 0 < compared(path, "deberta-v2", "text-classification", "fp16")["largest"] < 0.01
