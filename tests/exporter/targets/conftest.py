"""Core ML packages made on the spot, and what runs them."""

import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import HubOptions, resolve
from exporter.compression.activation_ranges import calibrate
from exporter.model.numpy_ops import trace
from exporter.targets.coreml.lower import Options, lower
from exporter.targets.coreml.metadata import Metadata
from runtimes.mil import open_package

RANGES_FROM = 4  # texts


@pytest.fixture(scope="session")
def model_of() -> Callable:
    return functools.cache(lambda folder: load(resolve(str(folder), HubOptions())).model)


@pytest.fixture(scope="session")
def ranges_of() -> Callable:
    """Activation ranges of a few random texts."""

    def measure(model):
        random = np.random.default_rng(3)
        ids = [random.integers(0, 40, (1, 11)) for _ in range(RANGES_FROM)]
        return calibrate(trace(model, one, np.ones_like(one), np.zeros_like(one)) for one in ids)

    return measure


@pytest.fixture
def save(tmp_path, ranges_of) -> Callable[..., Path]:
    """Lower at one length; returns the package."""

    def make(model, scheme="none", length=13, folder="saved", **options) -> Path:
        chosen = Options(sequence_lengths=(length,), **options)
        directory = tmp_path / f"{folder}-{scheme}-{'-'.join(options.values())}"
        ranges = ranges_of(model) if scheme == "w8a8" else None
        (name,) = lower(model, scheme, chosen, Metadata("a test", labels=("a", "b", "c")), directory, ranges)
        return directory / name

    return make


@pytest.fixture(scope="session")
def run() -> Callable:
    """Run a package on every row of a batch; the logits, stacked."""

    def run_rows(package, batch, function=None):
        program = open_package(package, function)
        rows = [{name: values[[row]] for name, values in batch.feeds().items()} for row in range(len(batch.ids))]
        return np.concatenate([program.run(feeds)["logits"] for feeds in rows])

    return run_rows
