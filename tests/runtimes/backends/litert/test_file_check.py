"""A .tflite file has the operators that we write, fits together, and makes no more than an encoder does."""

from dataclasses import replace

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from benchmarks.fuzz.seeds import write_checkpoint
from exporter.options.request import Request
from exporter.pipeline import export
from exporter.targets.litert.file import write
from exporter.targets.registry import TARGETS
from exporter.targets.target import Settings
from runtimes.backends.litert.file_check import FOREIGN_OPERATORS, OPERATORS, check_litert
from runtimes.backends.litert.rules import RULES, VALUES
from runtimes.backends.litert.types import PATTERNS
from runtimes.errors import BundleError
from runtimes.tflite import schema
from runtimes.tflite.model import FREE, Node, Quantization, Signature
from runtimes.tflite.reading import read_model

WIDE = 1 << 15


def test_every_operator_that_runs_has_its_rules():
    assert set(RULES) == set(PATTERNS)
    assert OPERATORS < FOREIGN_OPERATORS
    assert set(VALUES) <= FOREIGN_OPERATORS
    assert not FOREIGN_OPERATORS & {"CUSTOM", "IF", "WHILE", "CALL", "CALL_ONCE", "VAR_HANDLE", "STABLEHLO_COMPOSITE"}


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    place = tmp_path_factory.mktemp("exported")
    checkpoint, made = write_checkpoint(place / "checkpoint"), []
    for scheme in TARGETS["litert"].schemes:
        for lengths in ((), (8, 16)):
            folder, settings = place / f"{scheme}-{len(lengths)}", Settings.of(sequence_lengths=lengths)
            export(Request(str(checkpoint), ("litert",), (scheme,), folder, settings=settings, verify=False))
            made.append(folder / "model.tflite")
    return made


def test_what_an_export_writes_is_taken(exported):
    for path in exported:
        assert check_litert(path).subgraphs


def test_the_shapes_are_those_that_litert_computes(exported):
    """Of graphs of fixed lengths, tensor by tensor."""
    from runtimes.backends.litert.sizes import _Walk

    for path in exported:
        model = read_model(path)
        ours = _Walk(path, model, model.subgraphs[0]).made()
        if any(FREE in model.subgraphs[0].tensors[number].shape for number in model.subgraphs[0].inputs):
            continue
        interpreter = Interpreter(model_path=str(path))
        interpreter.allocate_tensors()
        theirs = {one["index"]: tuple(int(size) for size in one["shape"]) for one in interpreter.get_tensor_details()}
        assert ours
        assert {number: theirs[number] for number in ours} == dict(ours)


def refused(path, match, operators=OPERATORS):
    with pytest.raises(BundleError, match=match) as caught:
        check_litert(path, operators)
    assert str(caught.value).isprintable()
    assert str(caught.value).endswith("export again")


def test_a_small_graph_is_taken(graph):
    x = graph.input("x", (FREE, 4))
    check_litert(graph.saved(graph.node("TANH", [x], (FREE, 4))))


def test_an_operator_that_is_not_ours_is_refused_and_others_may_have_it(graph):
    path = graph.saved(graph.node("SQUARE", [graph.input("x", (4,))], (4,)))
    path.write_bytes(_as_operator(path.read_bytes(), 92, 104))
    refused(path, "bertport writes no CEIL")
    assert check_litert(path, FOREIGN_OPERATORS)


@pytest.mark.parametrize(("number", "name"), [(119, "WHILE"), (118, "IF"), (31, "CALL"), (142, "VAR_HANDLE")])
def test_control_flow_and_states_run_for_nobody(graph, number, name):
    path = graph.saved(graph.node("SQUARE", [graph.input("x", (4,))], (4,)))
    path.write_bytes(_as_operator(path.read_bytes(), 92, number))
    refused(path, f"bertport runs no {name}", FOREIGN_OPERATORS)


def _as_operator(content, old, new):
    """The same bytes, of another operator: its number is in two fields."""
    wide = content.index(old.to_bytes(4, "little"))
    changed = content[:wide] + new.to_bytes(4, "little") + content[wide + 4 :]
    narrow = max(at for at in range(wide - 8, wide + 12) if changed[at] == old)
    return changed[:narrow] + bytes([min(new, 127)]) + changed[narrow + 1 :]


