"""A .tflite file that says anything at all is one line, in bounded time and memory."""

import os
import struct
from contextlib import suppress

import numpy as np
import pytest
from flatbuffers import Builder

from runtimes.errors import BundleError
from runtimes.tflite import flatbuffer
from runtimes.tflite.model import Quantization
from runtimes.tflite.reading import read_model


class Raw:
    """A .tflite written slot by slot, with whatever a test puts there."""

    def __init__(self):
        self.b = Builder(1024)

    def table(self, *slots):
        """Of (slot, kind, value); offsets as kind UOffsetTRelative."""
        self.b.StartObject(16)
        for slot, kind, value in slots:
            getattr(self.b, f"Prepend{kind}")(value)
            self.b.Slot(slot)
        return self.b.EndObject()

    def at(self, slot, offset):
        return slot, "UOffsetTRelative", offset

    def text(self, slot, text):
        return self.at(slot, self.b.CreateString(text))

    def ints(self, slot, *values):
        return self.at(slot, self.b.CreateNumpyVector(np.array(values, "<i4")))

    def vector(self, slot, *tables):
        self.b.StartVector(4, len(tables), 4)
        for one in reversed(tables):
            self.b.PrependUOffsetTRelative(one)
        return self.at(slot, self.b.EndVector())

    def model(self, *slots, **parts):
        """A model of one graph; `parts` in place of tables."""
        graph = parts.get("graph") or [self.vector(0, self.tensor()), self.ints(1, 0), self.ints(2, 0)]
        buffers = parts.get("buffers") or [self.table()]
        given = [self.vector(4, *buffers), self.vector(2, self.table(*graph)), *slots]
        if "codes" in parts:
            given.append(self.vector(1, *parts["codes"]))
        given.append((0, "Uint32", parts.get("version", 3)))
        self.b.Finish(self.table(*given), file_identifier=b"TFL3")
        return bytes(self.b.Output())

    def tensor(self, *slots, shape=(2,)):
        return self.table(self.ints(0, *shape), self.text(3, "x"), *slots)

    def data(self, size, *slots):
        return self.table(self.at(0, self.b.CreateByteVector(bytes(size))), *slots)


def of_tensor(*slots, **more):
    """A model whose one tensor has these slots too."""
    raw = Raw()
    made = [one(raw) if callable(one) else one for one in slots]
    return raw.model(graph=[raw.vector(0, raw.tensor(*made, **more))])


def constant(size, shape, kind=0):
    return _constant(lambda raw: raw.data(size), shape, kind)


def outside(offset, size):
    """A constant of two float32 whose data are said to be behind the flatbuffer."""
    return _constant(lambda raw: raw.table((1, "Uint64", offset), (2, "Uint64", size)), (2,))


def _constant(buffer, shape, kind=0):
    raw = Raw()
    buffers = [raw.table(), buffer(raw)]
    tensor = raw.tensor((1, "Int8", kind), (2, "Uint32", 1), shape=shape)
    return raw.model(graph=[raw.vector(0, tensor)], buffers=buffers)


def of_node(*slots, number=22, tensors=1):
    raw = Raw()
    made = [one(raw) if callable(one) else one for one in slots]
    node = raw.table(*made)
    code = raw.table((0, "Int8", min(number, 127)), (3, "Int32", number))
    graph = [raw.vector(0, *[raw.tensor() for _ in range(tensors)]), raw.vector(3, node)]
    return raw.model(graph=graph, codes=[code])


def quantized(*slots, shape=(2, 3)):
    def made(raw):
        return raw.at(4, raw.table(*[one(raw) if callable(one) else one for one in slots]))

    return of_tensor(made, shape=shape)


def floats(slot, *values):
    return lambda raw: raw.at(slot, raw.b.CreateNumpyVector(np.array(values, "<f4")))


def longs(slot, *values):
    return lambda raw: raw.at(slot, raw.b.CreateNumpyVector(np.array(values, "<i8")))


