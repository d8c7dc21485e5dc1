"""`verify --against`: models that others made, in ONNX and Core ML, held against the checkpoint."""

import gc
import json
import math
import shutil

import numpy as np
import onnx
import pytest
import torch
import transformers
from onnx import TensorProto, helper, numpy_helper

from exporter.cli.main import main
from exporter.options.request import Request
from exporter.pipeline import export
from exporter.targets.coreml.coremltools import ct, quiet_conversion
from runtimes.mil.package import read_package

LENGTH = 24
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")


class PlainBert(torch.nn.Module):
    """A BERT written as others write one, over the weights of transformers' own."""

    def __init__(self, folder):
        super().__init__()
        model = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
        bert = model.bert
        own = bert.encoder.layer[0].attention.self
        self.heads, self.depth = own.num_attention_heads, own.attention_head_size
        tables = bert.embeddings
        self.words, self.types, self.norm = tables.word_embeddings, tables.token_type_embeddings, tables.LayerNorm
        self.positions = tables.position_embeddings
        self.layers = torch.nn.ModuleList(torch.nn.ModuleList(parts(layer)) for layer in bert.encoder.layer)
        self.pooler, self.classifier = bert.pooler.dense, model.classifier

    def forward(self, input_ids, attention_mask, token_type_ids):
        x = self.words(input_ids) + self.types(token_type_ids)
        x = self.norm(x + self.positions(torch.cumsum(torch.ones_like(input_ids), 1) - 1))
        added = (1.0 - attention_mask[:, None, None, :].float()) * -1e4
        for *projections, out, first, up, down, second in self.layers:
            query, key, value = (one(x).view(1, -1, self.heads, self.depth).transpose(1, 2) for one in projections)
            scores = query @ key.transpose(-1, -2) / math.sqrt(self.depth) + added
            context = (torch.softmax(scores, -1) @ value).transpose(1, 2).reshape(1, -1, self.heads * self.depth)
            x = first(x + out(context))
            x = second(x + down(torch.nn.functional.gelu(up(x))))
        return self.classifier(torch.tanh(self.pooler(x[:, 0])))


def parts(layer):
    """The layers of one, in the order that they run."""
    own, attended, output = layer.attention.self, layer.attention.output, layer.output
    yield from (own.query, own.key, own.value, attended.dense, attended.LayerNorm)
    yield from (layer.intermediate.dense, output.dense, output.LayerNorm)


@pytest.fixture(scope="module")
def traced(checkpoint):
    example = [torch.zeros(1, LENGTH, dtype=torch.int32) for _ in range(3)]
    with torch.no_grad():
        return torch.jit.trace(PlainBert(checkpoint), example)


@pytest.fixture(scope="module")
def package_of(traced, tmp_path_factory):
    """Convert with inputs of the given length; each kind once."""
    made = {}

    def convert(name, length=LENGTH, output="logits"):
        if name not in made:
            inputs = [
                ct.TensorType(one, (1, length), np.int32) for one in ("input_ids", "attention_mask", "token_type_ids")
            ]
            made[name] = tmp_path_factory.mktemp("foreign") / f"{name}.mlpackage"
            with quiet_conversion():
                ct.convert(
                    traced,
                    inputs=inputs,
                    outputs=[ct.TensorType(output)],
                    minimum_deployment_target=ct.target.iOS17,
                    compute_precision=ct.precision.FLOAT32,
                    skip_model_load=True,
                ).save(str(made[name]))
                gc.collect()  # coremltools leaves its own copy to it
        return made[name]

    return convert


@pytest.fixture(scope="module")
def ours(checkpoint, tmp_path_factory):
    place = tmp_path_factory.mktemp("ours") / "made"
    export(Request(str(checkpoint), destination=place, verify=False))
    return onnx.load(place / "model.onnx")


@pytest.fixture
def against(checkpoint, texts_file):
    def run(path, *options):
        return main(["verify", str(path), "--against", str(checkpoint), "--texts", str(texts_file), *options])

    return run


