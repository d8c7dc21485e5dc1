"""A child of fixed lengths is asked rows of one of them, padded here, and what it does not read is nothing."""

import numpy as np
import pytest

from runtimes.backends.emulation.fixed import of_lengths
from runtimes.backends.fixed_length import Interface
from runtimes.errors import UsageError
from runtimes.runner import Batch, Status, full_batch


class Child:
    """An emulated runner that remembers what it was asked."""

    status, description = Status.EMULATED, "a runtime on a processor"

    def __init__(self):
        self.asked = []

    def run(self, batch):
        self.asked.append(batch)
        return {"each": batch.ids * 2, "all": batch.ids.sum(1, keepdims=True)}

    def trace(self, batch):
        return self.run(batch) | {"inner": batch.mask}


IDS = np.array([[5, 6, 7], [8, 9, 1]])


@pytest.fixture
def child():
    return Child()


def test_each_row_is_asked_in_the_shortest_length_that_holds_it(child):
    runner = of_lengths(child, (4, 2, 8), Interface(token_outputs=frozenset({"each"}), pad_id=3))
    found = runner.run(full_batch(IDS))
    np.testing.assert_array_equal(found["each"], IDS * 2)
    np.testing.assert_array_equal(found["all"], [[5 + 6 + 7 + 3], [8 + 9 + 1 + 3]])
    assert [batch.ids.shape for batch in child.asked] == [(1, 4), (1, 4)]
    np.testing.assert_array_equal(child.asked[0].mask, [[1, 1, 1, 0]])
    assert runner.positions == 8
    assert (runner.status, runner.description) == (Status.EMULATED, "a runtime on a processor")


def test_an_input_that_the_model_does_not_read_is_nothing(child):
    runner = of_lengths(child, (3,), Interface(inputs=("input_ids", "attention_mask")))
    runner.run(Batch(IDS, np.ones_like(IDS), np.ones_like(IDS)))
    assert not child.asked[0].types.any()


def test_a_trace_is_the_childs(child):
    assert list(of_lengths(child, (3,), Interface()).trace(full_batch(IDS))) == ["each", "all", "inner"]


def test_a_text_that_is_too_long_is_refused_before_the_child_is_asked(child):
    with pytest.raises(UsageError, match="a text of 3 tokens"):
        of_lengths(child, (2,), Interface()).run(full_batch(IDS))
    assert not child.asked