def signature(*names, graph=0, tensor=0):
    raw = Raw()
    maps = [raw.table(raw.text(0, name), (1, "Uint32", tensor)) for name in names]
    one = raw.table(raw.vector(0, *maps), raw.text(2, "key"), (4, "Uint32", graph))
    return raw.model(raw.vector(7, one))


def metadata(*names, buffer=0):
    raw = Raw()
    return raw.model(raw.vector(6, *[raw.table(raw.text(0, name), (1, "Uint32", buffer)) for name in names]))


def twice_the_data():
    raw = Raw()
    return raw.model(buffers=[raw.table(), raw.data(4, (1, "Uint64", 8), (2, "Uint64", 4))])


HONEST = {
    "a model of nothing": lambda: Raw().model(),
    "a constant": lambda: constant(8, (2,)),
    "a constant of int4": lambda: constant(3, (5,), 17),
    "data behind": lambda: outside(64, 8),
    "a node": lambda: of_node(lambda raw: raw.ints(1, 0, -1), lambda raw: raw.ints(2, 0)),
    "scales": lambda: quantized(floats(2, 1, 2), longs(3, 0, 1)),
    "one scale": lambda: quantized(floats(2, 1), longs(3, 0)),
    "a signature": lambda: signature("a", "b"),
    "metadata": lambda: metadata("a", "b"),
    "a free size": lambda: of_tensor(lambda r: r.ints(7, -1, 16), shape=(512, 16)),
}
WRONG = {
    "version 4": (lambda: Raw().model(version=4), "schema version 4"),
    "no graph": (lambda: _no_graph(), "no graph"),
    "a negative size": (lambda: of_tensor(shape=(-2,)), r"the shape \[-2\]"),
    "nine axes": (lambda: of_tensor(shape=(1,) * 9), "the shape"),
    "a signature of another shape": (lambda: of_tensor(lambda r: r.ints(7, 3)), "the signature"),
    "a signature of other axes": (lambda: of_tensor(lambda r: r.ints(7, -1, -1)), "the signature"),
    "a free size that is absurd": (
        lambda: of_tensor(lambda r: r.ints(7, -1, 16), shape=(2**26, 16)),
        "where any size is taken",
    ),
    "a type that is none": (lambda: of_tensor((1, "Int8", 99)), "the type 99"),
    "a buffer that is not there": (lambda: of_tensor((2, "Uint32", 7)), "buffer 7 of 1"),
    "a state": (lambda: of_tensor((5, "Bool", True)), "keeps a state"),
    "sparse values": (lambda: of_tensor(lambda r: r.at(6, r.table())), "sparse values"),
    "a field of a newer schema": (lambda: of_tensor((14, "Int32", 1)), "the field 14"),
    "too little data": (lambda: constant(7, (2,)), "has 7 bytes of data"),
    "too much data": (lambda: constant(9, (2,)), "has 9 bytes of data"),
    "an absurd shape": (lambda: constant(8, (2**31 - 1,) * 8), "has 8 bytes of data"),
    "data beyond the file": (lambda: outside(2**40, 8), "the file has"),
    "data that end beyond it": (lambda: outside(8, 2**63), "the file has"),
    "data at an odd place": (lambda: outside(65, 8), "no multiple of their size"),
    "data in two places": (twice_the_data, "in two places"),
    "a first buffer with data": (lambda: _first_buffer(), "first buffer"),
    "a node of an operator that is not listed": (lambda: of_node((0, "Uint32", 5)), "operator 5, and 1 are listed"),
    "an operator that is none": (lambda: of_node(number=5000), "operator 5000"),
    "an input that is not there": (lambda: of_node(lambda r: r.ints(1, 4)), "a tensor that is not there"),
    "an input −2": (lambda: of_node(lambda r: r.ints(1, -2)), "a tensor that is not there"),
    "an output left out": (lambda: of_node(lambda r: r.ints(2, -1)), "a tensor that is not there"),
    "another operator's options": (
        lambda: of_node((3, "Uint8", 9), lambda r: r.at(4, r.table())),
        "another operator's",
    ),
    "options of no kind": (lambda: of_node(lambda r: r.at(4, r.table())), "another operator's"),
    "more scales than channels": (lambda: quantized(floats(2, 1, 2, 3), longs(3, 0, 0, 0)), "3 scales"),
    "zero points that lack": (lambda: quantized(floats(2, 1, 2), longs(3, 0)), "1 zero points"),
    "an axis that is not there": (lambda: quantized(floats(2, 1, 2), (6, "Int32", 4)), "axis 4"),
    "quantized in an unknown way": (lambda: quantized((4, "Uint8", 3), lambda r: r.at(5, r.table())), "the way 3"),
    "blocks of nothing": (lambda: quantized((4, "Uint8", 2), lambda r: r.at(5, r.table())), "blocks of 0"),
    "blocks without scales": (
        lambda: quantized((4, "Uint8", 2), lambda r: r.at(5, r.table((0, "Int32", 9), (2, "Int32", 32)))),
        "scales 9 of 1 tensors",
    ),
    "a signature of no graph": (lambda: signature("a", graph=3), "graph 3 of 1"),
    "a signature of no tensor": (lambda: signature("a", tensor=3), "a tensor that is not there"),
    "a name twice": (lambda: signature("a", "a"), "a name twice"),
    "metadata twice": (lambda: metadata("a", "a"), "metadata a are there twice"),
    "metadata nowhere": (lambda: metadata("a", buffer=9), "buffer 9 of 1"),
    "a name with an end in it": (lambda: metadata("a\0b"), "does not end where it should"),
}


