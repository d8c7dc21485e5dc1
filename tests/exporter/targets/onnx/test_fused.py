"""ONNX Runtime fuses every product in integers, and each activation is rounded once."""

from collections import Counter

import numpy as np
import onnx
import onnxruntime
import pytest

from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import HubOptions, resolve
from exporter.compression.outlier_channels import NO_OUTLIERS, Form, Treatment, is_wide
from exporter.model.weight_list import rounded_weights
from exporter.targets.onnx.ops import lower, write

FUSED = {"DynamicQuantizeMatMul", "MatMulIntegerToFloat"}
WIDE = {"hidden_size": 256, "intermediate_size": 512, "num_attention_heads": 4, "num_hidden_layers": 3}


def optimised(content, folder):
    """The operators that ONNX Runtime runs, and the tensors that it rounds."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(folder / "optimised.onnx")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    nodes = onnx.load(folder / "optimised.onnx").graph.node
    rounded = [n.input[0] for n in nodes if n.op_type in ("DynamicQuantizeLinear", "DynamicQuantizeMatMul")]
    return Counter(node.op_type for node in nodes), rounded


def products(content):
    """How many products in integers the file has."""
    return sum(node.op_type == "MatMulInteger" for node in onnx.load_from_string(content).graph.node)


def treated(model, form):
    """Every wide layer so."""
    wide = [weight for weight in rounded_weights(model) if is_wide(weight)]
    assert wide
    if form is Form.PLAIN:
        return NO_OUTLIERS
    found = {}
    for weight in wide:
        factors = np.ones(weight.values.shape[1], np.float32)
        factors[3] = 4
        both = {Form.SMOOTHED: {"factors": factors}, Form.FLOATS: {"channels": np.array([3, 9])}}
        found[weight.name] = Treatment(**both[form])
    return found


@pytest.fixture
def wide(make_checkpoint):
    return load(resolve(str(make_checkpoint(**WIDE)), HubOptions())).model


@pytest.mark.parametrize("form", list(Form))
def test_every_product_is_fused_whatever_the_form(wide, tmp_path, form):
    path = tmp_path / "model.onnx"
    with path.open("wb") as file:
        write(file, wide, "int8", outliers=treated(wide, form))
    content = path.read_bytes()
    found, rounded = optimised(content, tmp_path)
    assert found["MatMulInteger"] == 0
    assert sum(found[name] for name in FUSED) == products(content) > 12
    assert len(rounded) == len(set(rounded))


def test_one_of_the_demo_is_fused_too(tmp_path):
    content = lower(load(resolve("demo", HubOptions())).model, "int8")
    found, rounded = optimised(content, tmp_path)
    assert found["MatMulInteger"] == 0
    assert sum(found[name] for name in FUSED) == products(content)
    assert len(rounded) == len(set(rounded))


def test_a_product_that_is_not_fused_is_seen(wide, tmp_path):
    """The control: a result that something else reads before it is scaled."""
    model = onnx.load_from_string(lower(wide, "int8"))
    integers = next(node.output[0] for node in model.graph.node if node.op_type == "MatMulInteger")
    model.graph.output.append(onnx.helper.make_tensor_value_info(integers, onnx.TensorProto.INT32, None))
    found, _ = optimised(model.SerializeToString(), tmp_path)
    assert found["MatMulInteger"] == 1
