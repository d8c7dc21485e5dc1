"""A whole BERT, saved and read back, against transformers' own forward in torch."""

import shutil

import numpy as np
import pytest

from runtimes.mil import open_package


@pytest.fixture
def open_bert(bert_package):
    def open_it(mode="declared", **recipe):
        return open_package(bert_package(**recipe), precision=mode)

    return open_it


LAYOUTS = [("rows", "iOS15"), ("rows", "iOS17"), ("rows", "iOS18"), ("channels", "iOS16"), ("channels", "iOS18")]


@pytest.mark.parametrize(("layout", "target"), LAYOUTS)
def test_fp32_program_equals_torch(open_bert, bert, layout, target):
    logits = open_bert(layout=layout, target=target).run(bert.feeds)["logits"]
    assert logits.dtype == np.float32
    np.testing.assert_allclose(logits, bert.logits, rtol=0, atol=1e-5)


@pytest.mark.parametrize("mode", ["declared", "strict"])
@pytest.mark.parametrize(("layout", "target"), LAYOUTS)
def test_fp16_program_stays_within_one_percent_of_the_range(open_bert, bert, layout, target, mode):
    logits = open_bert(mode, layout=layout, target=target, precision="fp16").run(bert.feeds)["logits"]
    distance = np.abs(logits - bert.logits).max()
    assert 0 < distance <= 0.01 * np.ptp(bert.logits)


def test_strict_rounds_what_declared_does_not(open_bert, bert):
    declared, strict = (open_bert(mode, precision="fp16").trace(bert.feeds) for mode in ("declared", "strict"))
    assert declared.keys() == strict.keys()
    assert any(not np.array_equal(declared[name], strict[name]) for name in declared)


def test_strict_changes_nothing_in_a_float32_program(open_bert, bert):
    declared, strict = (open_bert(mode).trace(bert.feeds) for mode in ("declared", "strict"))
    assert all(np.array_equal(declared[name], strict[name]) for name in declared)


def test_trace_holds_every_result_in_its_declared_type(open_bert, bert):
    program = open_bert(precision="fp16")
    tensors = program.trace(bert.feeds)
    results = [result for step in program.steps for result in step.results]
    assert set(tensors) == {result.name for result in results}
    assert all(tensors[r.name].dtype == r.declared.data_type.dtype for r in results)
    assert all(tensors[r.name].shape == r.declared.shape for r in results)
    np.testing.assert_array_equal(tensors["logits"], program.run(bert.feeds)["logits"])


def test_the_answer_does_not_depend_on_earlier_runs(open_bert, bert):
    program = open_bert()
    first = program.run(bert.feeds)["logits"]
    program.run({**bert.feeds, "input_ids": bert.feeds["input_ids"][::-1].copy()})
    np.testing.assert_array_equal(program.run(bert.feeds)["logits"], first)


def test_padding_does_not_change_the_logits(open_bert, bert):
    program = open_bert()
    other = bert.feeds["input_ids"].copy()
    other[1, 9:] = 5  # behind the mask
    np.testing.assert_array_equal(
        program.run({**bert.feeds, "input_ids": other})["logits"], program.run(bert.feeds)["logits"]
    )


@pytest.mark.parametrize("layout", ["rows", "channels"])
def test_a_changed_weight_changes_the_logits(bert, bert_package, new_path, layout):
    path = new_path()
    shutil.copytree(bert_package(layout=layout, target="iOS18"), path)
    before = open_package(path).run(bert.feeds)["logits"]
    weights = path / "Data/com.apple.CoreML/weights/weight.bin"
    content = bytearray(weights.read_bytes())
    word = bert.weights["bert.encoder.layer.0.output.dense.weight"].tobytes()[:4]
    position = content.index(word)
    content[position : position + 4] = np.float32(9).tobytes()
    weights.write_bytes(content)
    assert np.abs(open_package(path).run(bert.feeds)["logits"] - before).max() > 1e-3