def _no_graph():
    raw = Raw()
    raw.b.Finish(raw.table(raw.vector(4, raw.table()), (0, "Uint32", 3)), file_identifier=b"TFL3")
    return bytes(raw.b.Output())


def _first_buffer():
    raw = Raw()
    return raw.model(buffers=[raw.data(4)])


def refused(tmp_path, content, match):
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    with pytest.raises(BundleError, match=match) as caught:
        read_model(path)
    assert str(caught.value).isprintable()
    assert str(path) in str(caught.value)
    assert "; " in str(caught.value)


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_one_is_read(tmp_path, name):
    (tmp_path / "model.tflite").write_bytes(HONEST[name]())
    read_model(tmp_path / "model.tflite")


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_one_is_one_line(tmp_path, name):
    make, match = WRONG[name]
    refused(tmp_path, make(), match)


FILES = {
    "nothing": b"",
    "seven bytes": b"TFL3TFL",
    "another kind": b"\x08\0\0\0TFL2" + bytes(64),
    "text": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
    "a root beyond the file": b"\xff\xff\xff\x7fTFL3" + bytes(64),
    "a root at an odd place": b"\x09\0\0\0TFL3" + bytes(64),
    "zeros": b"\x08\0\0\0TFL3" + bytes(64),
    "a vtable before the file": b"\x08\0\0\0TFL3" + struct.pack("<i", 4096) + bytes(64),
    "a vtable beyond the file": b"\x08\0\0\0TFL3" + struct.pack("<i", -4096) + bytes(64),
    "a vtable without an end": b"\x08\0\0\0TFL3" + struct.pack("<iHH", -4, 65534, 8) + bytes(64),
    "a vtable of an odd size": b"\x08\0\0\0TFL3" + struct.pack("<iHH", -4, 7, 8) + bytes(64),
    "a field outside its table": b"\x08\0\0\0TFL3" + struct.pack("<iHHH", -4, 6, 4, 60) + bytes(64),
}


@pytest.mark.parametrize("name", FILES)
def test_what_is_no_model_is_one_line(tmp_path, name):
    refused(tmp_path, FILES[name], r"\.tflite file")


def test_a_pipe_is_not_read(tmp_path):
    os.mkfifo(tmp_path / "model.tflite")
    with pytest.raises(BundleError, match="give the path of one"):
        read_model(tmp_path / "model.tflite")


def test_a_file_of_holes_is_not_read(tmp_path):
    with (tmp_path / "model.tflite").open("wb") as file:
        file.truncate(1 << 36)
    with pytest.raises(BundleError, match="give the path of one"):
        read_model(tmp_path / "model.tflite")


