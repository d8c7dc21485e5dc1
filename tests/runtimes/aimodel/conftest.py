"""Assets written byte by byte, with whatever a test puts there."""

import hashlib
import json

import numpy as np
import pytest

from runtimes.aimodel.attributes import DIALECT, SCALARS
from runtimes.aimodel.names import HASH, METADATA, PROGRAM

KINDS = {name: kind for kind, (name, _) in SCALARS.items()}
SAID = {"assetVersion": "2.0", "creationDate": "20260101T000000Z", "producer": "a test"}


def number(value):
    """As MLIR encodes it: as many zero bits from below as bytes follow."""
    size = next((size for size in range(1, 9) if value < 1 << 7 * size), 9)
    if size == 9:
        return b"\0" + value.to_bytes(8, "little")
    return (value << size | 1 << size - 1).to_bytes(size, "little")


def numbers(*values):
    return b"".join(map(number, values))


def listed(values):
    return numbers(len(values), *values)


def signed(value):
    return number(((value << 1) ^ (value >> 63)) & (1 << 64) - 1)


def section(letter, content, align=0, at=0):
    """One section; aligned ones need the place where it begins."""
    if not align:
        return bytes([letter]) + number(len(content)) + content
    head = bytes([letter | 0x80]) + numbers(len(content), align)
    return head + b"\xcb" * (-(at + len(head)) % align) + content


class Program:
    """A program of graphs, built up table by table; `content` gives its bytes."""

    def __init__(self):
        self.strings, self.attributes, self.types, self.operations = [DIALECT], [], [], []
        self.properties, self.resources, self.graphs, self.values = [], [], [], []
        self.version, self.dialect_version, self.extra_sections = 6, 2, b""
        self.spoilt = {}

    def string(self, text):
        return self._once(self.strings, text)

    def attribute(self, content):
        return self._once(self.attributes, content)

    def type(self, content):
        return self._once(self.types, content)

    def _once(self, table, entry):
        if entry not in table:
            table.append(entry)
        return table.index(entry)

    def text(self, text):
        return self.attribute(numbers(1, self.string(text)))

    def tensor(self, dtype, shape):
        scalar = self.type(number(KINDS.get(dtype, 99)))
        return self.type(numbers(2, len(shape)) + b"".join(map(signed, shape)) + number(scalar))

    def resource(self, name, content, alignment=16):
        self.resources.append((self.string(name), content, alignment))
        return self.attribute(numbers(7, len(self.resources) - 1))

    def dense(self, content, one_for_all=False):
        return self.attribute(number(6) + bytes([one_for_all]) + number(len(content)) + content)

    def operation(self, name, results=(), operands=(), properties=None, regions=b"", isolated=False):
        full = name if "." in name else f"primitive.{name}"
        mask = 2 * bool(results) | 4 * bool(operands) | 64 * (properties is not None) | 16 * bool(regions)
        found = numbers(self._once(self.operations, self.string(full))) + bytes([mask]) + number(0)
        if properties is not None:
            self.properties.append(properties)
            found += number(len(self.properties) - 1)
        found += listed(results) if results else b""
        found += listed(operands) if operands else b""
        if regions:
            found += number(1 << 1 | isolated) + (section(4, regions) if isolated else regions)
        return found

    def constant(self, attribute, dtype, shape):
        return self.operation("constant_v1", [self.tensor(dtype, shape)], properties=number(attribute))

    def region(self, operations, arguments=(), values=0):
        """One block."""
        told = b""
        if arguments:
            told = number(len(arguments)) + b"".join(number(one << 1) for one in arguments) + b"\0"
        return numbers(1, values, len(operations) << 1 | bool(arguments)) + told + b"".join(operations)

    def graph(self, operations, inputs, outputs, name="main", private=False):
        """`inputs` and `outputs` are (name, dtype, shape)."""
        flag = self.attribute(numbers(2, 1, 0) + bytes([private]))
        no = self.attribute(numbers(2, 1, 0) + b"\0")
        types = [[self.tensor(dtype, shape) for _, dtype, shape in side] for side in (inputs, outputs)]
        kind = self.attribute(numbers(4, self.type(number(30) + listed(types[1]) + listed(types[0]))))
        told = [self._names(inputs), 0, no, kind, no, self.text(name), flag, no, self._names(outputs)]
        body = self.region(operations, types[0], 50)
        self.graphs.append(self.operation("dataflow.graph_v1", properties=numbers(*told), regions=body, isolated=True))

    def _names(self, specs):
        every = []
        for name, _, _ in specs:
            named = self.attribute(numbers(9, self.string(f"{DIALECT}.name"), 0, self.text(name)))
            every.append(self.attribute(number(5) + listed([named])))
        return self.attribute(number(5) + listed(every))

    def content(self):
        """The file."""
        asset = self.operation("serialization.asset", properties=b"", regions=self.region(self.graphs), isolated=True)
        names = [self.string(one) if isinstance(one, str) else one for one in self.operations]
        dialects = numbers(1, 1) + section(7, number(self.dialect_version)) + number(len(names))
        dialects += numbers(0, len(names)) + b"".join(number(name << 1 | 1) for name in names)
        texts = [one.encode() + b"\0" for one in self.strings]
        parts = {
            0: listed([*map(len, reversed(texts))]) + b"".join(texts),
            1: dialects,
            3: numbers(len(self.attributes), len(self.types))
            + self._groups(self.attributes)
            + self._groups(self.types),
            2: b"".join(self.attributes + self.types),
            4: numbers(1 << 1) + asset,
            8: number(len(self.properties)) + b"".join(number(len(one)) + one for one in self.properties),
        } | self.spoilt
        found = b"ML\xefR" + number(self.version) + b"a test\0"
        for letter, one in parts.items():
            found += section(letter, one)
        return self._with_resources(found) + self.extra_sections

    def _groups(self, entries):
        return numbers(0, len(entries)) + b"".join(number(len(one) << 1 | 1) for one in entries) if entries else b""

    def _with_resources(self, found):
        if not self.resources:
            return found
        content, sizes = b"", []
        for name, one, alignment in self.resources:
            head = numbers(alignment, len(one))
            head += b"\xcb" * (-(len(content) + len(head)) % alignment)
            content += head + one
            sizes.append((name, len(head) + len(one)))
        offsets = numbers(0, 0, len(sizes)) + b"".join(numbers(name, size) + b"\0" for name, size in sizes)
        return found + section(5, content, 16, len(found)) + section(6, offsets)


