"""The child's side: every batch is answered until nobody asks any more, and what goes wrong is one line."""

import io

import numpy as np
import pytest

from exporter.options.request import Request
from exporter.pipeline import export
from runtimes.backends.onnx.runner import OnnxRunner
from runtimes.process.frames import ARRAYS, ERROR, READY, pack, read_frame, unpack, write_frame
from runtimes.process.serving import serve
from runtimes.runner import full_batch

BATCH = full_batch(np.array([[2, 5, 6, 3]]))


@pytest.fixture
def runner(checkpoint, tmp_path):
    export(Request(str(checkpoint), destination=tmp_path / "out", verify=False))
    return OnnxRunner(tmp_path / "out" / "model.onnx")


def asked(times):
    pipe = io.BytesIO()
    for _ in range(times):
        write_frame(pipe, ARRAYS, pack({"ids": BATCH.ids, "mask": BATCH.mask, "types": BATCH.types}))
    pipe.seek(0)
    return pipe


def answered(opened, batches):
    """What came back, message by message."""
    pipe = io.BytesIO()
    serve(opened, batches, pipe)
    pipe.seek(0)
    found = []
    while pipe.tell() < len(pipe.getvalue()):
        found.append(read_frame(pipe))
    return found


def test_every_batch_is_answered_until_the_input_ends(runner):
    (ready, *answers) = answered(lambda: (runner, "ONNX Runtime here"), asked(2))
    assert ready == (READY, b"ONNX Runtime here")
    assert [kind for kind, _ in answers] == [ARRAYS, ARRAYS]
    for _, content in answers:
        np.testing.assert_array_equal(unpack(content)["logits"], runner.run(BATCH)["logits"])


def test_what_goes_wrong_is_told_in_one_line():
    def fail():
        raise ValueError("two\nlines " + "x" * 5000)

    ((kind, said),) = answered(fail, asked(1))
    assert kind == ERROR
    assert said.startswith(b"ValueError: two lines xxx")
    assert len(said) < 1100


def test_a_batch_that_is_none_ends_it(runner):
    pipe = io.BytesIO()
    write_frame(pipe, ARRAYS, b"no arrays")
    pipe.seek(0)
    assert [kind for kind, _ in answered(lambda: (runner, "here"), pipe)] == [READY, ERROR]


def test_nobody_is_told_where_nobody_listens(runner):
    class Closed(io.BytesIO):
        def write(self, content):
            raise BrokenPipeError

    serve(lambda: (runner, "here"), asked(1), Closed())
