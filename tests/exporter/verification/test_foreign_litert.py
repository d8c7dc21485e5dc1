"""`verify --against` and `inspect` on .tflite files by themselves, as other tools leave them."""

from dataclasses import replace

import numpy as np
import pytest

from exporter.cli.main import main
from exporter.options.request import Request
from exporter.pipeline import export
from exporter.targets.litert.file import write
from runtimes.tflite.model import Signature
from runtimes.tflite.reading import read_model


@pytest.fixture(scope="module")
def exported(checkpoint, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundle") / "none"
    export(Request(str(checkpoint), ("litert",), destination=folder, verify=False))
    return read_model(folder / "model.tflite")


@pytest.fixture
def saved(tmp_path):
    def save(model):
        with (tmp_path / "others.tflite").open("wb") as file:
            write(file, model)
        return str(tmp_path / "others.tflite")

    return save


def as_litert_torch_does(model):
    (graph,) = model.subgraphs
    inputs = {f"args_{at}": number for at, number in enumerate(graph.inputs)}
    return replace(model, signatures=[Signature("serving_default", 0, inputs, {"output_0": graph.outputs[0]})])


def test_another_tool_s_file_is_held_against_the_checkpoint(exported, saved, checkpoint, capsys):
    path = saved(as_litert_torch_does(exported))
    assert main(["verify", path, "--against", str(checkpoint)]) == 0
    told = capsys.readouterr()
    assert "pass (measured)" in told.out
    assert "reads input_ids, attention_mask, token_type_ids, gives logits" in told.err


def test_the_control_one_number_off_fails(exported, saved, checkpoint):
    (graph,) = exported.subgraphs
    (bias,) = [one for one in graph.tensors if one.name == "classifier.bias"]
    buffers = list(exported.buffers)
    buffers[bias.buffer] = exported.values(bias) + np.float32([0.01, 0, 0])[: bias.shape[0]]
    assert main(["verify", saved(replace(exported, buffers=buffers)), "--against", str(checkpoint)]) == 1


def test_a_file_by_itself_is_inspected(exported, saved, capsys):
    assert main(["inspect", saved(as_litert_torch_does(exported))]) == 0
    assert "signature serving_default" in capsys.readouterr().out


def test_a_damaged_one_is_one_line(saved, exported, tmp_path, checkpoint, capsys):
    path = saved(exported)
    content = (tmp_path / "others.tflite").read_bytes()
    (tmp_path / "others.tflite").write_bytes(content[:200])
    for command in (["inspect", path], ["verify", path, "--against", str(checkpoint)]):
        assert main(command) == 3
        assert len(capsys.readouterr().err.strip().splitlines()) == 1
