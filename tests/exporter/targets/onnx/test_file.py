"""A file written tensor by tensor is the one that protobuf would have written, and takes no second copy of them."""

import io
import tracemalloc

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from exporter.targets.onnx import file as onnx_file

TENSORS = [
    ("matrix", np.arange(12, dtype=np.float32).reshape(3, 4).T),
    ("scalar", np.asarray(np.int64(-5))),
    ("half", np.arange(300, dtype=np.float16)),
    ("bytes", np.arange(-100, 100, dtype=np.int8)),
    ("nothing", np.zeros((0, 3), np.float32)),
    ("big endian", np.arange(5, dtype=">f4")),
]


def model():
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [2])
    node = helper.make_node("Identity", ["x"], ["y"])
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, [2])
    return helper.make_model(helper.make_graph([node], "g", [value], [out]), producer_name="a test")


def written(tensors):
    file = io.BytesIO()
    onnx_file.write(file, model(), tensors)
    return file.getvalue()


@pytest.mark.parametrize("count", range(len(TENSORS) + 1))
def test_protobuf_reads_what_it_would_have_written(count):
    expected = model()
    native = [(name, values.astype(values.dtype.newbyteorder("="))) for name, values in TENSORS[:count]]
    expected.graph.initializer.extend(numpy_helper.from_array(np.asarray(v), n) for n, v in native)
    assert onnx.load_from_string(written(TENSORS[:count])) == expected


def test_reading_back_tells_where_each_tensor_lies():
    """Equal tensors too, each at its own place."""
    tensors = [one for one in TENSORS if one[1].size]
    tensors.append(("again", np.arange(300, dtype=np.float16)))
    file = io.BytesIO()
    saved, content = onnx_file.write(file, model(), tensors), file.getvalue()
    found = onnx_file.read(content)
    assert (found.model, found.size_bytes) == (saved.model, len(content))
    assert list(found.starts) == list(saved.starts)
    for (name, values), (again, read), start in zip(tensors, found.tensors, found.starts, strict=True):
        assert name == again
        np.testing.assert_array_equal(values, read)
        stored = onnx_file.little_endian(values).tobytes()
        assert content[start : start + len(stored)] == stored


def test_the_tensors_are_not_held_twice(tmp_path):
    tensors = [(f"t{number}", np.ones((256, 1024), np.float32).T) for number in range(16)]  # 1 MiB each
    with (tmp_path / "model.onnx").open("wb") as file:
        tracemalloc.start()
        onnx_file.write(file, model(), tensors)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 3 << 20
    assert (tmp_path / "model.onnx").stat().st_size > 16 << 20
