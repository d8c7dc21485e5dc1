"""The numbers of the format are those of the schema that ai-edge-litert ships."""

import inspect
import re

import pytest
from ai_edge_litert import schema_py_generated as generated

from runtimes.backends.litert.file_check import FOREIGN_OPERATORS, LISTS
from runtimes.tflite import schema

CAMEL = {
    "BATCH_MATMUL": "BatchMatMul",
    "MEAN": "Reducer",
    "SUM": "Reducer",
    "REDUCE_MAX": "Reducer",
    "REDUCE_MIN": "Reducer",
    "REDUCE_PROD": "Reducer",
    "REDUCE_ANY": "Reducer",
    "REDUCE_ALL": "Reducer",
    "MAXIMUM": "MaximumMinimum",
    "MINIMUM": "MaximumMinimum",
    "L2_NORMALIZATION": "L2Norm",
    "TOPK_V2": "TopKV2",
    "PADV2": "PadV2",
}
FIELDS = {
    "activation": "FusedActivationFunction",
    "asymmetric": "AsymmetricQuantizeInputs",
    "keep_dims": {"FULLY_CONNECTED": "KeepNumDims"},
    "axes": "SqueezeDims",
    "parts": "NumSplits",
    "from_type": "InDataType",
    "to_type": "OutDataType",
}
"""Ours → theirs, where it is not the same word."""
READ = {"Int8": "Int8", "Int32": "Int32", "Bool": "Bool", "Float32": "Float32"}


def options_class(operator):
    made = CAMEL.get(operator, "".join(part.title() for part in operator.split("_")))
    return getattr(generated, f"{made}Options", None)


def field_of(operator, name):
    theirs = FIELDS.get(name, "".join(part.title() for part in name.split("_")))
    return theirs.get(operator, "KeepDims") if isinstance(theirs, dict) else theirs


def slot_of(made, field):
    (offset,) = re.findall(r"self\._tab\.Offset\((\d+)\)", inspect.getsource(getattr(made, field)))
    return (int(offset) - 4) // 2


def disagreements(operators):
    """Where a table of operators differs from the generated schema."""
    found = []
    for name, one in operators.items():
        if getattr(generated.BuiltinOperator, name, None) != one.number:
            found.append(f"{name}: number {one.number}")
        made = options_class(name)
        if one.union and (made is None or getattr(generated.BuiltinOptions, made.__name__) != one.union):
            found.append(f"{name}: union {one.union}")
        for option, field in (one.options or {}).items():
            source = inspect.getsource(getattr(made, field_of(name, option), inspect))
            if slot_of(made, field_of(name, option)) != field.slot:
                found.append(f"{name}: slot of {option}")
            if field.kind != "Ints" and f"{field.kind}Flags" not in source:
                found.append(f"{name}: kind of {option}")
            if field.kind != "Ints" and f"return {field.default}" not in source:
                found.append(f"{name}: default of {option}")
    return found


def test_operators_are_the_schemas():
    assert disagreements(schema.OPERATORS) == []


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (schema.Operator(1, 21), "MUL: number"),
        (schema.Operator(18, 22), "MUL: union"),
        (schema.Operator(18, 21, {"activation": schema.Option(1, "Int8", 0)}), "MUL: slot"),
        (schema.Operator(18, 21, {"activation": schema.Option(0, "Int32", 0)}), "MUL: kind"),
        (schema.Operator(18, 21, {"activation": schema.Option(0, "Int8", 1)}), "MUL: default"),
    ],
)
def test_a_wrong_number_is_found(wrong, told):
    assert [one.startswith(told) for one in disagreements({"MUL": wrong})] == [True]


def test_types_are_the_schemas():
    ours = schema.TYPES | schema.FOREIGN_TYPES
    theirs = {name.lower(): number for name, number in vars(generated.TensorType).items() if name.isupper()}
    assert ours == theirs
    assert set(ours) - set(schema.BITS) == {"string", "resource", "variant"}


def test_names_are_the_schemas():
    theirs = {number: name for name, number in vars(generated.BuiltinOperator).items() if name.isupper()}
    assert dict(enumerate(schema.OPERATOR_NAMES)) == theirs


def test_the_identifier_is_the_schemas():
    content = b"\0\0\0\0" + schema.IDENTIFIER
    assert generated.Model.ModelBufferHasIdentifier(content, 0)
    assert not generated.Model.ModelBufferHasIdentifier(b"\0\0\0\0TFL2", 0)


def refers(operator):
    """Options that are no plain numbers: what a runtime would follow."""
    made = options_class(operator)
    return {name for name in vars(made) if name.endswith("Length")} if made else set()


def test_of_operators_that_run_every_list_in_options_is_read():
    """What `reading` does not know of an operator's options it takes for numbers: lists are followed by a runtime."""
    known = {
        f"{field_of(name, option)}Length"
        for name, one in schema.OPERATORS.items()
        for option, field in (one.options or {}).items()
        if field.kind == "Ints"
    }
    assert known == {"NewShapeLength", "SqueezeDimsLength"}
    assert {("FULLY_CONNECTED", f"slot {slot_of(generated.FullyConnectedOptions, 'QuantSpecLength')}")} == LISTS
    assert set().union(*(refers(name) for name in FOREIGN_OPERATORS)) == known | {"QuantSpecLength"}
    assert refers("CONCAT_EMBEDDINGS") - known, "the control: one that does not run has such lists"
