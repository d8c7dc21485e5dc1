"""The memory-mapped variant is the same model, and repeats next to nothing of it."""

import io

import numpy as np
import onnx
import pytest
from onnx.external_data_helper import load_external_data_for_model

from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import DEMO, HubOptions, resolve
from exporter.checkpoint.vocabulary_trimming import Trim
from exporter.options.request import Request
from exporter.pipeline import export
from exporter.targets.onnx import ops as target
from exporter.targets.onnx.mapped import FILE, mapped
from exporter.targets.target import Settings
from exporter.verification.reference.default_texts import default_texts
from runtimes.backends.onnx.runner import OnnxRunner
from runtimes.bundle.reading import read_bundle
from runtimes.errors import BundleError
from runtimes.runner import full_batch

BYTES = ["int8", "int8-weights", "int4-embeddings", "pq"]


def lower(model, scheme):
    file = io.BytesIO()
    return target.write(file, model, scheme), file.getvalue()


IDS = full_batch(np.arange(60, dtype=np.int64).reshape(3, 20) * 7919 % 30522)


@pytest.fixture(scope="module")
def model():
    return load(resolve(DEMO, HubOptions())).model


@pytest.fixture
def saved(model, tmp_path):
    def save(scheme):
        content, file = lower(model, scheme)
        (tmp_path / target.FILE).write_bytes(file)
        (tmp_path / FILE).write_bytes(mapped(content, target.FILE))
        return tmp_path / target.FILE, tmp_path / FILE

    return save


@pytest.mark.parametrize("scheme", BYTES)
def test_it_is_the_same_model_in_a_twelfth_of_the_bytes(saved, scheme):
    whole, variant = saved(scheme)
    assert variant.stat().st_size < whole.stat().st_size / 12
    opened = onnx.load(variant, load_external_data=False)
    load_external_data_for_model(opened, str(variant.parent))
    for tensor in opened.graph.initializer:  # what reading external data leaves behind
        tensor.ClearField("data_location")
        tensor.ClearField("external_data")
    assert opened == onnx.load(whole)
    answers = [OnnxRunner(path).run(IDS)["logits"] for path in (whole, variant)]
    np.testing.assert_array_equal(*answers)


def test_it_reads_the_bytes_of_the_other_file(saved):
    whole, variant = saved("int8")
    before = OnnxRunner(variant).run(IDS)["logits"]
    weights = {tensor.name: tensor for tensor in onnx.load(whole).graph.initializer}
    table = weights["embeddings.word.weight.int8"].raw_data
    whole.write_bytes(whole.read_bytes().replace(table, bytes(len(table))))
    assert np.abs(OnnxRunner(variant).run(IDS)["logits"] - before).max() > 0.1


def test_without_the_other_file_it_does_not_load(saved):
    whole, variant = saved("int8")
    whole.unlink()
    with pytest.raises(BundleError, match=r"model\.mapped\.onnx: ONNX Runtime .* does not load it"):
        OnnxRunner(variant)


def test_the_smallest_has_one_too(tmp_path):
    """Its graph and its vectors are no more bytes than elsewhere, of a smaller whole."""
    texts = tuple(default_texts())
    settings = Settings(pq_dims=8, trim=Trim(texts))
    (done,) = export(Request(DEMO, ("onnx",), ("pq",), tmp_path / "out", settings=settings, verify=False))
    bundle = read_bundle(done.directory)
    assert bundle.mapped_model.name == FILE
    assert bundle.size_bytes < 700_000


@pytest.mark.parametrize("scheme", ["none", "fp16"])
def test_there_is_none_where_much_would_be_repeated(model, scheme):
    assert mapped(lower(model, scheme)[0], target.FILE) is None


def test_the_same_bytes_each_time(model):
    first, second = (mapped(lower(model, "int8")[0], target.FILE) for _ in range(2))
    assert first == second
