"""Files of other tools: their names, types, lengths and signatures."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.fuzz.seeds import write_checkpoint
from exporter.options.request import Request
from exporter.pipeline import export
from exporter.targets.litert.file import write
from exporter.targets.target import Settings
from runtimes.backends.foreign import Expected
from runtimes.backends.litert.foreign import open_litert_of_others
from runtimes.backends.registry import of_file, open_file
from runtimes.errors import BundleError
from runtimes.runner import INPUTS, Batch
from runtimes.tflite.model import Node, Signature, Tensor
from runtimes.tflite.reading import read_model

EXPECTED = Expected(INPUTS, ("logits",), frozenset(), pad_id=0)
IDS = np.random.default_rng(0).integers(5, 30, (3, 7))
BATCH = Batch(IDS, (np.arange(7) < np.array([[7], [5], [1]])).astype(np.int64), np.zeros_like(IDS))
MEDIAPIPE = ("ids", "mask", "segment_ids")
TENSORFLOW = tuple(f"serving_default_{name}:0" for name in INPUTS)


@pytest.fixture(scope="module")
def honest(tmp_path_factory):
    """Of any length, and of 8 and 16 tokens: models as they are read."""
    place = tmp_path_factory.mktemp("honest")
    checkpoint = write_checkpoint(place / "checkpoint")
    made = []
    for lengths in ((), (8, 16)):
        folder, settings = place / str(len(lengths)), Settings.of(sequence_lengths=lengths)
        export(Request(str(checkpoint), ("litert",), destination=folder, settings=settings, verify=False))
        made.append(read_model(folder / "model.tflite"))
    return made


@pytest.fixture
def answers(honest, saved):
    """What the model itself says."""
    return open_litert_of_others(saved(honest[0], "honest.tflite"), EXPECTED).runner.run(BATCH)["logits"]


@pytest.fixture
def saved(tmp_path):
    def save(model, name="model.tflite"):
        with (tmp_path / name).open("wb") as file:
            write(file, model)
        return tmp_path / name

    return save


def called(model, names, key="serving_default"):
    """With other names in the signature; or of the tensors, without one."""
    (graph, *_), (first, *_) = model.subgraphs, model.signatures
    if not key:
        tensors = [
            replace(one, name=dict(zip(INPUTS, names, strict=True)).get(one.name, one.name)) for one in graph.tensors
        ]
        return replace(model, subgraphs=[replace(graph, tensors=tensors)], signatures=[])
    inputs = dict(zip(names, first.inputs.values(), strict=True))
    return replace(model, signatures=[Signature(key, 0, inputs, {"output_0": graph.outputs[0]})])


def typed(model, dtype):
    """With inputs of another type, which it casts."""
    ((graph, *_), (first, *_)), tensors, casts = (model.subgraphs, model.signatures), [], []
    for number in graph.inputs:
        tensors.append(Tensor(f"{graph.tensors[number].name}.given", dtype, graph.tensors[number].shape))
        casts.append(Node("CAST", 1, (len(graph.tensors) + len(tensors) - 1,), (number,)))
    given = {number: cast.inputs[0] for number, cast in zip(graph.inputs, casts, strict=True)}
    whole = replace(
        graph, tensors=[*graph.tensors, *tensors], inputs=tuple(given.values()), nodes=[*casts, *graph.nodes]
    )
    signature = replace(first, inputs={name: given[number] for name, number in first.inputs.items()})
    return replace(model, subgraphs=[whole], signatures=[signature])


NAMES = {
    "transformers": (INPUTS, "serving_default"),
    "litert-torch, by place": (("args_0", "args_1", "args_2"), "shape_1x16"),
    "MediaPipe": (MEDIAPIPE, "serving_default"),
    "TensorFlow Hub": (("input_word_ids", "input_mask", "input_type_ids"), "serving_default"),
    "TensorFlow, without a signature": (TENSORFLOW, ""),
    "MediaPipe, without a signature": (MEDIAPIPE, ""),
}


@pytest.mark.parametrize("tool", NAMES)
def test_it_answers_by_whatever_name(honest, saved, answers, tool):
    names, key = NAMES[tool]
    opened = open_litert_of_others(saved(called(honest[0], names, key)), EXPECTED)
    assert set(opened.reads) == set(INPUTS)
    assert opened.outputs == ("logits",)
    assert opened.lengths == ()
    assert np.array_equal(opened.runner.run(BATCH)["logits"], answers)


def test_the_control_two_names_the_other_way_round_answer_otherwise(honest, saved, answers):
    ids, mask, types = MEDIAPIPE
    opened = open_litert_of_others(saved(called(honest[0], (ids, types, mask))), EXPECTED)
    assert not np.allclose(opened.runner.run(BATCH)["logits"], answers)


@pytest.mark.parametrize("dtype", ["int64", "float32"])
def test_inputs_are_given_in_the_type_that_is_taken(honest, saved, answers, dtype):
    opened = open_litert_of_others(saved(typed(honest[0], dtype)), EXPECTED)
    assert np.array_equal(opened.runner.run(BATCH)["logits"], answers)


def test_every_signature_is_a_length(honest, saved, answers):
    opened = open_litert_of_others(saved(honest[1]), EXPECTED)
    assert opened.lengths == (8, 16)
    found = opened.runner.run(BATCH)["logits"]
    assert found.shape == (3, 3)
    assert np.abs(found - answers).max() < 1e-5
    assert opened.runner.run(BATCH.resized(12, 0))["logits"].shape == (3, 3)


def test_a_batch_that_is_one_is_run_row_by_row(honest, saved, answers):
    """Any length, and one text at a time."""
    (graph,) = honest[0].subgraphs
    tensors = [
        replace(one, shape=(1, *one.shape[1:])) if at in graph.inputs else one for at, one in enumerate(graph.tensors)
    ]
    opened = open_litert_of_others(saved(replace(honest[0], subgraphs=[replace(graph, tensors=tensors)])), EXPECTED)
    found = opened.runner.run(BATCH)["logits"]
    assert found.shape == (3, 3)
    assert np.abs(found - answers).max() < 1e-5


def test_the_registry_opens_it(honest, saved):
    path = saved(honest[0])
    assert of_file(path).name == "litert"
    assert open_file(path, EXPECTED).outputs == ("logits",)


def shaped(model, shape):
    (graph,) = model.subgraphs
    tensors = [replace(one, shape=shape) if at == graph.inputs[0] else one for at, one in enumerate(graph.tensors)]
    return replace(model, subgraphs=[replace(graph, tensors=tensors)])


REFUSED = {
    "inputs of other names": (lambda one: called(one, ("pixels", "mask", "segment_ids")), "inputs: expected input_ids"),
    "no ids": (lambda one: called(one, ("args_7", "mask", "segment_ids")), "found args_7"),
    "inputs of bytes": (lambda one: typed(one, "uint8"), "inputs of one shape and of integers"),
    "inputs of two shapes": (lambda one: shaped(one, (-1, 9)), "expected inputs of one shape"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_is_one_line(honest, saved, name):
    change, match = REFUSED[name]
    with pytest.raises(BundleError, match=match) as caught:
        open_litert_of_others(saved(change(honest[0])), EXPECTED)
    assert str(caught.value).isprintable()


def test_outputs_that_are_not_expected_are_listed(honest, saved):
    expected = replace(EXPECTED, outputs=("start_logits", "end_logits"))
    with pytest.raises(BundleError, match=r"outputs: expected start_logits, end_logits, found logits"):
        open_litert_of_others(saved(honest[0]), expected)


def test_a_batch_of_four_is_refused(graph):
    x = graph.input("input_ids", (4, 8), "int32")
    path = graph.saved(graph.node("CAST", [x], (4, 8)))
    with pytest.raises(BundleError, match=r"expected inputs \[1, length\], found \[4, 8\]"):
        open_litert_of_others(path, replace(EXPECTED, inputs=("input_ids",)))


def test_without_the_extra_the_next_step_is_to_install_it(honest, saved, monkeypatch):
    monkeypatch.setattr("runtimes.extras.find_spec", lambda _name: None)
    with pytest.raises(Exception, match=r"pip install 'bertport\[litert\]'"):
        open_litert_of_others(saved(honest[0]), EXPECTED)
