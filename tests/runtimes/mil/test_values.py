import numpy as np
import pytest
from coremltools.proto import MIL_pb2

from runtimes.errors import BundleError
from runtimes.mil.datatypes import BY_NAME
from runtimes.mil.values import TensorType, read_value


def message(name, shape, field, values):
    value = MIL_pb2.Value()
    value.type.tensorType.dataType = BY_NAME[name].number
    for size in shape:
        value.type.tensorType.dimensions.add().constant.size = size
    target = getattr(value.immediateValue.tensor, field)
    if field == "bytes":
        target.values = values
    else:
        target.values.extend(values)
    return value


def read(value):
    return read_value(value, lambda name: pytest.fail(f"no weight file wanted, asked for {name}"), "here")


@pytest.mark.parametrize(
    ("name", "field", "values", "expected"),
    [
        ("fp32", "floats", [1.5, -2], [1.5, -2]),
        ("int32", "ints", [7, -8], [7, -8]),
        ("int64", "longInts", [2**40, -1], [2**40, -1]),
        ("bool", "bools", [True, False], [True, False]),
        ("string", "strings", ["a", "é"], ["a", "é"]),
        ("fp16", "bytes", np.array([1.5, -2], np.float16).tobytes(), [1.5, -2]),
        ("uint16", "ints", [1, 65535], [1, 65535]),
        ("int8", "bytes", b"\x01\xff", [1, -1]),
        ("int4", "bytes", b"\xf1", [1, -1]),
    ],
)
def test_constants_written_in_the_message_are_read(name, field, values, expected):
    array = read(message(name, (2, 1), field, values))
    assert array.shape == (2, 1)
    assert array.dtype.kind == BY_NAME[name].dtype.kind
    assert array.ravel().tolist() == expected


@pytest.mark.parametrize(
    ("name", "field", "values", "reason"),
    [
        ("fp32", "floats", [1.0], "1 elements, expected 2"),
        ("int32", "floats", [1.5, 2], "int32 written as floats"),
        ("fp32", "strings", ["a", "b"], "fp32 written as strings"),
        ("int8", "ints", [300, 0], "beyond int8"),
        ("fp16", "bytes", b"123", "3 bytes, expected 4"),
        ("int4", "bytes", b"12", "2 bytes, expected 1"),
    ],
)
def test_constants_that_do_not_fit_are_refused(name, field, values, reason):
    with pytest.raises(BundleError, match=f"here: .*{reason}"):
        read(message(name, (2,), field, values))


def test_a_constant_without_a_value_is_refused():
    value = message("fp32", (2,), "floats", [1, 2])
    value.ClearField("value")
    with pytest.raises(BundleError, match="given as nothing"):
        read(value)


def test_a_constant_of_unknown_shape_is_refused():
    value = message("fp32", (2,), "floats", [1, 2])
    value.type.tensorType.dimensions[0].unknown.variadic = False
    with pytest.raises(BundleError, match="unknown shape"):
        read(value)


def test_a_type_that_is_no_tensor_is_refused_by_its_name():
    kind = MIL_pb2.ValueType()
    kind.stateType.wrappedType.tensorType.rank = 0
    with pytest.raises(BundleError, match="here: a stateType where a tensor is expected"):
        TensorType.of(kind, "here")


def test_line_breaks_of_a_damaged_package_stay_out_of_the_message():
    with pytest.raises(BundleError) as caught:
        TensorType.of(MIL_pb2.ValueType(), "tensor a\nb\x08\u2028c")
    assert str(caught.value).startswith("tensor a b c: ")
