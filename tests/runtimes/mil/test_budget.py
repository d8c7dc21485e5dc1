"""A package of a few hundred bytes that asks for gigabytes or minutes is refused before anything is allocated."""

import json
import math
import subprocess
import sys

import numpy as np
import pytest

from runtimes.errors import BundleError
from runtimes.mil import budget, open_package
from runtimes.mil.ops.registry import OPERATIONS
from runtimes.mil.ops.sizes import SIZES, padded
from runtimes.mil.protobuf import model_messages

TYPES = {"bool": 1, "string": 2, "fp16": 10, "fp32": 11, "int32": 23, "uint8": 31, "uint1": 37}
SIDE, LONG = 1 << 15, 1 << 26
MOST_BYTES, MOST_S = 2_000_000_000, 30


class Raw:
    """A program written message by message: coremltools' builder computes what is constant, and would allocate it."""

    def __init__(self):
        self.model = model_messages().Model(specificationVersion=9)
        self.model.mlProgram.version = 1
        function = self.model.mlProgram.functions["main"]
        function.opset = "CoreML8"
        self._type(function.inputs.add(name="x").type, "fp32", (1, 4))
        self.block = function.block_specializations["CoreML8"]

    def value(self, message, dtype, shape, content):
        self._type(message.type, dtype, shape)
        held = message.immediateValue.tensor
        if isinstance(content, bytes):
            held.bytes.values = content
        else:
            field = {"fp32": "floats", "string": "strings", "bool": "bools"}.get(dtype, "ints")
            getattr(held, field).values.extend(content)

    def const(self, name, dtype, shape, content):
        made = self.block.operations.add(type="const")
        self._type(made.outputs.add(name=name).type, dtype, shape)
        self.value(made.attributes["val"], dtype, shape, content)
        return name

    def ints(self, *numbers):
        return self.const(f"c{len(self.block.operations)}", "int32", (len(numbers),), numbers)

    def number(self, value, dtype="int32"):
        return self.const(f"c{len(self.block.operations)}", dtype, (), [value])

    def add(self, kind, dtype, sizes, attributes=(), /, **inputs):
        made = self.block.operations.add(type=kind)
        name = f"t{len(self.block.operations)}"
        self._type(made.outputs.add(name=name).type, dtype, sizes)
        for parameter, names in inputs.items():
            for one in [names] if isinstance(names, str) else names:
                made.inputs[parameter].arguments.add(name=one)
        for parameter, described in dict(attributes).items():
            self.value(made.attributes[parameter], *described)
        return name

    def fill(self, *shape, dtype="fp32"):
        value = 0 if dtype == "int32" else 0.0
        return self.add("fill", dtype, shape, shape=self.ints(*shape), value=self.number(value, dtype))

    def save(self, folder, output):
        self.block.outputs.append(output)
        data = folder / "Data" / "com.apple.CoreML"
        data.mkdir(parents=True)
        (data / "model.mlmodel").write_bytes(self.model.SerializeToString())
        entry = {"path": "com.apple.CoreML/model.mlmodel"}
        (folder / "Manifest.json").write_text(json.dumps({"itemInfoEntries": {"a": entry}, "rootModelIdentifier": "a"}))
        return folder

    def _type(self, message, dtype, shape):
        message.tensorType.dataType, message.tensorType.rank = TYPES[dtype], len(shape)
        for size in shape:
            dimension = message.tensorType.dimensions.add()
            if size is None:
                dimension.unknown.SetInParent()
            else:
                dimension.constant.size = size


def sparse(raw):
    shape = (1 << 31,)
    parts = {"mask": ("uint8", (1,), b"\0"), "nonzero_data": ("fp32", (0,), []), "shape": ("int32", (1,), [1 << 30])}
    return raw.add("constexpr_sparse_to_dense", "fp32", shape, parts)


