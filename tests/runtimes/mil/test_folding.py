"""A second executor that shares no code with ours: coremltools' own constant folding, fed with constants."""

import numpy as np
import pytest
from coremltools.converters.mil import Builder as mb
from coremltools.converters.mil.frontend.milproto.load import load
from coremltools.converters.mil.mil import Function

from runtimes.mil import open_package
from runtimes.mil.package import read_package


def fold(path, feeds):
    """Replay a saved program on constants; returns result name → the value that coremltools infers, None if none."""
    package = read_package(path)
    weights = package.model_directory / "weights"
    version = package.specification_version
    program = load(package.model, specification_version=version, file_weights_dir=str(weights))
    function = program.functions["main"]
    values = {}
    with Function({}, opset_version=function.opset_version):
        for name, variable in function.inputs.items():
            values[variable.name] = mb.const(val=feeds[name])
        for operation in function.operations:
            for old, new in zip(operation.outputs, _replayed(operation, values), strict=True):
                values[old.name] = new
    return {name: variable.val for name, variable in values.items()}


def _replayed(operation, values):
    if operation.op_type == "const":
        return [mb.const(val=operation.val.val)]
    arguments = {
        name: [values[item.name] for item in value] if isinstance(value, (list, tuple)) else values[value.name]
        for name, value in operation.inputs.items()
        if value is not None
    }
    outputs = getattr(mb, operation.op_type)(**arguments)
    return outputs if isinstance(outputs, (list, tuple)) else [outputs]


@pytest.mark.parametrize("target", ["iOS15", "iOS17", "iOS18"])
def test_every_tensor_of_a_bert_equals_the_folded_one(bert, bert_package, target):
    path = bert_package("rows", target, "fp32")
    folded = fold(path, bert.feeds)
    tensors = open_package(path).trace(bert.feeds)
    compared = [name for name in tensors if folded[name] is not None]
    assert "logits" in compared
    assert len(compared) >= 0.9 * len(tensors)  # coremltools infers no value for a few kinds
    for name in compared:
        np.testing.assert_allclose(tensors[name], folded[name], rtol=1e-4, atol=2e-5, err_msg=name)
