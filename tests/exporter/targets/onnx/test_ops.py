"""What the ONNX target promises, for every scheme, on models of every kind."""

import io
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper

from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import HubOptions, resolve
from exporter.compression import integer_rounding
from exporter.compression.product_quantization import product_quantise, shared_quantise
from exporter.model.numpy_ops import NumpyOps, trace
from exporter.model.ops import Inputs, Role
from exporter.targets.encoding.storage import Storage
from exporter.targets.onnx import ops as target
from exporter.targets.onnx.schemes import SCHEMES
from exporter.targets.registry import TARGETS
from runtimes.backends.onnx.runner import OnnxRunner
from runtimes.backends.pytorch.runner import TorchRunner
from runtimes.errors import BundleError, LoweringError
from runtimes.runner import Batch

ONNX = list(TARGETS["onnx"].schemes)
INTEGERS = [name for name in ONNX if SCHEMES[name].integers]
KINDS = {
    "two heads": {},
    "four heads": {"num_attention_heads": 4},
    "one layer": {"num_hidden_layers": 1},
    "three layers, tanh gelu": {"num_hidden_layers": 3, "hidden_act": "gelu_new"},
    "silu, one type": {"hidden_act": "silu", "type_vocab_size": 1},
    "relu, odd width": {"hidden_act": "relu", "hidden_size": 24, "intermediate_size": 37},
}


def model_of(folder):
    return load(resolve(str(folder), HubOptions())).model


def batch(types=2):
    random = np.random.default_rng(5)
    ids = random.integers(0, 40, (4, 13))
    mask = (np.arange(13) < np.array([13, 7, 1, 0])[:, None]).astype(np.int64)
    return Batch(ids, mask, random.integers(0, types, (4, 13)))


def runner(tmp_path, content):
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    return OnnxRunner(path)


