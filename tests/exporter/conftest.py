"""What the contract tests of tasks and of families share."""

import gc

import pytest


@pytest.fixture(scope="module")
def modules_that_are_not_searched():
    """`ct.convert` ends with a full collection: a quarter of a second over torch's modules."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(scope="module")
def few(texts):
    """Enough to fill every kind of case."""
    return texts[::3]
