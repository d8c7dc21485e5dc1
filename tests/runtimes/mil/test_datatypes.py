import numpy as np
import pytest
from coremltools.proto import MIL_pb2
from hypothesis import given
from hypothesis import strategies as st

from runtimes.mil.datatypes import DATA_TYPES, unpack

PACKED = [data_type for data_type in DATA_TYPES if data_type.is_packed]


def test_the_numbers_are_those_of_the_protobuf():
    for data_type in DATA_TYPES:
        name = data_type.name.upper().replace("FP", "FLOAT")
        assert MIL_pb2.DataType.Value(name) == data_type.number


def test_numbers_and_names_are_unique():
    assert len({t.number for t in DATA_TYPES}) == len({t.name for t in DATA_TYPES}) == len(DATA_TYPES)


@pytest.mark.parametrize("data_type", PACKED, ids=lambda t: t.name)
@given(data=st.data())
def test_unpacking_is_the_definition_bit_by_bit(data_type, data):
    low, high = (-8, 7) if data_type.name == "int4" else (0, 2**data_type.bits - 1)
    values = data.draw(st.lists(st.integers(low, high), max_size=30))
    packed = 0
    for position, value in enumerate(values):
        packed |= (value % 2**data_type.bits) << (position * data_type.bits)
    raw = np.frombuffer(packed.to_bytes((len(values) * data_type.bits + 7) // 8, "little"), np.uint8)
    unpacked = unpack(raw, len(values), data_type)
    assert unpacked.dtype == data_type.dtype
    assert unpacked.tolist() == values