def outer(graph, operator):
    sides = [graph.constant(np.zeros(shape, "f4")) for shape in ((WIDE, 1), (1, WIDE))]
    return graph.node(operator, sides, (WIDE, WIDE))


def doubled(graph):
    x = graph.constant(np.zeros(16, np.float32))
    for at in range(25):
        x = graph.node("CONCATENATION", [x, x], (32 << at,), axis=0)
    return x


def gathered(graph):
    table = graph.constant(np.zeros((1, WIDE), np.float32))
    return graph.node("GATHER", [table, graph.constant(np.zeros(WIDE, np.int32))], (WIDE, WIDE), axis=0)


def padded(graph):
    x = graph.constant(np.zeros(4, np.float32))
    return graph.node("PAD", [x, graph.constant(np.array([[0, 1 << 30]], np.int32))], (4 + (1 << 30),))


LARGE = {
    "an outer sum": lambda graph: outer(graph, "ADD"),
    "an outer product": lambda graph: outer(graph, "BATCH_MATMUL"),
    "an outer gather": gathered,
    "a padded one": padded,
    "a concatenation that doubles": doubled,
}


@pytest.mark.parametrize("name", LARGE)
def test_a_tensor_that_the_file_alone_makes_too_large_is_refused(graph, name):
    refused(graph.saved(LARGE[name](graph)), "elements")


def test_many_that_are_too_large_together_are_refused(graph):
    left, right = graph.constant(np.zeros((WIDE, 1), "f4")), graph.constant(np.zeros((1, 1 << 11), "f4"))
    for _ in range(60):
        graph.node("ADD", [left, right], (WIDE, 1 << 11))
    refused(graph.saved(), "elements in all")


def test_the_control_a_small_one_is_taken(graph):
    left, right = graph.constant(np.zeros((8, 1), "f4")), graph.constant(np.zeros((1, 8), "f4"))
    check_litert(graph.saved(graph.node("ADD", [left, right], (8, 8))))


def two(graph):
    return graph.input("a", (4,)), graph.input("b", (4,))


def unmade(graph):
    return graph.node("ADD", [graph.input("a", (4,)), graph.add("nowhere", "float32", (4,))])


def out_of_order(graph):
    a, later = graph.input("a", (4,)), graph.add("later", "float32", (4,))
    made = graph.node("TANH", [later])
    graph.nodes.append(Node("TANH", 1, (a,), (later,)))
    return made


def twice(graph):
    a = graph.input("a", (4,))
    made = graph.node("TANH", [a], (4,))
    graph.nodes.append(Node("RELU", 1, (a,), (made,)))
    return made


def onto(graph, number):
    graph.nodes.append(Node("TANH", 1, (graph.inputs[0],), (number,)))
    return number


def itself(graph):
    a, made = graph.input("a", (4,)), len(graph.tensors)
    return graph.node("ADD", [a, made])


def split_in(graph, parts, outputs):
    axis, x = graph.constant(np.array([0], "i4")), graph.input("x", (4,))
    made = [graph.add(f"part{number}", "float32", (2,)) for number in range(outputs)]
    graph.nodes.append(Node("SPLIT", 1, (axis, x), tuple(made), {"parts": parts}))
    return made[0]


def dense(graph, rows=3, width=4, bias=3, **options):
    x, w, b = graph.input("x", (2, 4)), np.zeros((rows, width), "f4"), np.zeros(bias, "f4")
    return graph.node("FULLY_CONNECTED", [x, graph.constant(w), graph.constant(b)], **options)


