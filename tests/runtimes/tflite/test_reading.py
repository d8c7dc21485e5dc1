"""What is written is read, as ai-edge-litert reads it too, and weights stay in the file."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as generated

from exporter.options.request import Request
from exporter.pipeline import export
from exporter.targets.registry import TARGETS
from exporter.targets.target import Settings
from runtimes.bundle.reading import read_bundle
from runtimes.errors import BundleError
from runtimes.tflite import schema
from runtimes.tflite.model import Quantization
from runtimes.tflite.reading import read_model


def defaults(node):
    """What an operator's options are where none is stored."""
    return {name: one.default for name, one in (schema.OPERATORS[node.operator].options or {}).items()}


def plain(model):
    """A model as values that can be compared: options whole, arrays as bytes."""
    graphs = [
        (
            graph.name,
            [(one.name, one.dtype, one.shape, one.buffer, _quantization(one.quantization)) for one in graph.tensors],
            graph.inputs,
            graph.outputs,
            [(n.operator, n.version, n.inputs, n.outputs, defaults(n) | dict(n.options)) for n in graph.nodes],
        )
        for graph in model.subgraphs
    ]
    signatures = [(one.key, one.subgraph, dict(one.inputs), dict(one.outputs)) for one in model.signatures]
    return graphs, signatures, [one.tobytes() for one in model.buffers], model.description, dict(model.metadata)


def _quantization(one):
    if one is None:
        return None
    zero_point = None if one.zero_point is None else one.zero_point.tolist()
    return one.scale.tolist(), one.axis, zero_point, one.block_scales, one.block_size


def test_what_is_written_is_read(model, saved):
    assert plain(read_model(saved(model))) == plain(model)


@pytest.mark.parametrize(
    "change",
    [
        {"description": "another"},
        {"metadata": {"note": b"of another test", "empty": b""}},
        {"signatures": []},
        {"buffers": [np.zeros(0, np.uint8), *[np.zeros(1)] * 4]},
    ],
)
def test_the_control_another_model_is_not_the_same(model, change):
    assert plain(replace(model, **change)) != plain(model)


def test_the_values_of_a_constant_are_those_that_were_written(model, saved):
    read = read_model(saved(model))
    tensors = {one.name: one for one in read.subgraphs[0].tensors}
    assert np.array_equal(read.values(tensors["weight"]), model.buffers[3])
    assert np.array_equal(read.values(tensors["words"]), model.buffers[1])
    assert read.values(tensors["words.scale"]).dtype == np.float16


@pytest.fixture(scope="module")
def exported(checkpoint, tmp_path_factory):
    """Scheme → the file of a bundle with two lengths, or of any length."""
    place, made = tmp_path_factory.mktemp("exported"), {}
    for scheme in TARGETS["litert"].schemes:
        for lengths in ((), (8, 16)):
            folder = place / f"{scheme}-{len(lengths)}"
            settings = Settings.of(sequence_lengths=lengths)
            export(Request(str(checkpoint), ("litert",), (scheme,), folder, settings=settings, verify=False))
            made[folder.name] = folder / read_bundle(folder).manifest.models[0]
    return made


def test_it_is_what_litert_reads(exported):
    """Tensor by tensor and node by node, against the classes that flatc made of the schema."""
    assert len(exported) >= 10
    for path in exported.values():
        ours, theirs = read_model(path), generated.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
        assert ours.description == theirs.description.decode()
        assert len(ours.subgraphs) == len(theirs.subgraphs)
        codes = [(one.builtinCode, one.version) for one in theirs.operatorCodes]
        for mine, one in zip(ours.subgraphs, theirs.subgraphs, strict=True):
            assert mine.inputs == tuple(one.inputs)
            assert mine.outputs == tuple(one.outputs)
            for tensor, other in zip(mine.tensors, one.tensors, strict=True):
                _same_tensor(ours, tensor, other, theirs)
            for node, other in zip(mine.nodes, one.operators, strict=True):
                assert (schema.OPERATOR_NAMES.index(node.operator), node.version) == codes[other.opcodeIndex]
                assert (node.inputs, node.outputs) == (tuple(other.inputs), tuple(other.outputs))


def _same_tensor(model, mine, theirs, whole):
    signature = theirs.shape if theirs.shapeSignature is None else theirs.shapeSignature
    assert (mine.name, mine.shape) == (theirs.name.decode(), tuple(signature))
    assert (schema.TYPES[mine.dtype], mine.buffer) == (theirs.type, theirs.buffer)
    stored = whole.buffers[theirs.buffer].data
    assert model.buffers[mine.buffer].tobytes() == (b"" if stored is None else stored.tobytes())
    if mine.quantization and mine.quantization.block_scales is None:
        assert np.array_equal(mine.quantization.scale, theirs.quantization.scale)
        assert mine.quantization.axis == theirs.quantization.quantizedDimension


def test_no_weight_is_copied_and_nothing_stays_open(model, saved):
    path = saved(model)
    before = _open()
    read = read_model(path)
    assert all(not one.flags.owndata and not one.flags.writeable for one in read.buffers if one.size)
    with pytest.raises(BundleError):
        read_model(path.with_name("missing"))
    if sys.platform == "linux":
        assert _open() - before == {str(path)}
        del read
        assert _open() == before


def _open():
    """The files under tmp that this process holds, mapped or open."""
    folder = Path("/proc/self/fd")
    return {str(one.resolve()) for one in folder.iterdir() if "model.tflite" in str(one.resolve())}


def test_nothing_but_python_and_numpy_is_needed(model, saved, monkeypatch):
    path = saved(model)
    monkeypatch.setitem(sys.modules, "flatbuffers", None)
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    assert read_model(path).description == "a small model"


def test_zero_points_are_read_where_there_are_any(model, saved):
    """Of files of others: ours has none."""
    path, scale = saved(model), model.subgraphs[0].tensors[4].quantization.scale
    content, zeros = bytearray(path.read_bytes()), np.zeros(3, "<i8").tobytes()
    at = content.index((3).to_bytes(4, "little") + zeros) + 4
    content[at : at + 24] = np.array([0, 5, -2], "<i8").tobytes()
    path.write_bytes(content)
    found = read_model(path).subgraphs[0].tensors[4].quantization
    assert isinstance(found, Quantization)
    assert found.zero_point.tolist() == [0, 5, -2]
    assert np.array_equal(found.scale, scale)


def test_a_file_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(BundleError, match=r"give the path of a \.tflite file"):
        read_model(tmp_path / "missing.tflite")