def saved(model, path):
    path.write_bytes(model.SerializeToString())
    return path


def fixed(model, batch, length):
    """The same graph with inputs of one shape."""
    other = onnx.ModelProto()
    other.CopyFrom(model)
    for one in other.graph.input:
        for dimension, size in zip(one.type.tensor_type.shape.dim, (batch, length), strict=True):
            if size is not None:
                dimension.ParseFromString(onnx.TensorShapeProto.Dimension(dim_value=size).SerializeToString())
    return other


def renamed(model, names):
    other = onnx.ModelProto()
    other.CopyFrom(model)
    for node in other.graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    for one in (*other.graph.input, *other.graph.output):
        one.name = names.get(one.name, one.name)
    return other


def test_a_package_that_coremltools_traced_passes(package_of, against, capsys):
    assert against(package_of("fixed"), "--json") == 0
    captured = capsys.readouterr()
    record = json.loads(captured.out)
    assert record["status"] == "simulated"
    assert record["max_absolute"] < 1e-4
    assert "fixed.mlpackage" in record["note"]
    assert "of 24 tokens, reads input_ids, attention_mask, token_type_ids, gives logits" in captured.err


def test_a_package_of_any_length_and_one_output_of_another_name_passes(package_of, against):
    assert against(package_of("free", ct.RangeDim(1, 48, default=16), output="scores")) == 0


def test_a_package_of_another_checkpoint_fails(package_of, write_checkpoint, tmp_path, texts_file):
    other = write_checkpoint(tmp_path / "other", seed=7)
    assert main(["verify", str(package_of("fixed")), "--against", str(other), "--texts", str(texts_file)]) == 1


CHANGES = {
    "trade names": lambda one: swap(one.input[1], one.input[2]),
    "another length": lambda one: one.input[0].type.multiArrayType.shape.__setitem__(1, 30),
    "another type": lambda one: setattr(one.input[0].type.multiArrayType, "dataType", 65568),
    "an output renamed": lambda one: setattr(one.output[0], "name", "scores"),
}
SAID = {
    "trade names": "inputs: are input_ids, attention_mask, token_type_ids in the program, input_ids, token_type_ids, ",
    "another length": "input input_ids: the program has the shape [1, 24], the description [1, 30]",
    "another type": "input input_ids: the program has int32, the description fp32",
    "an output renamed": "output logits: is in the program, and the description has scores",
}


def swap(one, other):
    one.name, other.name = other.name, one.name


@pytest.mark.parametrize("change", SAID)
def test_a_description_that_disagrees_with_the_program_fails(package_of, against, tmp_path, capsys, change):
    package = shutil.copytree(package_of("fixed"), tmp_path / "spoilt.mlpackage")
    model = read_package(package).model
    CHANGES[change](model.description)
    (package / "Data/com.apple.CoreML/model.mlmodel").write_bytes(model.SerializeToString())
    assert against(package) == 1
    assert SAID[change] in capsys.readouterr().err


def test_a_version_too_old_for_its_operators_fails(package_of, against, tmp_path, capsys):
    package = shutil.copytree(package_of("fixed"), tmp_path / "old.mlpackage")
    model = read_package(package).model
    model.specificationVersion = 7
    (package / "Data/com.apple.CoreML/model.mlmodel").write_bytes(model.SerializeToString())
    assert against(package) == 1
    assert "specification version: " in (said := capsys.readouterr().err)
    assert "needs 8 (iOS17), found 7 (iOS16)" in said


@pytest.mark.parametrize(("batch", "length"), [(None, None), (1, None), (1, 24), (None, 24)])
def test_an_onnx_file_of_free_and_fixed_shapes_passes(ours, against, tmp_path, batch, length):
    assert against(saved(fixed(ours, batch, length), tmp_path / "other.onnx")) == 0