def blocks(graph, size=32, scales=(3, 2), dtype="int4", operator="EMBEDDING_LOOKUP"):
    ids = graph.input("ids", (2,), "int32")
    scale = graph.constant(np.ones(scales, np.float16))
    how = Quantization(np.zeros(0, "f4"), 0, None, scale, size)
    stored = np.zeros(3 * 64 // 2 if dtype == "int4" else 3 * 64, np.int8)
    table = graph.constant(stored, "table", dtype, (3, 64), how)
    return graph.node(operator, [ids, table] if operator == "EMBEDDING_LOOKUP" else [table], (2, 64), version=4)


UNFIT = {
    "a tensor that nothing makes": (unmade, "'nowhere', which nothing made before"),
    "a tensor that is made later": (out_of_order, "'later', which nothing made before"),
    "a tensor made of itself": (itself, "which nothing made before"),
    "a tensor made twice": (twice, "made twice"),
    "a constant that is written": (
        lambda g: onto(g, (g.input("x", (4,)), g.constant(np.ones(4, "f4")))[1]),
        "made twice",
    ),
    "an input that is written": (lambda g: onto(g, g.input("x", (4,))), "made twice"),
    "an output that nothing makes": (lambda g: g.add("nowhere", "float32", (4,)), "an output that nothing makes"),
    "an input that is missing": (lambda g: g.node("ADD", [g.input("x", (4,))]), "of 1 inputs"),
    "an input too many": (lambda g: g.node("TANH", [*two(g)]), "of 2 inputs"),
    "an input left out": (lambda g: g.node("ADD", [g.input("x", (4,)), -1]), "left without an input"),
    "weights left out": (lambda g: g.node("FULLY_CONNECTED", [g.input("x", (2, 4)), -1]), "left without an input"),
    "parts for other outputs": (lambda g: split_in(g, 4, 1), "in 4 parts for 1"),
    "a million parts": (lambda g: split_in(g, 10**6, 2), "in 1,000,000 parts"),
    "sizes that differ": (lambda g: g.node("ADD", [g.input("a", (4,)), g.input("b", (3,))]), "ADD 'made'"),
    "a product of other sizes": (lambda g: dense(g, width=5), "by rows of 5"),
    "a bias of other rows": (lambda g: dense(g, bias=2), "a bias"),
    "a shape of another count": (
        lambda g: g.node("RESHAPE", [g.input("x", (4,)), g.constant(np.array([3, -1], "i4"))]),
        "4 elements",
    ),
    "a size from the text": (
        lambda g: g.node("RESHAPE", [g.input("x", (4,)), g.input("sizes", (1,), "int32")]),
        "computes a size from its texts",
    ),
    "an axis that is not there": (
        lambda g: g.node("CONCATENATION", [*two(g)], axis=3),
        "axis 3 of 1",
    ),
    "batches that are not there": (
        lambda g: g.node("GATHER", [g.input("x", (4,)), g.input("i", (2,), "int32")], batch_dims=5),
        "5 axes of batches",
    ),
    "halves made integers": (
        lambda g: g.node("RESHAPE", [g.input("x", (4,), "float16"), g.constant(np.array([4], "i4"))], (4,), "int8"),
        "of float16, int32 to int8",
    ),
    "halves looked up as floats": (
        lambda g: g.node("EMBEDDING_LOOKUP", [g.input("i", (2,), "int32"), g.constant(np.ones((3, 4), "f2"))]),
        "of int32, float16 to float32",
    ),
    "int4 where none is read": (
        lambda g: g.node("DEQUANTIZE", [g.constant(np.zeros(2, "u1"), dtype="int4", shape=(4,))], (4,)),
        "of int4 to float32",
    ),
    "blocks of int8": (
        lambda g: blocks(g, dtype="int8"),
        "int8 (3, 64) in blocks".replace("(", r"\(").replace(")", r"\)"),
    ),
    "blocks that do not divide a row": (lambda g: blocks(g, size=24), "in blocks of 24"),
    "scales of other blocks": (lambda g: blocks(g, scales=(3, 1)), "in blocks of 32"),
}


@pytest.mark.parametrize("name", UNFIT)
def test_a_graph_that_does_not_fit_together_is_refused(graph, name):
    make, match = UNFIT[name]
    refused(graph.saved(make(graph)), match)


@pytest.mark.parametrize("said", [(16, 1), (16, 16, 1), (16, FREE, FREE), ()])
def test_a_shape_that_is_not_what_is_made_is_refused(graph, said):
    """XNNPACK makes room for what is said."""
    weight = graph.constant(np.ones((16, 16), "i1"), quantization=Quantization(np.ones(1, "f4")))
    refused(graph.saved(graph.node("DEQUANTIZE", [weight], said)), r"is said to be .* and is made \[16, 16\]")


def test_a_size_that_is_said_to_be_free_may_be_any(graph):
    weight = graph.constant(np.ones((16, 16), "i1"), quantization=Quantization(np.ones(1, "f4")))
    check_litert(graph.saved(graph.node("DEQUANTIZE", [weight], (FREE, 16))))


def test_blocks_that_fit_are_taken(graph):
    check_litert(graph.saved(blocks(graph)))


def test_sizes_that_are_computed_are_known(graph):
    """A shape may be made of constants, and of the shapes of inputs."""
    sizes = graph.node("SHAPE", [graph.input("x", (2, FREE), "int32")], (2,), "int32", out_type=2)
    two = graph.node("MUL", [sizes, graph.constant(np.array([2, 1 << 29], "i4"))], (2,), "int32")
    path = graph.saved(graph.node("RESHAPE", [graph.constant(np.zeros(4, "f4")), two]))
    refused(path, r"4 elements as \[4, 536870912\]")


def test_numbers_that_leave_their_type_are_no_sizes(graph):
    """In int32 they would come round to something small."""
    huge = graph.constant(np.array([1 << 20], "i4"))
    size = graph.node("MUL", [huge, huge], (1,), "int32")
    refused(graph.saved(graph.node("RESHAPE", [graph.constant(np.zeros(4, "f4")), size])), "beyond their type")


def test_options_that_are_not_read_are_refused(graph, monkeypatch):
    """Of others only what LiteRT would follow: their operators have options that ours have not."""
    options = dict(schema.OPERATORS["FULLY_CONNECTED"].options) | {"more": schema.Option(5, "Int32", 0)}
    listed = schema.OPERATORS | {"FULLY_CONNECTED": schema.Operator(9, 8, options)}
    monkeypatch.setattr(schema, "OPERATORS", listed)
    path = graph.saved(dense(graph, more=4))
    monkeypatch.undo()
    refused(path, "options that bertport does not read, slot 5")
    refused(path, "options that bertport does not read, slot 5", FOREIGN_OPERATORS)


def test_options_of_others_that_are_numbers_run(graph, monkeypatch):
    options = dict(schema.OPERATORS["ADD"].options) | {"more": schema.Option(1, "Bool", True)}
    monkeypatch.setattr(schema, "OPERATORS", schema.OPERATORS | {"ADD": schema.Operator(0, 11, options)})
    path = graph.saved(graph.node("ADD", [graph.input("a", (4,)), graph.input("b", (4,))], (4,), more=False))
    monkeypatch.undo()
    refused(path, "slot 1")
    check_litert(path, FOREIGN_OPERATORS)


def test_a_signature_of_other_tensors_is_refused(graph):
    x = graph.input("x", (4,))
    made = graph.node("TANH", [x])
    graph.signatures = [Signature("serving_default", 0, {"x": made}, {"y": made})]
    refused(graph.saved(made), "has not the inputs and outputs of its graph")


def test_a_version_that_the_runtime_does_not_know_is_one_line(exported, tmp_path):
    """Nothing tells it before; LiteRT says so before anything runs."""
    from runtimes.backends.litert.runner import LiteRtRunner

    model = read_model(exported[0])
    graph = model.subgraphs[0]
    nodes = [replace(node, version=99) if node.operator == "TANH" else node for node in graph.nodes]
    with (tmp_path / "model.tflite").open("wb") as file:
        write(file, replace(model, subgraphs=[replace(graph, nodes=nodes)]))
    check_litert(tmp_path / "model.tflite")
    with pytest.raises(BundleError, match=r"'TANH' version '99'.*update ai-edge-litert"):
        LiteRtRunner(tmp_path / "model.tflite")


@pytest.mark.parametrize("ids", [[5], [-1], [2**31 - 1]])
@pytest.mark.parametrize("operator", ["EMBEDDING_LOOKUP", "GATHER"])
def test_litert_itself_refuses_ids_beyond_a_table(graph, operator, ids):
    """What it did not refuse would have to be refused here: it reads no further than its tables."""
    table, place = graph.constant(np.ones((5, 4), np.float32)), graph.input("ids", (1,), "int32")
    inputs = [place, table] if operator == "EMBEDDING_LOOKUP" else [table, place]
    interpreter = Interpreter(model_path=str(graph.saved(graph.node(operator, inputs, (1, 4)))))
    interpreter.allocate_tensors()
    interpreter.set_tensor(place, np.array([4], np.int32))
    interpreter.invoke()
    interpreter.set_tensor(place, np.array(ids, np.int32))
    with pytest.raises(RuntimeError, match="out of bounds"):
        interpreter.invoke()
