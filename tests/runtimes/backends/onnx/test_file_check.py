"""An ONNX file reads nothing elsewhere, claims no bytes that are not there, and has the operators that we write."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from exporter.options.request import Request
from exporter.pipeline import export
from runtimes.backends.onnx.file_check import check_onnx
from runtimes.backends.onnx.runner import OnnxRunner
from runtimes.bundle.reading import read_bundle
from runtimes.errors import BundleError
from runtimes.runner import full_batch


def saved(folder, *tensors, nodes=()):
    graph = helper.make_graph(list(nodes), "g", [], [], initializer=list(tensors))
    path = folder / "model.onnx"
    path.write_bytes(helper.make_model(graph).SerializeToString())
    return path


def external(location, shape=(4,), **facts):
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=shape, data_location=TensorProto.EXTERNAL)
    for key, value in {"location": location, **facts}.items():
        tensor.external_data.add(key=key, value=str(value))
    return tensor


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "bundle").mkdir()
    (tmp_path / "secret").write_bytes(bytes(64))
    (tmp_path / "bundle" / "weights").write_bytes(bytes(64))
    (tmp_path / "bundle" / "link").symlink_to(tmp_path / "secret")
    return tmp_path / "bundle"


def test_data_beside_the_model_is_taken(folder):
    check_onnx(saved(folder, external("weights", offset=16, length=16)))


PLACES = ["../secret", "/etc/passwd", "link", "", ".", "missing", "x" * 5000, "\x00", "./weights"]


@pytest.mark.parametrize("location", PLACES)
def test_data_elsewhere_is_refused(folder, location):
    with pytest.raises(BundleError, match="no plain file beside it"):
        check_onnx(saved(folder, external(location)))


@pytest.mark.parametrize("facts", [{"offset": 60}, {"offset": -1}, {"length": 8}, {"offset": "x"}, {"shape": (2**40,)}])
def test_data_that_is_not_there_is_refused(folder, facts):
    with pytest.raises(BundleError, match="tensor w"):
        check_onnx(saved(folder, external("weights", **facts)))


@pytest.mark.parametrize("dims", [(2**40,), (-1,), (3,)])
def test_a_shape_is_held_to_the_bytes(folder, dims):
    tensor = numpy_helper.from_array(np.zeros(4, np.float32), "w")
    del tensor.dims[:]
    tensor.dims.extend(dims)
    with pytest.raises(BundleError, match="tensor w"):
        check_onnx(saved(folder, tensor))


@pytest.mark.parametrize("operator", ["ConstantOfShape", "Loop", "com.evil::Run"])
def test_an_operator_that_is_not_ours_is_refused(folder, operator):
    domain, _, kind = operator.rpartition("::")
    with pytest.raises(BundleError, match=f"bertport writes no {operator}"):
        check_onnx(saved(folder, nodes=[helper.make_node(kind, [], ["y"], domain=domain)]))


def test_a_graph_that_loads_and_cannot_run_is_refused(folder):
    """Seen by `make fuzz`: a shape that only a run finds out."""
    inputs = [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "sequence"])]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.INT64, None)]
    shape = numpy_helper.from_array(np.array([7, 7], np.int64), "shape")
    node = helper.make_node("Reshape", ["input_ids", "shape"], ["logits"])
    graph = helper.make_graph([node], "g", inputs, outputs, [shape])
    (folder / "model.onnx").write_bytes(
        helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 20)]).SerializeToString()
    )
    with pytest.raises(BundleError, match="cannot run the model"):
        OnnxRunner(folder / "model.onnx").run(full_batch(np.ones((1, 5), np.int64)))


def test_an_input_that_no_text_has_is_refused(folder):
    inputs = [helper.make_tensor_value_info("pixels", TensorProto.INT64, ["batch"])]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.INT64, None)]
    graph = helper.make_graph([helper.make_node("Identity", ["pixels"], ["logits"])], "g", inputs, outputs)
    (folder / "model.onnx").write_bytes(
        helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 20)]).SerializeToString()
    )
    with pytest.raises(BundleError, match="the model reads pixels"):
        OnnxRunner(folder / "model.onnx").run(full_batch(np.ones((1, 5), np.int64)))


def test_what_is_no_model_is_refused(folder):
    (folder / "model.onnx").write_bytes(b"\xff\xfe")
    with pytest.raises(BundleError, match="no ONNX model"):
        check_onnx(folder / "model.onnx")


def test_what_an_export_writes_is_taken(checkpoint, tmp_path):
    for scheme in ("none", "int8"):
        export(Request(str(checkpoint), schemes=(scheme,), destination=tmp_path / scheme, verify=False))
        check_onnx(read_bundle(tmp_path / scheme).mapped_model)
    assert onnx.load_model(tmp_path / "none" / "model.onnx").graph.node


def test_a_type_that_is_none_is_refused(folder):
    tensor = external("weights")
    tensor.data_type = 999
    with pytest.raises(BundleError, match="tensor w has the unknown type 999"):
        check_onnx(saved(folder, tensor))


def test_a_tensor_in_a_node_is_held_to_its_shape_too(folder):
    value = numpy_helper.from_array(np.zeros(4, np.float32), "inner")
    check_onnx(saved(folder, _row("a", 4), nodes=[helper.make_node("Identity", ["a"], ["c"], value=value)]))
    value.dims[0] = 5
    with pytest.raises(BundleError, match="tensor inner"):
        check_onnx(saved(folder, _row("a", 4), nodes=[helper.make_node("Identity", ["a"], ["c"], value=value)]))


def test_a_model_beyond_what_the_format_can_hold_is_not_read(folder, monkeypatch):
    path = saved(folder)
    monkeypatch.setattr("runtimes.backends.onnx.file_check.MAX_MODEL_BYTES", path.stat().st_size - 1)
    with pytest.raises(BundleError, match=r"model\.onnx: larger than an ONNX file can be; export again"):
        check_onnx(path)


WIDE = 1 << 15


def _row(name, *shape):
    return numpy_helper.from_array(np.zeros(shape, np.float32), name)


def _doubling():
    nodes = [helper.make_node("Concat", [f"c{at}"] * 2, [f"c{at + 1}"], axis=0) for at in range(27)]
    return (_row("c0", 16),), nodes


LARGE = {
    "an outer sum": ((_row("a", WIDE, 1), _row("b", 1, WIDE)), [helper.make_node("Add", ["a", "b"], ["y"])]),
    "an outer product": ((_row("a", WIDE, 1), _row("b", 1, WIDE)), [helper.make_node("MatMul", ["a", "b"], ["y"])]),
    "an outer gather": (
        (_row("a", 1, WIDE), numpy_helper.from_array(np.zeros(WIDE, np.int64), "i")),
        [helper.make_node("Gather", ["a", "i"], ["y"])],
    ),
    "a padded one": (
        (_row("a", 4), numpy_helper.from_array(np.array([0, 1 << 40]), "p")),
        [helper.make_node("Pad", ["a", "p"], ["y"])],
    ),
    "a concat that doubles": _doubling(),
    "a concat that doubles whole numbers": (
        (numpy_helper.from_array(np.zeros(16, np.int64), "c0"),),
        _doubling()[1],
    ),
    "many": (
        (_row("a", WIDE, 1), _row("b", 1, 1 << 11)),
        [helper.make_node("Add", ["a", "b"], [f"y{at}"]) for at in range(60)],
    ),
}


@pytest.mark.parametrize("name", LARGE)
def test_a_tensor_that_the_file_alone_makes_too_large_is_refused(tmp_path, name):
    tensors, nodes = LARGE[name]
    with pytest.raises(BundleError, match="elements") as caught:
        check_onnx(saved(tmp_path, *tensors, nodes=nodes))
    assert "\n" not in str(caught.value)


def test_the_control_a_small_one_is_taken(tmp_path):
    check_onnx(saved(tmp_path, _row("a", 8, 1), _row("b", 1, 8), nodes=[helper.make_node("Add", ["a", "b"], ["y"])]))


def test_a_node_that_lacks_its_inputs_is_one_line(tmp_path):
    with pytest.raises(BundleError, match=r"shapes that do not fit.*export again"):
        check_onnx(saved(tmp_path, _row("a", 8), nodes=[helper.make_node("Add", [], ["y"])]))