def test_a_batch_that_is_fixed_is_refused_by_name(ours, against, tmp_path, capsys):
    assert against(saved(fixed(ours, 4, None), tmp_path / "other.onnx")) == 3
    assert "expected inputs [batch, length], found [4, None]" in capsys.readouterr().err


def test_the_only_output_is_taken_whatever_its_name(ours, against, tmp_path):
    assert against(saved(renamed(ours, {"logits": "output_0"}), tmp_path / "other.onnx")) == 0


def test_inputs_of_other_names_are_refused_with_what_there_is(ours, against, tmp_path, capsys):
    assert against(saved(renamed(ours, {"input_ids": "ids"}), tmp_path / "other.onnx")) == 3
    said = "inputs: expected input_ids, attention_mask, token_type_ids, found ids, attention_mask, token_type_ids"
    assert said in capsys.readouterr().err


def test_outputs_of_other_names_are_refused_with_what_there_is(ours, against, tmp_path, capsys):
    other = renamed(ours, {"logits": "scores"})
    other.graph.node.append(helper.make_node("Identity", ["scores"], ["again"]))
    other.graph.output.append(helper.make_tensor_value_info("again", TensorProto.FLOAT, None))
    assert against(saved(other, tmp_path / "other.onnx")) == 3
    assert "outputs: expected logits, found scores, again" in capsys.readouterr().err


def test_a_wrong_weight_fails(ours, against, tmp_path, capsys):
    other = onnx.ModelProto()
    other.CopyFrom(ours)
    bias = next(one for one in other.graph.initializer if one.name == "classifier.bias")
    bias.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(bias) + np.float32(0.01), bias.name))
    path = saved(other, tmp_path / "other.onnx")
    assert against(path) == 1
    assert "parity failed: max_absolute" in capsys.readouterr().err
    assert against(path, "--atol", "0.1") == 0


def test_an_operator_that_reads_or_branches_is_refused(ours, against, tmp_path, capsys):
    other = onnx.ModelProto()
    other.CopyFrom(ours)
    other.graph.node.append(helper.make_node("NonZero", ["input_ids"], ["anywhere"]))
    assert against(saved(other, tmp_path / "other.onnx")) == 3
    assert "bertport runs no NonZero" in capsys.readouterr().err


def test_a_missing_input_is_said(write_checkpoint, tmp_path, texts_file, ours, capsys, checkpoint):
    """A file without segment numbers may answer well; what it leaves out is a warning."""
    other = onnx.ModelProto()
    other.CopyFrom(ours)
    kept = [one for one in other.graph.input if one.name != "token_type_ids"]
    zeros = [helper.make_node("Sub", ["input_ids", "input_ids"], ["token_type_ids"])]
    nodes = [*zeros, *other.graph.node]
    del other.graph.input[:], other.graph.node[:]
    other.graph.input.extend(kept)
    other.graph.node.extend(nodes)
    path = saved(other, tmp_path / "other.onnx")
    main(["verify", str(path), "--against", str(checkpoint), "--texts", str(texts_file)])
    assert "warning: it reads no token_type_ids, which the model does" in capsys.readouterr().err


@pytest.mark.parametrize("option", [["--strict"], ["--explain"], ["--arch", "arm64"], ["--checkpoint", "demo"]])
def test_options_of_bundles_are_refused(tmp_path, capsys, option):
    assert main(["verify", str(tmp_path / "model.onnx"), "--against", "demo", *option]) == 2
    assert f"{option[0]}: for bundles" in capsys.readouterr().err


def test_what_is_no_model_is_refused(tmp_path, capsys):
    assert main(["verify", str(tmp_path), "--against", "demo"]) == 2
    assert "expected an .onnx file or an .mlpackage folder" in capsys.readouterr().err
    assert main(["verify", str(tmp_path), "--task", "fill-mask"]) == 2
    assert "--task: a bundle says its own" in capsys.readouterr().err
