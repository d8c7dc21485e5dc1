"""Small assets, written by Apple's library in a process of its own; and bundles around them."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from runtimes.aimodel.names import ASSET
from runtimes.bundle.manifest import Budget, Manifest, Recipe, TensorSpec
from runtimes.bundle.reading import Bundle

READS = ("input_ids", "attention_mask")


@pytest.fixture(scope="session")
def assets(tmp_path_factory):
    """one, two (4 and 8 tokens), free and wide (int64, scores) .aimodel, and table.npy."""
    place = tmp_path_factory.mktemp("assets")
    child = Path(__file__).with_name("assets_child.py")
    subprocess.run([sys.executable, "-P", str(child), str(place)], check=True, capture_output=True)
    return place


@pytest.fixture(scope="session")
def answer(assets):
    """What such an asset answers to a batch: logits [B, 3]."""
    table = np.load(assets / "table.npy")
    return lambda batch: (table[batch.ids] * batch.mask[..., None]).sum(1)


@pytest.fixture
def bundle_of(assets, tmp_path):
    """An asset's name, and lengths → a bundle around a copy of it."""

    def make(name, lengths):
        shutil.copytree(assets / f"{name}.aimodel", tmp_path / ASSET)
        shape = (1, "sequence_length")
        inputs = tuple(TensorSpec(one, "int32", shape) for one in READS)
        outputs = (TensorSpec("logits", "float32", (1, 3)),)
        recipe = Recipe("coreai", "none", "text-classification", {"sequence_lengths": lengths})
        told = ("folder", "x", None, {}, "X", "single_label_classification", ("a", "b", "c"), recipe, (ASSET,))
        return Bundle(tmp_path, Manifest(*told, Budget(), inputs, outputs, {}, {}))

    return make
