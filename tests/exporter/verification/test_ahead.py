"""A bundle answers while PyTorch does: the same answers, each given once, and errors where they are asked for."""

from types import SimpleNamespace

import numpy as np
import pytest

from exporter.model.tasks import FILL_MASK, TEXT_CLASSIFICATION
from exporter.verification.ahead import ahead
from runtimes.errors import BundleError
from runtimes.runner import Status, full_batch

BATCHES = [full_batch(np.array([[2, 5, 3]])), full_batch(np.array([[2, 7, 3], [2, 9, 3]]))]


class Counting:
    status, positions = Status.MEASURED, None

    def __init__(self, fails=False):
        self.asked, self.fails = [], fails

    def run(self, batch):
        self.asked.append(batch)
        if self.fails:
            raise BundleError("no answer")
        return {"logits": batch.ids.sum(-1, keepdims=True)}

    def trace(self, batch):
        return {"traced": batch.ids}

    def fit(self, batch):
        return batch


def reference(**changes):
    told = {
        "is_small": True,
        "kept": None,
        "checkpoint": SimpleNamespace(task=TEXT_CLASSIFICATION),
        "batches": lambda _: BATCHES,
    }
    return SimpleNamespace(**told | changes)


def test_each_answer_is_made_once_and_is_the_runners_own():
    runner = Counting()
    found = ahead(runner, reference(), ())
    for batch in BATCHES:
        np.testing.assert_array_equal(found.run(batch)["logits"], batch.ids.sum(-1, keepdims=True))
    assert len(runner.asked) == 2
    found.run(BATCHES[0])  # asked again it is made again: nothing is held for good
    found.run(full_batch(np.array([[2, 8, 3]])))
    assert len(runner.asked) == 4
    assert (found.status, found.positions, found.trace(BATCHES[0])["traced"] is BATCHES[0].ids) == (
        Status.MEASURED,
        None,
        True,
    )


def test_an_error_is_raised_by_the_one_who_asks():
    found = ahead(Counting(fails=True), reference(), ())
    with pytest.raises(BundleError, match="no answer"):
        found.run(BATCHES[0])


OTHERWISE = {
    "large": (reference(is_small=False), ()),
    "trimmed": (reference(kept=np.arange(3)), ()),
    "a vocabulary's scores": (reference(checkpoint=SimpleNamespace(task=FILL_MASK)), ()),
    "fixed lengths": (reference(), (16,)),
}


@pytest.mark.parametrize("name", OTHERWISE)
def test_what_does_not_suit_is_asked_when_it_is_compared(name):
    runner = Counting()
    assert ahead(runner, *OTHERWISE[name]) is runner
    assert runner.asked == []


def test_nor_does_an_interpreter_which_would_be_in_the_way():
    runner = Counting()
    runner.status = Status.SIMULATED
    assert ahead(runner, reference(), ()) is runner
