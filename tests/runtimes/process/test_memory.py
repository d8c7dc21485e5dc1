"""What an export is done with makes room for what comes next."""

import gc
import weakref

import numpy as np

from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import DEMO, HubOptions, resolve
from exporter.verification.reference.reference import Reference
from exporter.verification.reference.session import PyTorchSession
from runtimes.process import memory


class Graph:
    """Refers to itself, as graphs do."""

    def __init__(self):
        self.weights, self.whole = np.zeros(8), self


def test_what_refers_to_itself_goes_at_once():
    gc.disable()
    try:
        graph = Graph()
        weights = weakref.ref(graph.weights)
        del graph
        assert weights() is not None
        memory.release()
        assert weights() is None
    finally:
        gc.enable()


def test_pytorchs_model_goes_when_it_has_answered(monkeypatch):
    reference = Reference(load(resolve(DEMO, HubOptions())), ["rain", "shares fall"])
    opened = []
    by_itself = PyTorchSession.loaded

    def watched(self, double=False):
        opened.append(by_itself(self, double))
        return opened[-1]

    monkeypatch.setattr(PyTorchSession, "loaded", watched)
    reference.prepare((16,))
    seen = weakref.ref(opened.pop())
    memory.release()
    assert seen() is None
    assert reference.battery(16, (16,)).outputs
    assert not opened
