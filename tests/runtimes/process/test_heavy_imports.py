"""The collector rests while libraries load, and works again after."""

import gc
import weakref

import pytest

from runtimes.process.heavy_imports import without_collections


def test_collections_pause_and_resume():
    gc.unfreeze()
    with without_collections():
        assert not gc.isenabled()
        kept = [[] for _ in range(1000)]
    assert gc.isenabled()
    assert gc.get_freeze_count() >= len(kept)
    gc.unfreeze()


def test_garbage_of_later_blocks_is_collected():
    class Cycle:
        def __init__(self):
            self.own = self

    gc.unfreeze()
    with without_collections():
        pass
    with without_collections():
        made = weakref.ref(Cycle())
    gc.collect()
    gc.unfreeze()
    assert made() is None


def test_an_error_inside_turns_it_on_again():
    with pytest.raises(KeyboardInterrupt), without_collections():
        raise KeyboardInterrupt
    assert gc.isenabled()


def test_a_caller_that_turned_it_off_keeps_it_off():
    gc.disable()
    try:
        with without_collections():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
