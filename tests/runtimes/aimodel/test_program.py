"""What a program reads, gives and holds; and one that does not fit itself."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.fuzz.bytecode import Program, numbers, small
from runtimes.aimodel.bytecode import read_bytecode
from runtimes.aimodel.model import FREE
from runtimes.aimodel.program import read_program, short_name
from runtimes.errors import BundleError

WHERE = Path("x.mlirb")


def read(program):
    return read_program(WHERE, read_bytecode(WHERE, memoryview(program.content())), None)


def of_constant(attribute, dtype="float32", shape=(3,)):
    """A program whose one constant is what `attribute` makes of a program."""
    program = Program()
    made = program.constant(attribute(program), dtype, shape)
    program.graph([made], [("x", "float32", (1,))], [("y", "float32", (1,))])
    return program


def test_functions_are_told_by_name():
    found = read(small((8, 4)))
    assert [(one.name, one.inputs[0].shape) for one in found.functions] == [("length_4", (1, 4)), ("length_8", (1, 8))]
    first = found.functions[0]
    assert [(one.name, one.dtype, one.shape) for one in first.outputs] == [("logits", "float16", (1, 4, 3))]
    assert first.operations == {"reshape": 1, "gather_nd": 1, "output": 1}
    assert len(found.constants) == 1


def test_ids_are_bound_by_the_table_that_they_gather_from():
    (function,) = read(small(rows=11)).functions
    assert function.rows == {"input_ids": 11}


def test_of_two_tables_the_smaller_one_counts():
    program = small()
    made = program.tensor("float16", (1, 4, 3))
    program.graphs = []
    parts = [program.constant(program.dense(bytes(6 * n)), "float16", (n, 3)) for n in (9, 5)]
    gathers = [program.operation("gather_nd_v1", [made], [at, 0]) for at in (1, 2)]
    program.graph([*parts, *gathers], [("input_ids", "int32", (1, 4))], [("y", "float16", (1, 4, 3))])
    assert read(program).functions[0].rows == {"input_ids": 5}


def test_what_is_computed_from_ids_is_not_bound():
    program = small()
    program.graphs = []
    table = program.constant(program.dense(bytes(54)), "float16", (9, 3))
    sum_, made = program.tensor("int32", (1, 4)), program.tensor("float16", (1, 4, 3))
    operations = [table, program.operation("add_v1", [sum_], [0, 0]), program.operation("gather_nd_v1", [made], [1, 2])]
    program.graph(operations, [("input_ids", "int32", (1, 4))], [("y", "float16", (1, 4, 3))])
    assert read(program).functions[0].rows == {}


def test_what_is_private_is_no_function_and_its_constants_are_held_to_their_types():
    program = small()
    wrong = program.constant(program.dense(bytes(4)), "float32", (3,))
    program.graph([wrong], [("x", "float32", (1,))], [("y", "float32", (1,))], "inner", private=True)
    with pytest.raises(BundleError, match=r"a constant float32 \[3\] of 4 bytes, not 12"):
        read(program)
    program = small()
    program.graph([], [("x", "float32", (1,))], [("y", "float32", (1,))], "inner", private=True)
    assert [one.name for one in read(program).functions] == ["main"]


def _nameless(private, sizes):
    program = small()
    program.graph([], [("", "float32", sizes)], [("", "float32", (1,))], "inner", private=private)
    return program


def test_tensors_of_what_is_private_need_no_names_and_have_their_bounds():
    """As coreai-torch 0.4.3 writes its composites."""
    assert [one.name for one in read(_nameless(True, (1,))).functions] == ["main"]
    for private, sizes, words in ((False, (1,), "different names"), (True, (1 << 20, 1 << 20), "a tensor of shape")):
        with pytest.raises(BundleError, match=words):
            read(_nameless(private, sizes))


def test_sizes_that_a_caller_sets_are_free():
    program = Program()
    program.graph([], [("x", "int32", (1, -(1 << 63)))], [("y", "float32", (1,))])
    assert read(program).functions[0].inputs[0].shape == (1, FREE)


@pytest.mark.parametrize(
    ("dtype", "shape", "size"),
    [("float32", (3,), 12), ("int4", (3, 3), 5), ("uint6", (8,), 6), ("uint4", (2,), 1), ("int8", (5,), 5)],
)
def test_a_constant_has_as_many_bytes_as_its_type_says(dtype, shape, size):
    for stored in (lambda p, n: p.resource("w", bytes(n)), lambda p, n: p.dense(bytes(n))):
        read(of_constant(lambda program, stored=stored: stored(program, size), dtype, shape))
        for wrong in (size - 1, size + 1):
            with pytest.raises(BundleError, match=r"bytes"):
                read(of_constant(lambda program, stored=stored, wrong=wrong: stored(program, wrong), dtype, shape))


def test_one_value_may_stand_for_all():
    read(of_constant(lambda program: program.dense(bytes(4), one_for_all=True), shape=(1000,)))
    # coreai-torch 0.4.3 has a byte for each boolean
    read(of_constant(lambda program: program.dense(bytes(128), one_for_all=True), "bool", (1, 128)))
    with pytest.raises(BundleError, match=r"a constant float32 \[1000\] of 3 bytes, not 4"):
        read(of_constant(lambda program: program.dense(bytes(3), one_for_all=True), shape=(1000,)))


def _with(graph):
    program = small()
    graph(program)
    return program


def _reads_what_is_not_made(program):
    operation = program.operation("add_v1", [program.tensor("float32", (1,))], [0, 7])
    program.graph([operation], [("x", "float32", (1,))], [("y", "float32", (1,))], "other")


def _of_another_dialect_version(program):
    program.dialect_version = 3


def _twice(program):
    program.graph([], [("x", "float32", (1,))], [("y", "float32", (1,))], "main")


def _same_inputs(program):
    program.graph([], [("x", "float32", (1,))] * 2, [("y", "float32", (1,))], "other")


def _huge(program):
    program.graph([], [("x", "float32", (1 << 20, 1 << 20))], [("y", "float32", (1,))], "other")


def _endless(program):
    """A thousand results that are each as large as one may be."""
    kind = program.tensor("float32", (1 << 15, 1 << 15))
    operations = [program.operation("relu_v1", [kind], [0]) for _ in range(1000)]
    program.graph(operations, [("x", "float32", (1,))], [("y", "float32", (1,))], "other")


def _wide(program):
    operation = program.operation("concat_v1", [program.tensor("float32", (1,))], [0] * 70_000)
    program.graph([operation], [("x", "float32", (1,))], [("y", "float32", (1,))], "other")


def _negative(program):
    program.graph([], [("x", "float32", (-2,))], [("y", "float32", (1,))], "other")


def _strange(program):
    program.graphs.append(program.operation("dataflow.graph_v9"))


WRONG = {
    _reads_what_is_not_made: "value 7 is asked for",
    _of_another_dialect_version: "of dialect aicode 3, bertport reads aicode 2; update bertport",
    _twice: "expected functions of different names, found main, main",
    _same_inputs: "expected tensors by different names, found x, x",
    _huge: r"a tensor of shape \[1048576, 1048576\]",
    _endless: "a function that makes more than 8,589,934,592 numbers",
    _wide: "an operation of 70,000 values",
    _negative: r"a tensor of shape \[-2\]",
    _strange: "'aicode.dataflow.graph_v9' is no graph",
}


@pytest.mark.parametrize("wrong", WRONG, ids=lambda one: one.__name__)
def test_a_program_that_does_not_fit_itself_is_refused(wrong):
    with pytest.raises(BundleError, match=WRONG[wrong]):
        read(_with(wrong))


def test_a_constant_of_a_type_that_is_not_known_is_refused():
    with pytest.raises(BundleError, match="a constant of a type that bertport does not know"):
        read(of_constant(lambda program: program.dense(bytes(4)), "mystery"))
    with pytest.raises(BundleError, match="is of another kind than it should be"):
        read(of_constant(lambda program: program.text("no constant")))


def test_operations_without_end_are_refused(monkeypatch):
    monkeypatch.setattr("runtimes.aimodel.program.MOST_ENTRIES", 5)
    with pytest.raises(BundleError, match="more than 5 operations"):
        read(small((4, 8)))


def test_regions_within_regions_end():
    program = small()
    inner = b""
    for _ in range(40):
        inner = program.operation("softmax_v1", regions=program.region([inner] if inner else []))
    program.graph([inner], [("x", "float32", (1,))], [("y", "float32", (1,))], "deep")
    with pytest.raises(BundleError, match="operations within operations without end"):
        read(program)


def test_what_lies_within_an_operation_is_passed_over():
    program, kind = small(), None
    kind = program.tensor("float32", (1,))
    body = program.region([program.operation("add_v1", [kind], [0, 0])], [kind, kind], 3)
    for isolated in (False, True):
        made = program.operation("softmax_v1", [kind], [0], regions=body, isolated=isolated)
        after = program.operation("relu_v1", [kind], [1])
        program.graph([made, after], [("x", "float32", (1,))], [("y", "float32", (1,))], f"isolated_{isolated}")
    found = {one.name: one.operations for one in read(program).functions}
    assert found["isolated_True"] == found["isolated_False"] == {"softmax": 1, "relu": 1}


@pytest.mark.parametrize(
    ("name", "short"), [("aicode.primitive.conv2d_v1", "conv2d"), ("aicode.softmax_v1", "softmax"), ("a.b", "b")]
)
def test_names_without_dialect_and_version(name, short):
    assert short_name(name) == short


def test_numbers_of_types_are_bounded():
    program = small()
    program.types.append(numbers(2, 1, 2, 999))
    kind = len(program.types) - 1
    made = program.operation("constant_v1", [kind], properties=numbers(program.dense(np.zeros(1, "<f4").tobytes())))
    program.graph([made], [("x", "float32", (1,))], [("y", "float32", (1,))], "other")
    with pytest.raises(BundleError, match="type 999 is asked for"):
        read(program)