def small(lengths=(4,), rows=7, dtype="int32"):
    """A program that gathers rows of a table by input_ids: `main`, or a function of each length."""
    program = Program()
    table = program.resource("embeddings.word.weight", np.arange(rows * 3, dtype="<f2").tobytes())
    for length in lengths:
        shape = program.constant(program.dense(np.array([1, length, 1], "<u4").tobytes()), "uint32", (3,))
        words = program.constant(table, "float16", (rows, 3))
        made = program.tensor("float16", (1, length, 3))
        operations = [
            shape,
            words,
            program.operation("reshape_v2", [program.tensor(dtype, (1, length, 1))], [0, 2]),
            program.operation("gather_nd_v1", [made], [3, 4]),
            program.operation("dataflow.output_v1", operands=[5]),
        ]
        inputs = [("input_ids", dtype, (1, length)), ("attention_mask", dtype, (1, length))]
        name = "main" if len(lengths) == 1 else f"length_{length}"
        program.graph(operations, inputs, [("logits", "float16", (1, length, 3))], name)
    return program


@pytest.fixture
def program():
    return small()


@pytest.fixture
def saved(tmp_path):
    """A program, or bytes → the asset's folder, whose hash fits; `said` goes into its metadata."""

    def save(program, name="Model.aimodel", **said):
        folder = tmp_path / name
        folder.mkdir()
        content = program if isinstance(program, bytes) else program.content()
        (folder / PROGRAM).write_bytes(content)
        (folder / HASH).write_bytes(hashlib.sha256(content).digest())
        (folder / METADATA).write_text(json.dumps(SAID | said))
        return folder

    return save
