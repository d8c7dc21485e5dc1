"""Rows go to the shortest model that holds them, padded to its length, and come back in order."""

import numpy as np
import pytest

from runtimes.backends.coreml import apple as coreml
from runtimes.backends.fixed_length import FixedLengthRunner, Interface
from runtimes.errors import BundleError, RuntimeUnavailable, UsageError
from runtimes.runner import Batch, Status


class Counting:
    """A stand-in that answers with the sum of what it was fed, and remembers the shapes."""

    def __init__(self):
        self.shapes = []

    def run(self, feeds):
        self.shapes.append(
            {values.shape for values in feeds.values()} | {str(values.dtype) for values in feeds.values()}
        )
        return {"logits": np.array([[(feeds["input_ids"] * feeds["attention_mask"]).sum()]])}

    trace = run


@pytest.fixture
def runner():
    return FixedLengthRunner(Status.SIMULATED, {4: Counting(), 8: Counting()})


def batch(*lengths, width):
    mask = (np.arange(width) < np.array(lengths)[:, None]).astype(np.int64)
    return Batch(np.arange(1, width + 1)[None] * np.ones_like(mask), mask, np.zeros_like(mask))


def test_each_row_takes_the_shortest_length_that_holds_it(runner):
    out = runner.run(batch(3, 8, 4, width=8))
    assert out["logits"][:, 0].tolist() == [6, 36, 10]
    assert runner.models[4].shapes == [{(1, 4), "int32"}] * 2
    assert runner.models[8].shapes == [{(1, 8), "int32"}]


def test_choices_of_one_text_take_the_length_of_the_longest(runner):
    rows = batch(3, 8, 2, 4, width=8)
    pairs = Batch(*(part.reshape(2, 2, 8) for part in (rows.ids, rows.mask, rows.types)))
    assert runner.run(pairs)["logits"].tolist() == [[6, 36], [3, 10]]
    assert runner.models[8].shapes == [{(1, 8), "int32"}] * 2
    assert runner.models[4].shapes == [{(1, 4), "int32"}] * 2


def test_traced_rows_are_all_of_one_length(runner):
    runner.trace(batch(3, 8, width=8))
    assert runner.models[8].shapes == [{(1, 8), "int32"}] * 2


def test_a_row_of_padding_alone_is_run(runner):
    assert runner.run(batch(0, width=30))["logits"].tolist() == [[0]]
    assert runner.models[8].shapes == [{(1, 8), "int32"}]


def test_fitting_pads_and_cuts_padding_alone(runner):
    assert runner.fit(batch(2, 3, width=3)).ids.shape == (2, 4)
    assert runner.fit(batch(3, width=20)).mask.tolist() == [[1, 1, 1, 0]]
    assert runner.positions == 8


def test_padding_has_the_models_own_id_and_only_what_it_reads_is_fed():
    seen = []

    class Recording(Counting):
        def run(self, feeds):
            seen.append(feeds)
            return super().run(feeds)

    interface = Interface(inputs=("input_ids", "attention_mask"), pad_id=9)
    FixedLengthRunner(Status.SIMULATED, {4: Recording()}, interface).run(batch(2, width=2))
    assert set(seen[0]) == {"input_ids", "attention_mask"}
    assert seen[0]["input_ids"].tolist() == [[1, 2, 9, 9]]


def test_a_text_too_long_is_an_error_and_not_cut(runner):
    with pytest.raises(UsageError, match="9 tokens, and the model takes 8"):
        runner.run(batch(9, width=9))


def test_apples_runtime_is_unavailable_elsewhere(monkeypatch, tmp_path):
    monkeypatch.setattr(coreml.sys, "platform", "linux")
    with pytest.raises(RuntimeUnavailable, match="needs macOS"):
        coreml.open_apple([(tmp_path, None, 4)], "all", Interface())
    with pytest.raises(RuntimeUnavailable, match="simulated"):
        coreml.placement(tmp_path, "all")


def test_apples_runtime_through_a_stand_in(monkeypatch, tmp_path):
    """What coremltools is asked for; that Apple's runtime then answers is only seen on a Mac."""
    asked = []

    class Model:
        def __init__(self, path, compute_units, function_name):
            asked.append((path, compute_units.name, function_name))

        def predict(self, feeds):
            return {"logits": np.array([[float(feeds["input_ids"].sum())]])}

    import coremltools

    monkeypatch.setattr(coremltools.models, "MLModel", Model)
    monkeypatch.setattr(coreml.sys, "platform", "darwin")
    found = coreml.open_apple([(tmp_path, "length_4", 4)], "cpu-and-ne", Interface())
    assert found.status is Status.MEASURED
    assert found.run(batch(2, width=2))["logits"].tolist() == [[3.0]]
    assert asked == [(str(tmp_path), "CPU_AND_NE", "length_4")]
    assert found.models[4].load_s >= 0


class Refusing:
    def __init__(self, path, compute_units, function_name):
        if function_name == "length_9":
            raise RuntimeError("Error compiling model:\nno such function")

    def predict(self, feeds):
        raise ValueError("shape (1, 4) is not allowed")


def test_what_core_ml_says_is_one_line(monkeypatch, tmp_path):
    import coremltools

    monkeypatch.setattr(coremltools.models, "MLModel", Refusing)
    with pytest.raises(BundleError, match="length_9: Core ML does not load it: Error compiling model: no such"):
        coreml.load(tmp_path, "length_9", "all")
    with pytest.raises(BundleError, match="cannot run the model: shape"):
        coreml.load(tmp_path, None, "all").run({})