def again_and_again(slot, times=1_000_000):
    """One table in a vector a million times, four megabytes."""
    raw = Raw()
    one = raw.tensor() if slot == 0 else raw.table()
    return raw.model(graph=[raw.vector(slot, *[one] * times)], codes=[raw.table((3, "Int32", 22))])


def long_name_often():
    raw = Raw()
    name = raw.b.CreateString("x" * 1_000_000)
    return raw.model(graph=[raw.vector(0, *[raw.table(raw.at(3, name)) for _ in range(1000)])])


def long_list_often():
    raw = Raw()
    _, _, listed = raw.ints(1, *[0] * 1_000_000)
    nodes = [raw.table(raw.at(1, listed)) for _ in range(1000)]
    return raw.model(graph=[raw.vector(0, raw.tensor()), raw.vector(3, *nodes)], codes=[raw.table((3, "Int32", 22))])


def large_metadata_often():
    raw = Raw()
    buffers = [raw.table(), raw.data(4_000_000)]
    named = [raw.table(raw.text(0, str(at)), (1, "Uint32", 1)) for at in range(1000)]
    return raw.model(raw.vector(6, *named), buffers=buffers)


BOMBS = {
    "a tensor a million times": lambda: again_and_again(0),
    "a node a million times": lambda: again_and_again(3),
    "a long name often": long_name_often,
    "a long list often": long_list_often,
    "large metadata often": large_metadata_often,
}


@pytest.mark.parametrize("name", BOMBS)
def test_little_that_stands_for_much_ends_early(tmp_path, name):
    content = BOMBS[name]()
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    with pytest.raises(BundleError, match="more tables, names and lists than any encoder has"):
        read_model(path)


def test_the_control_what_is_bounded_would_be_more(tmp_path, monkeypatch):
    path = tmp_path / "model.tflite"
    path.write_bytes(again_and_again(3, 100_000))
    monkeypatch.setattr(flatbuffer, "MOST_COPIED", 1 << 40)
    assert len(read_model(path).subgraphs[0].nodes) == 100_000


def test_every_prefix_of_a_file_is_one_line(model, saved):
    """And so is a file with every four bytes of it in turn set to what they may not be."""
    path = saved(model)
    content = path.read_bytes()
    for end in range(0, len(content), 29):
        _read_or_refused(path, content[:end])
    for at in range(0, len(content) - 4, 4):
        for value in (0x80000000, 0xFFFFFFFF):
            _read_or_refused(path, content[:at] + value.to_bytes(4, "little") + content[at + 4 :])


def _read_or_refused(path, content):
    path.write_bytes(content)
    with suppress(BundleError):
        read_model(path)


def test_an_operator_of_another_s_making_is_never_taken_for_a_builtin(tmp_path):
    """A custom operator may be called anything."""
    raw = Raw()
    code = raw.table((0, "Int8", 32), raw.text(1, "ADD"), (3, "Int32", 32))
    content = raw.model(graph=[raw.vector(0, raw.tensor()), raw.vector(3, raw.table())], codes=[code])
    (tmp_path / "model.tflite").write_bytes(content)
    assert read_model(tmp_path / "model.tflite").subgraphs[0].nodes[0].operator == "CUSTOM ADD"


def test_options_that_are_not_known_are_shown_by_their_slot(tmp_path):
    content = of_node((3, "Uint8", 21), lambda r: r.at(4, r.table((0, "Int8", 1), (5, "Int32", 77))), number=18)
    (tmp_path / "model.tflite").write_bytes(content)
    options = read_model(tmp_path / "model.tflite").subgraphs[0].nodes[0].options
    assert options["activation"] == 1
    assert options["slot 5"] == 77


def test_an_empty_scale_is_no_quantization(tmp_path):
    (tmp_path / "model.tflite").write_bytes(quantized(longs(3, 0)))
    assert read_model(tmp_path / "model.tflite").subgraphs[0].tensors[0].quantization is None
    (tmp_path / "model.tflite").write_bytes(quantized(floats(2, 1), longs(3, 4)))
    assert isinstance(read_model(tmp_path / "model.tflite").subgraphs[0].tensors[0].quantization, Quantization)
