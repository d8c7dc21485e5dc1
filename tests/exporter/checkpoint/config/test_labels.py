"""Labels by their ids, from whichever mapping names them; what contradicts is told."""

import pytest

from exporter.checkpoint.config.labels import read_labels, with_labels, without_labels
from runtimes.errors import CheckpointError

NAMES = ("negative", "neutral", "positive")
ID2LABEL = {str(index): name for index, name in enumerate(NAMES)}
LABEL2ID = {name: index for index, name in enumerate(NAMES)}


@pytest.mark.parametrize(
    ("config", "labels"),
    [
        ({"id2label": ID2LABEL}, NAMES),
        ({"label2id": dict(reversed(LABEL2ID.items()))}, NAMES),
        ({"id2label": ID2LABEL, "label2id": {"a": 0}}, NAMES),
        ({"label2id": {"a": 0, "b": 2, "c": 3}}, ("LABEL_0", "LABEL_1", "LABEL_2")),
        ({"label2id": {"a": 0}}, ("LABEL_0", "LABEL_1", "LABEL_2")),
        ({"label2id": {"a": "0", "b": "1", "c": "2"}}, ("LABEL_0", "LABEL_1", "LABEL_2")),
        ({"id2label": {"0": 1, "1": 2, "2": 3}}, ("1", "2", "3")),
        ({}, ("LABEL_0", "LABEL_1", "LABEL_2")),
    ],
)
def test_names_come_from_the_mapping_that_has_them(config, labels):
    assert read_labels(config, 3) == labels


@pytest.mark.parametrize(
    "id2label", [["a", "b", "c"], "a", 5, {"0": "a", "1": "b", "2": None}, {"0": "a", "1": "b", "2": {"c": 1}}, {}]
)
def test_what_is_no_mapping_of_names_is_refused(id2label):
    with pytest.raises(CheckpointError, match="id2label"):
        read_labels({"id2label": id2label}, 3)


def test_a_mapping_that_contradicts_is_told_and_set_right():
    reversed_ids = {name: 2 - index for name, index in LABEL2ID.items()}
    config, notes = with_labels({"id2label": ID2LABEL, "label2id": reversed_ids}, NAMES)
    assert config["label2id"] == LABEL2ID
    assert "label2id" in notes[0]
    assert with_labels({"id2label": ID2LABEL, "label2id": LABEL2ID}, NAMES)[1] == ()


@pytest.mark.parametrize("inverse", [{"a": "0", "b": "1", "c": "2"}, {"a": 0, "b": 2, "c": 3}, {"a": 0}])
def test_names_that_are_not_used_are_told(inverse):
    labels = read_labels({"label2id": inverse}, 3)
    _, notes = with_labels({"label2id": inverse}, labels)
    assert any("label2id says" in note and "these are LABEL_0, LABEL_1, LABEL_2" in note for note in notes)
    assert with_labels({"label2id": LABEL2ID}, NAMES)[1] == ()
    assert with_labels({}, labels)[1] == ()


def test_a_head_without_labels_carries_no_mapping_that_is_none():
    config, notes = without_labels({"id2label": [1], "label2id": LABEL2ID, "problem_type": "x", "a": 1})
    assert config == {"label2id": LABEL2ID, "a": 1}
    assert "id2label, problem_type" in notes[0]
    assert without_labels({"id2label": {"0": "a"}, "label2id": {"a": 0}})[1] == ()


def test_a_number_of_labels_that_is_null_is_left_out():
    """transformers would count to it."""
    assert "num_labels" not in without_labels({"num_labels": None})[0]
    assert "num_labels" not in with_labels({"num_labels": None}, NAMES)[0]
