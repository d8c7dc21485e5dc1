"""Layers that share their weights: each weight lies in a file once, whatever the target and the scheme."""

import json
from dataclasses import replace

import numpy as np
import onnx
import pytest

from benchmarks.models.seeded import write_family
from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import HubOptions, resolve
from exporter.compression.outlier_channels import LEAST_WIDTH, Form, treat_outliers
from exporter.model.ops import Inputs
from exporter.options.request import Request
from exporter.pipeline import export
from exporter.targets.registry import TARGETS
from exporter.targets.target import Settings
from exporter.verification.check import Check
from exporter.verification.verify import verify
from runtimes.bundle.reading import read_bundle
from runtimes.parity.compare import Verdict

SHAPE = {"hidden_size": 128, "intermediate_size": 512, "initializer_range": 0.1}
LAYER = 4 * 128 * 128 + 2 * 128 * 512
"""Numbers of a layer."""
OPTIONS = {"sequence_lengths": (24,), "deployment_target": "iOS18"}
QUICK = {"onnx", "litert"}
PLACES = [
    pytest.param(target, scheme, marks=() if target in QUICK or scheme == "none" else pytest.mark.slow)
    for target, one in TARGETS.items()
    for scheme in one.schemes
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """(layers, groups) → a checkpoint, written once."""
    made = {}

    def get(layers, groups=1):
        if (layers, groups) not in made:
            place = tmp_path_factory.mktemp("albert") / "c"
            config = {**SHAPE, "num_hidden_layers": layers, "num_hidden_groups": groups}
            made[layers, groups] = write_family(place, "albert", "AlbertForTokenClassification", **config)
        return made[layers, groups]

    return get


def exported(folder, target, scheme, place, **more):
    options = {} if target in QUICK else OPTIONS
    request = Request(str(folder), (target,), (scheme,), place, settings=Settings(options), keep_failing=True, **more)
    (item,) = export(request)
    return item


def model_bytes(directory):
    models = read_bundle(directory).manifest.models
    found = [path for name in models for path in (directory / name, *(directory / name).rglob("*"))]
    return sum(path.stat().st_size for path in found if path.is_file())


@pytest.mark.parametrize(("target", "scheme"), PLACES)
def test_six_layers_are_as_large_as_two(folder, tmp_path, target, scheme):
    """But for what says that they are run: a hundred operations, or two."""
    sizes = [
        model_bytes(exported(folder(layers), target, scheme, tmp_path / str(layers), verify=False).directory)
        for layers in (2, 6)
    ]
    apart = [
        model_bytes(exported(folder(6, groups), target, scheme, tmp_path / f"{groups}", verify=False).directory)
        for groups in (1, 6)
    ]
    assert sizes[1] == apart[0]
    weights, operations = (apart[1] - apart[0]) / 5, sizes[1] - sizes[0]  # of a layer, and of four
    assert weights > LAYER * 0.45  # the control: weights of their own, of four bits at least
    assert operations < 4 * weights / 2


AUDITED = [
    pytest.param(
        target, scheme, marks=() if target in QUICK or (target, scheme) == ("coreml", "none") else pytest.mark.slow
    )
    for target, one in TARGETS.items()
    for scheme in ("none", "fp16", "int8", "int8-weights", "pq", "palettize4")
    if scheme in one.schemes
]


@pytest.mark.parametrize(("target", "scheme"), AUDITED)
def test_the_audit_finds_each_weight_where_it_lies(folder, few, tmp_path, target, scheme):
    exported(folder(6, 2), target, scheme, tmp_path / "out", texts=few)
    found = verify(Check(read_bundle(tmp_path / "out"), str(folder(6, 2)), few))
    assert not [line for line in found.parity.failures if "expected" in line]
    assert found.parity.verdict is Verdict.PASS or scheme != "none"


def test_outliers_of_any_layer_decide_for_all(tmp_path):
    """Of two layers with one set of weights the first reads an outlier channel, and the last does not."""
    shape = {"hidden_size": LEAST_WIDTH, "intermediate_size": LEAST_WIDTH, "embedding_size": 16}
    folder = write_family(tmp_path / "c", "albert", "AlbertForTokenClassification", **shape)
    model = load(resolve(str(folder), HubOptions())).model
    mapping = model.tensors["embeddings.project.bias"].read().copy()
    mapping[5] = 400.0
    tensors = {**model.tensors, "embeddings.project.bias": _Values(mapping)}
    ids = np.random.default_rng(0).integers(5, 30, (4, 20))
    samples = [Inputs(ids, np.ones_like(ids), np.zeros_like(ids))]
    query = "layer.group.0.0.attention.query.weight"
    before = treat_outliers(model, samples)[query]
    after = treat_outliers(_with(model, tensors), samples)[query]
    assert after.form is not Form.PLAIN
    assert (before.form, before.extent) != (after.form, after.extent)


class _Values:
    def __init__(self, values):
        self.values, self.shape = values, values.shape

    def read(self):
        return self.values


def _with(model, tensors):
    return replace(model, tensors=tensors)


def test_the_weights_of_a_layer_are_listed_once(folder, tmp_path):
    item = exported(folder(6), "onnx", "none", tmp_path / "out", verify=False)
    names = [one.name for one in onnx.load(item.directory / "model.onnx").graph.initializer]
    assert len(names) == len(set(names))
    assert sum("attention.query.weight" in name for name in names) == 1
    assert json.loads((item.directory / "config.json").read_text())["num_hidden_layers"] == 6