class RoundedOps(NumpyOps):
    """Plain numpy over weights rounded as a scheme rounds them; activations stay floats."""

    def __init__(self, storage):
        super().__init__()
        self.storage = storage

    def rounded(self, weight):
        match self.storage[weight.role]:
            case Storage.FLOAT32:
                return weight
            case Storage.FLOAT16:
                return replace(weight, values=weight.values.astype(np.float16).astype(np.float32))
            case Storage.INT8:
                q, scale = integer_rounding.int8(weight.values)
            case Storage.INT8_DYNAMIC:
                q, scale = integer_rounding.int8_without_saturation(weight.values)
            case Storage.INT4_BLOCK:
                codes, half = integer_rounding.int4_blocks(weight.values)
                scale = np.repeat(half.astype(np.float32), codes.shape[1] // half.shape[1], -1)
                q = codes.astype(np.float32) - 8
            case Storage.INT4_DYNAMIC if weight.values.ndim > 2:  # no matrix: int8, computed in floats
                q, scale = integer_rounding.int8(weight.values)
            case Storage.INT4_DYNAMIC:
                q, scale = integer_rounding.int4_rows(weight.values)
            case Storage.CODES | Storage.CODES_INT8 as codes:
                narrow = codes is Storage.CODES_INT8
                return replace(weight, values=product_quantise(weight.values, narrow=narrow).restored)
            case Storage.SHARED_CODES:
                return replace(weight, values=shared_quantise(weight.values).restored)
        return replace(weight, values=(q * scale).astype(np.float32))

    def embedding(self, name, table, ids):
        return super().embedding(name, self.rounded(table), ids)

    def positions(self, name, table, tokens):
        return super().positions(name, self.rounded(table), tokens)

    def linear(self, name, x, weight, bias):
        return super().linear(name, x, self.rounded(weight), bias)

    def grouped_linear(self, name, x, weight):
        return super().grouped_linear(name, x, self.rounded(weight))


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("scheme", [name for name in ONNX if name not in INTEGERS])
def test_the_file_computes_what_its_rounded_weights_say(make_checkpoint, tmp_path, kind, scheme):
    model, inputs = model_of(make_checkpoint(**kind)), batch(kind.get("type_vocab_size", 2))
    ops = RoundedOps(SCHEMES[scheme].storage)
    model.build(ops, Inputs(inputs.ids, inputs.mask, inputs.types))
    saved = runner(tmp_path, target.lower(model, scheme)).run(inputs)["logits"]
    np.testing.assert_allclose(saved, ops.tensors["logits"], atol=2e-4)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_float32_equals_pytorch(make_checkpoint, tmp_path, kind):
    folder = make_checkpoint(**kind)
    inputs = batch(kind.get("type_vocab_size", 2))
    reference = TorchRunner(folder, "BertForSequenceClassification").run(inputs)["logits"]
    saved = runner(tmp_path, target.lower(model_of(folder), "none")).run(inputs)["logits"]
    np.testing.assert_allclose(saved, reference, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("scheme", INTEGERS)
def test_dynamic_int8_adds_the_rounding_of_activations_alone(make_checkpoint, tmp_path, kind, scheme):
    """Against weights rounded alike: what is left is 8 bits of activations, a percent or so of the logits."""
    model, inputs = model_of(make_checkpoint(**kind)), batch(kind.get("type_vocab_size", 2))
    ops = RoundedOps(SCHEMES[scheme].storage)
    model.build(ops, Inputs(inputs.ids, inputs.mask, inputs.types))
    saved = runner(tmp_path, target.lower(model, scheme)).run(inputs)["logits"]
    assert np.abs(saved - ops.tensors["logits"]).mean() < 0.05 * np.ptp(ops.tensors["logits"])


def test_int4_is_unpacked_before_it_runs(checkpoint, tmp_path):
    """Folded when loaded: what runs are int8's own fused products, and nothing that unpacks."""
    options, path = onnxruntime.SessionOptions(), tmp_path / "optimized.onnx"
    options.optimized_model_filepath = str(path)
    options.log_severity_level = 3
    onnxruntime.InferenceSession(target.lower(model_of(checkpoint), "pq4"), options, ["CPUExecutionProvider"])
    proto = onnx.load(path)
    weights = {one.name: one.data_type for one in proto.graph.initializer}
    products = [node for node in proto.graph.node if "Mat" in node.op_type and node.input[1] in weights]
    integers = [node for node in products if "Quantize" in node.op_type or "Integer" in node.op_type]
    assert len(integers) > 6
    assert {weights[node.input[1]] for node in integers} == {onnx.TensorProto.INT8}
    assert not [one.name for one in proto.graph.initializer if one.name.endswith(".int4")]


def test_an_odd_number_of_int4_is_refused_by_its_name(make_checkpoint):
    model = model_of(make_checkpoint(hidden_size=9, num_attention_heads=3, intermediate_size=7))
    with pytest.raises(LoweringError, match=r"layer\.0\.\S+ holds \d+ numbers, .* pass --keep layer\.0"):
        target.write(io.BytesIO(), model, "pq4", encode=lambda table: product_quantise(table, 3, narrow=True))


@pytest.mark.parametrize("scheme", ONNX)
def test_the_file_is_standard_onnx(checkpoint, scheme):
    proto = onnx.load_from_string(target.lower(model_of(checkpoint), scheme))
    onnx.checker.check_model(proto, full_check=True)
    assert {entry.domain for entry in proto.opset_import} == {""}
    assert [value.name for value in proto.graph.input] == ["input_ids", "attention_mask", "token_type_ids"]
    assert [value.name for value in proto.graph.output] == ["logits"]
    shape = proto.graph.input[0].type.tensor_type.shape
    assert [dim.dim_param for dim in shape.dim] == ["batch_size", "sequence_length"]


@pytest.mark.parametrize("scheme", ONNX)
@pytest.mark.parametrize("opset", target.OPSETS[:: len(target.OPSETS) - 1])
def test_the_form_is_the_oldest_that_has_what_is_in_it(checkpoint, scheme, opset):
    """What IR 10 to 13 brought: tensors of int4, float4 and less, functions that overload, notes on nodes."""
    proto = onnx.load_from_string(target.lower(model_of(checkpoint), scheme, opset))
    assert proto.ir_version == onnx.helper.find_min_ir_version_for([onnx.helper.make_opsetid("", 20)]) == 9
    onnx.checker.check_model(proto)
    newest = max(tensor.data_type for tensor in proto.graph.initializer)
    assert newest <= onnx.TensorProto.FLOAT8E5M2FNUZ < onnx.TensorProto.INT4
    assert not proto.functions
    assert not [node.name for node in proto.graph.node if node.metadata_props]


@pytest.mark.parametrize("scheme", ONNX)
def test_the_same_bytes_each_time(checkpoint, scheme):
    first, second = (target.lower(model_of(checkpoint), scheme) for _ in range(2))
    assert first == second


def known(opset):
    """Whether the ONNX Runtime that is installed, which may be an old one, takes any graph of the opset."""
    kind = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    other = helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "one", [kind], [other])
    model = helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", opset)])
    try:
        onnxruntime.InferenceSession(model.SerializeToString())
    except onnxruntime.capi.onnxruntime_pybind11_state.InvalidArgument:
        return False
    return True


@pytest.mark.parametrize("opset", target.OPSETS)
def test_every_opset_offered_loads_and_agrees(checkpoint, tmp_path, opset):
    model = model_of(checkpoint)
    default = runner(tmp_path, target.lower(model, "none")).run(batch())["logits"]
    file = target.lower(model, "none", opset=opset)
    if not known(opset):
        with pytest.raises(BundleError, match="does not load it"):
            runner(tmp_path, file)
        return
    np.testing.assert_allclose(runner(tmp_path, file).run(batch())["logits"], default, atol=1e-5)


@pytest.mark.parametrize("opset", [target.OPSETS[0] - 1, target.OPSETS[-1] + 1])
def test_other_opsets_are_refused(checkpoint, opset):
    with pytest.raises(LoweringError, match="pass --opset 20 to 26"):
        target.lower(model_of(checkpoint), "none", opset=opset)


def test_int32_inputs(checkpoint, tmp_path):
    model = model_of(checkpoint)
    wide = runner(tmp_path, target.lower(model, "none")).run(batch())["logits"]
    content = target.lower(model, "none", int32_inputs=True)
    narrow = runner(tmp_path, content)
    kinds = {spec.type for spec in onnxruntime.InferenceSession(content).get_inputs()}
    assert kinds == {"tensor(int32)"}
    np.testing.assert_array_equal(narrow.run(batch())["logits"], wide)


def test_named_tensors_equal_the_definition(checkpoint, tmp_path):
    model, inputs = model_of(checkpoint), batch()
    ours = trace(model, inputs.ids, inputs.mask, inputs.types)
    saved = runner(tmp_path, target.lower(model, "none")).trace(inputs)
    for name in (
        "embeddings",
        "layer.0.attention.probabilities",
        "layer.0.attention.context",
        "layer.0.intermediate",
        "layer.1.output",
        "pooler",
    ):
        np.testing.assert_allclose(saved[name].reshape(ours[name].shape), ours[name], atol=2e-4)
    assert set(ours) - set(saved) <= {"mask"}  # its shape is each target's own


def test_padding_makes_no_difference_to_a_row(checkpoint, tmp_path):
    saved = runner(tmp_path, target.lower(model_of(checkpoint), "none"))
    inputs = batch()
    short = Batch(*(values[1:2, :7] for values in (inputs.ids, inputs.mask, inputs.types)))
    np.testing.assert_allclose(saved.run(short)["logits"][0], saved.run(inputs)["logits"][1], atol=1e-5)


def test_weights_lie_as_the_scheme_says(checkpoint):
    sizes = {name: len(target.lower(model_of(checkpoint), name)) for name in ONNX}
    assert sizes["none"] > sizes["fp16"] > sizes["int8-weights"] > sizes["int4-embeddings"]


def test_no_weight_of_the_dynamic_scheme_can_saturate():
    proto = onnx.load_from_string(target.lower(model_of_demo(), "int8"))
    tensors = {t.name: onnx.numpy_helper.to_array(t) for t in proto.graph.initializer}
    read = {name for node in proto.graph.node if node.op_type == "MatMulInteger" for name in node.input}
    matrices = [tensors[name] for name in read if name in tensors]
    assert len(matrices) == 11  # six of layer 0, four of layer 1 for its first token, the pooler
    assert all(integer_rounding.largest_pair(matrix.T) <= 128 for matrix in matrices)


def model_of_demo():
    return model_of("demo")


def test_float16_overflow_is_named(make_checkpoint, edit_weights):
    folder = make_checkpoint()
    edit_weights(folder, lambda t: t["bert.encoder.layer.0.intermediate.dense.weight"].__setitem__((0, 0), 1e6))
    with pytest.raises(LoweringError, match=r"layer\.0\.intermediate\.dense\.weight holds 1e\+06"):
        target.lower(model_of(folder), "fp16")


def test_every_role_has_a_storage_in_every_scheme():
    assert set(SCHEMES) == set(ONNX)
    for storage in [one.storage for one in SCHEMES.values()]:
        assert set(storage) == set(Role)
        assert storage[Role.VECTOR] is Storage.FLOAT32