def palette(raw):
    indices, entries = 1 << 18, 1 << 12
    packed = raw.const("indices", "uint1", (indices, 1), bytes(indices // 8))
    table = raw.const("lut", "fp32", (1, 1, 2, entries), bytes(8 * entries))
    return raw.add(
        "constexpr_lut_to_dense", "fp32", (indices, entries), indices=packed, lut=table, vector_axis=raw.number(1)
    )


def outer_add(raw):
    return raw.add("add", "fp32", (SIDE, SIDE), x=raw.fill(SIDE, 1), y=raw.fill(1, SIDE))


def outer_gather(raw):
    indices = raw.fill(SIDE, dtype="int32")
    return raw.add(
        "gather",
        "fp32",
        (SIDE, SIDE),
        x=raw.fill(1, SIDE),
        indices=indices,
        axis=raw.number(0),
        batch_dims=raw.number(0),
    )


def outer_einsum(raw):
    equation = raw.const("equation", "string", (), ["ab,cd->abcd"])
    return raw.add(
        "einsum", "fp32", (SIDE, 1, SIDE, 1), values=[raw.fill(SIDE, 1), raw.fill(SIDE, 1)], equation=equation
    )


def doubling(raw, known=True):
    last, zero, no = raw.fill(16, 1), raw.number(0), raw.number(0, "bool")
    for step in range(1, 28):
        shape = ((16 << step) if known else None, 1)
        last = raw.add("concat", "fp32", shape, values=[last, last], axis=zero, interleave=no)
    return last


def doubling_unknown(raw):
    return doubling(raw, known=False)


def tanhs(raw, known=True):
    last = raw.fill(LONG)
    for _ in range(60):
        last = raw.add("tanh", "fp32", (LONG if known else None,), x=last)
    return last


def tanhs_unknown(raw):
    return tanhs(raw, known=False)


def kept_alive(raw):
    for _ in range(8):
        raw.block.outputs.append(raw.fill(LONG))
    return raw.fill(LONG)


def hidden_by_zero(raw):
    return raw.const("empty", "fp32", (0, 1 << 62), [])


def summed_zero(raw):
    """Of nothing by 2³¹ the sum over nothing is 2³¹ zeros."""
    wide, no = (1 << 31) - 1, raw.number(0, "bool")
    return raw.add("reduce_sum", "fp32", (wide,), x=raw.fill(0, wide), axes=raw.ints(0), keep_dims=no)


def epsilon(raw):
    return raw.add("layer_norm", "fp32", (SIDE, SIDE), x=raw.fill(SIDE, 1), axes=raw.ints(1), epsilon=raw.fill(1, SIDE))


def palettes_in_a_row(raw):
    """Each is small: it is their number that fills the memory."""
    table, last = raw.const("lut", "fp32", (1, 1, 2, 64), bytes(512)), ""
    packed = raw.const("indices", "uint1", (1 << 16, 1), bytes(1 << 13))
    for _ in range(200):
        last = raw.add(
            "constexpr_lut_to_dense", "fp32", (1 << 16, 64), indices=packed, lut=table, vector_axis=raw.number(1)
        )
    return last


def text_for_bytes(raw):
    parts = {"mask": ("string", (1,), ["\x01"]), "nonzero_data": ("fp32", (1,), [1]), "shape": ("int32", (1,), [8])}
    return raw.add("constexpr_sparse_to_dense", "fp32", (8,), parts)


def bytes_for_text(raw):
    return raw.add("cast", "fp32", (1, 4), x="x", dtype=raw.const("dtype", "string", (4,), b"fp32"))


def list_of_tensors(raw):
    last = raw.add("cast", "fp32", (1, 4), x="x")
    value = raw.block.operations[-1].attributes["dtype"]
    value.type.listType.SetInParent()
    raw.value(value.immediateValue.list.values.add(), "fp32", (2,), [1, 2])
    return last


HOSTILE = [
    sparse,
    palette,
    outer_add,
    outer_gather,
    outer_einsum,
    doubling,
    doubling_unknown,
    tanhs,
    tanhs_unknown,
    kept_alive,
    hidden_by_zero,
    summed_zero,
    epsilon,
    palettes_in_a_row,
    text_for_bytes,
    bytes_for_text,
    list_of_tensors,
]

CHILD = """
import json, sys, time
import numpy as np
from runtimes.errors import BertportError
from runtimes.mil import open_package
from runtimes.process.peak_memory import peak_rss_bytes
told = {}
for path in sys.argv[1:]:
    start = time.perf_counter()
    try:
        open_package(path).run({"x": np.zeros((1, 4), np.float32)})
        outcome = "ran"
    except BertportError as error:
        outcome = str(error)
    told[path] = outcome, time.perf_counter() - start
print(json.dumps({"told": told, "peak_bytes": peak_rss_bytes()}))
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """What one process says of all of them, how long each took, and its peak."""
    folder = tmp_path_factory.mktemp("hostile")
    made = {}
    for build in HOSTILE:
        raw = Raw()
        made[str(raw.save(folder / f"{build.__name__}.mlpackage", build(raw)))] = build
    done = subprocess.run([sys.executable, "-c", CHILD, *made], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    return {made[path].__name__: told for path, told in found["told"].items()}, found["peak_bytes"]


@pytest.mark.parametrize("build", HOSTILE, ids=lambda build: build.__name__)
def test_a_package_that_asks_for_too_much_is_refused_in_one_line(build, answers):
    told, seconds = answers[0][build.__name__]
    assert told != "ran"
    assert "export the package again" in told
    assert "\n" not in told
    assert "MemoryError" not in told
    assert seconds < MOST_S


def test_none_of_them_takes_much_memory(answers):
    assert answers[1] < MOST_BYTES


def test_the_control_what_an_encoder_needs_is_run(tmp_path):
    """The largest tensors of bert-large at 512 tokens: scores of 16 heads, and logits over XLM-R's vocabulary."""
    raw = Raw()
    scores = raw.fill(1, 16, 512, 512)
    last = raw.add("softmax", "fp32", (1, 16, 512, 512), x=scores, axis=raw.number(-1))
    program = open_package(raw.save(tmp_path / "large.mlpackage", last))
    (found,) = program.run({"x": np.zeros((1, 4), np.float32)}).values()
    np.testing.assert_allclose(found[0, 0, 0], 1 / 512, rtol=1e-6)


def test_bert_large_keeps_within_every_limit():
    """24 layers at 512 tokens, and a head over 250,002 words, in what `budget` counts."""
    tokens, hidden, wide, heads = 512, 1024, 4096, 16
    shape = (1, tokens, hidden)
    x, up = (np.broadcast_to(np.float32(0), s) for s in (shape, (1, tokens, wide)))
    weight = {pair: np.broadcast_to(np.float32(0), pair) for pair in [(hidden, hidden), (wide, hidden), (hidden, wide)]}
    scores = np.broadcast_to(np.float32(0), (1, heads, tokens, tokens))
    halves = np.broadcast_to(np.float32(0), (1, heads, tokens, hidden // heads))
    layer = [
        *[("linear", {"x": x, "weight": weight[hidden, hidden]})] * 4,
        ("scaled_dot_product_attention", {"query": halves, "key": halves, "value": halves, "attn_mask": scores}),
        ("softmax", {"x": scores}),
        ("linear", {"x": x, "weight": weight[wide, hidden]}),
        ("gelu", {"x": up}),
        ("linear", {"x": up, "weight": weight[hidden, wide]}),
        *[("layer_norm", {"x": x})] * 2,
        *[("add", {"x": x, "y": x})] * 10,
    ]
    head = ("linear", {"x": x, "weight": np.broadcast_to(np.float32(0), (250_002, hidden))})
    total_s = 0.0
    for operation, arguments in [*layer * 24, head]:
        size = budget.measured(operation, arguments)
        budget.check_memory(budget.held_bytes(operation, size), 100_000_000, 3 * budget.MEMORY_BYTES // 2)
        total_s += budget.work_s(operation, size, arguments)
    assert total_s < budget.WORK_S / 1.5


def test_every_operation_says_how_much_it_makes():
    assert set(SIZES) == set(OPERATIONS)


def test_a_size_of_zero_hides_no_other():
    assert padded((0, 1 << 62)) == 1 << 62
    assert padded(()) == math.prod(())


def test_decoded_weights_may_grow_with_the_files_and_no_further():
    account = budget.Decoding(package_bytes=10_000_000)
    account.require(800_000_000)
    with pytest.raises(budget.OverBudgetError, match="at most 908,435,456"):
        account.require(1_000_000_000)


def test_a_model_file_of_holes_is_not_read(tmp_path):
    raw = Raw()
    folder = raw.save(tmp_path / "holes.mlpackage", raw.fill(2))
    with (folder / "Data" / "com.apple.CoreML" / "model.mlmodel").open("r+b") as file:
        file.truncate(3 << 30)
    with pytest.raises(BundleError, match=r"3,221,225,472 bytes, and at most 67,108,864 are read"):
        open_package(folder)
