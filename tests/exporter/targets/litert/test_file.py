"""The writer of .tflite files: where data lie, what is stored once, what does not fit."""

import io
import tracemalloc

import numpy as np
import pytest

from exporter.targets.litert import file
from runtimes.errors import LoweringError, RuntimeUnavailable
from runtimes.tflite import schema
from runtimes.tflite.model import FREE, Model, Node, Quantization, Signature, Subgraph, Tensor
from runtimes.tflite.reading import read_model


def graph(tensors, nodes, name):
    return Subgraph(name, tensors, (0,), (len(tensors) - 1,), nodes)


def model(buffers, tensors=None, graphs=1, **more):
    """`graphs` subgraphs that all have the same constants, and an ADD of the first two tensors."""
    tensors = tensors or [
        Tensor("x", "float32", (1, 3)),
        Tensor("w", "float32", (1, 3), 1),
        Tensor("y", "float32", (1, 3)),
    ]
    nodes = [Node("ADD", 1, (0, 1), (2,), {"activation": 0})] if len(tensors) == 3 else []
    subgraphs = [graph(tensors, nodes, f"g{n}") for n in range(graphs)]
    signatures = [Signature(f"s{n}", n, {"x": 0}, {"y": len(tensors) - 1}) for n in range(graphs)]
    return Model(subgraphs, signatures, [np.zeros(0, np.uint8), *buffers], **more)


def written(given):
    content = io.BytesIO()
    file.write(content, given)
    return content.getvalue()


def read(given, tmp_path):
    (tmp_path / "model.tflite").write_bytes(written(given))
    return read_model(tmp_path / "model.tflite")


ODD = [np.arange(n, dtype=np.int8) for n in (1, 15, 16, 17, 3)]
THREE = np.array([[1, 2, 3]], np.float32)


def test_what_is_written_is_what_is_read(tmp_path):
    given = model([THREE, *ODD], description="a test", metadata={"notes": b"some bytes", "empty": b""})
    found = read(given, tmp_path)
    assert found.description == "a test"
    assert found.subgraphs == given.subgraphs
    assert found.signatures == given.signatures
    assert dict(found.metadata) == dict(given.metadata)
    for ours, theirs in zip(given.buffers, found.buffers, strict=False):
        assert ours.tobytes() == theirs.tobytes()


def test_every_buffer_begins_at_a_multiple_of_sixteen():
    """`force_align` of the schema; an app maps the file, and kernels read it where it lies."""
    content = written(model([THREE, *ODD]))
    assert content[4:8] == schema.IDENTIFIER
    for values in (THREE, *ODD):
        data = values.tobytes()
        places = [at for at in range(0, len(content), schema.ALIGNMENT) if content.startswith(data, at)]
        assert any(int.from_bytes(content[at - 4 : at], "little") == len(data) for at in places)


def test_a_buffer_lies_there_once_however_many_graphs_read_it():
    weights = np.random.default_rng(0).standard_normal(4000).astype(np.float32)
    one, three = (written(model([weights], graphs=n)) for n in (1, 3))
    assert one.count(weights.tobytes()) == three.count(weights.tobytes()) == 1
    assert len(three) - len(one) < 2000


def test_so_do_scales_and_lists_of_zeros():
    """One zero point of 8 bytes for each scale is what LiteRT asks for."""
    rows, scale = 1000, np.random.default_rng(1).random(1000).astype(np.float32)
    tensors = [
        Tensor("x", "float32", (1, 3)),
        *(Tensor(f"w{n}", "int8", (rows, 1), n, Quantization(scale * n)) for n in (1, 2)),
    ]
    content = [written(model([np.ones(rows, np.int8)] * 2, tensors, graphs=n)) for n in (1, 2)]
    assert all(one.count(scale.tobytes()) == one.count((scale * 2).tobytes()) == 1 for one in content)
    assert len(content[0]) < 2 * rows + 2 * 4 * rows + 8 * rows + 2000
    assert len(content[1]) - len(content[0]) < 2000


def test_the_same_model_is_the_same_bytes():
    assert written(model([THREE, *ODD])) == written(model([THREE, *ODD]))
    assert written(model([THREE, *ODD])) != written(model([THREE + 1, *ODD]))


def test_values_are_stored_little_endian_and_in_the_order_of_rows():
    values = np.arange(6, dtype=">f4").reshape(2, 3).T
    tensors = [Tensor("x", "float32", (3, 2)), Tensor("w", "float32", (3, 2), 1), Tensor("y", "float32", (3, 2))]
    assert values.astype("<f4").tobytes("C") in written(model([values], tensors))


def test_a_free_size_is_one_in_the_shape_and_free_in_the_signature(tmp_path):
    tensors = [Tensor("x", "int32", (FREE, FREE)), Tensor("y", "int32", (FREE, 1))]
    assert [one.shape for one in read(model([], tensors), tmp_path).subgraphs[0].tensors] == [(FREE, FREE), (FREE, 1)]
    from ai_edge_litert.schema_py_generated import Model as Generated

    (x, _) = [Generated.GetRootAs(written(model([], tensors))).Subgraphs(0).Tensors(n) for n in range(2)]
    assert x.ShapeAsNumpy().tolist() == [1, 1]
    assert x.ShapeSignatureAsNumpy().tolist() == [-1, -1]
    assert x.HasRank()


class Refused(io.BytesIO):
    def write(self, content):
        raise AssertionError("written")


def test_more_than_two_gigabytes_are_refused_before_a_byte_is_written_or_copied():
    """Of zeros that lie nowhere: what is asked is how many there are."""
    large = np.broadcast_to(np.zeros(1, np.int8), (2**31,))
    tracemalloc.start()
    with pytest.raises(LoweringError) as error:
        file.write(Refused(), model([large]))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert str(error.value).startswith("litert: 2,147,48")
    assert str(error.value).endswith("bytes, and a .tflite file holds 2 GB; use --quantize int8")
    assert peak < 10_000_000


class Counted(io.RawIOBase):
    """Takes what it is given and keeps no byte of it."""

    size = 0

    def write(self, content):
        self.size += len(content)
        return len(content)


def test_a_model_is_never_in_memory_a_second_time():
    values = np.zeros(20_000_000, np.float32)
    tracemalloc.start()
    counted = Counted()
    file.write(counted, model([values]))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert counted.size > values.nbytes
    assert peak < values.nbytes / 20


def test_what_writes_is_asked_for_in_one_line_where_it_is_missing(monkeypatch):
    monkeypatch.setattr("runtimes.extras.find_spec", lambda name: None)
    with pytest.raises(RuntimeUnavailable) as error:
        written(model([THREE]))
    assert str(error.value) == ("writing a .tflite file: flatbuffers is not installed: pip install 'bertport[litert]'")
