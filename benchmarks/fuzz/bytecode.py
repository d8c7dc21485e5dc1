"""MLIR bytecode of Core AI's stored dialect, written table by table: small programs, hostile ones, and changed ones."""

import hashlib
import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from runtimes.aimodel.attributes import DIALECT, SCALARS
from runtimes.aimodel.bytecode import MAGIC, RESOURCES, read_bytecode
from runtimes.aimodel.names import HASH, METADATA, PROGRAM
from runtimes.errors import BundleError

T = TypeVar("T")
KINDS = {name: kind for kind, (name, _) in SCALARS.items()}
SAID = {"assetVersion": "2.0", "creationDate": "20260101T000000Z", "producer": "a test"}
"""metadata.json."""


def number(value: int) -> bytes:
    """As MLIR encodes it: as many zero bits from below as bytes follow."""
    size = next((size for size in range(1, 9) if value < 1 << 7 * size), 9)
    if size == 9:
        return b"\0" + value.to_bytes(8, "little")
    return (value << size | 1 << size - 1).to_bytes(size, "little")


def numbers(*values: int) -> bytes:
    """Several, one after the other."""
    return b"".join(map(number, values))


def listed(values: Sequence[int]) -> bytes:
    """How many, and these."""
    return numbers(len(values), *values)


def signed(value: int) -> bytes:
    """One whose lowest bit is its sign."""
    return number(((value << 1) ^ (value >> 63)) & (1 << 64) - 1)


def section(letter: int, content: bytes, align: int = 0, at: int = 0) -> bytes:
    """One section; aligned ones need the place where it begins."""
    if not align:
        return bytes([letter]) + number(len(content)) + content
    head = bytes([letter | 0x80]) + numbers(len(content), align)
    return head + b"\xcb" * (-(at + len(head)) % align) + content


Spec = tuple[str, str, Sequence[int]]
"""Name, type and shape of an input or output."""


class Program:
    """A program of graphs, built up table by table; `content` gives its bytes."""

    def __init__(self) -> None:
        self.strings: list[str] = [DIALECT]
        self.attributes: list[bytes] = []
        self.types: list[bytes] = []
        self.operations: list[int] = []
        self.properties: list[bytes] = []
        self.resources: list[tuple[int, bytes, int]] = []
        self.graphs: list[bytes] = []
        self.version, self.dialect_version = 6, 2
        self.spoilt: dict[int, bytes] = {}

    def string(self, text: str) -> int:
        """Number of a text."""
        return _once(self.strings, text)

    def attribute(self, content: bytes) -> int:
        """Number of an attribute."""
        return _once(self.attributes, content)

    def type(self, content: bytes) -> int:
        """Number of a type."""
        return _once(self.types, content)

    def text(self, text: str) -> int:
        """An attribute that is a text."""
        return self.attribute(numbers(1, self.string(text)))

    def tensor(self, dtype: str, shape: Sequence[int]) -> int:
        """Number of a tensor's type; 99 is no kind of scalar."""
        scalar = self.type(number(KINDS.get(dtype, 99)))
        return self.type(numbers(2, len(shape)) + b"".join(map(signed, shape)) + number(scalar))

    def resource(self, name: str, content: bytes, alignment: int = 16) -> int:
        """An attribute that is a stored constant."""
        self.resources.append((self.string(name), content, alignment))
        return self.attribute(numbers(7, len(self.resources) - 1))

    def dense(self, content: bytes, one_for_all: bool = False) -> int:
        """An attribute that is a constant by itself."""
        return self.attribute(number(6) + bytes([one_for_all]) + number(len(content)) + content)

    def operation(
        self,
        name: str,
        results: Sequence[int] = (),
        operands: Sequence[int] = (),
        properties: bytes | None = None,
        regions: bytes = b"",
        isolated: bool = False,
    ) -> bytes:
        """An operation's bytes; a name without a group is a primitive's."""
        full = name if "." in name else f"primitive.{name}"
        mask = 2 * bool(results) | 4 * bool(operands) | 64 * (properties is not None) | 16 * bool(regions)
        found = number(_once(self.operations, self.string(full))) + bytes([mask]) + number(0)
        if properties is not None:
            self.properties.append(properties)
            found += number(len(self.properties) - 1)
        found += listed(results) if results else b""
        found += listed(operands) if operands else b""
        if regions:
            found += number(1 << 1 | isolated) + (section(4, regions) if isolated else regions)
        return found

    def constant(self, attribute: int, dtype: str, shape: Sequence[int]) -> bytes:
        """The operation that gives a constant."""
        return self.operation("constant_v1", [self.tensor(dtype, shape)], properties=number(attribute))

    def region(self, operations: Sequence[bytes], arguments: Sequence[int] = (), values: int = 0) -> bytes:
        """One block."""
        told = b""
        if arguments:
            told = number(len(arguments)) + b"".join(number(one << 1) for one in arguments) + b"\0"
        return numbers(1, values, len(operations) << 1 | bool(arguments)) + told + b"".join(operations)

    def graph(
        self,
        operations: Sequence[bytes],
        inputs: Sequence[Spec],
        outputs: Sequence[Spec],
        name: str = "main",
        private: bool = False,
    ) -> None:
        """`inputs` and `outputs` are (name, dtype, shape)."""
        flag = self.attribute(numbers(2, 1, 0) + bytes([private]))
        no = self.attribute(numbers(2, 1, 0) + b"\0")
        types = [[self.tensor(dtype, shape) for _, dtype, shape in side] for side in (inputs, outputs)]
        kind = self.attribute(numbers(4, self.type(number(30) + listed(types[1]) + listed(types[0]))))
        told = [self._names(inputs), 0, no, kind, no, self.text(name), flag, no, self._names(outputs)]
        body = self.region(operations, types[0], 50)
        self.graphs.append(self.operation("dataflow.graph_v1", properties=numbers(*told), regions=body, isolated=True))

    def _names(self, specs: Sequence[Spec]) -> int:
        every = []
        for name, _, _ in specs:
            named = self.attribute(numbers(9, self.string(f"{DIALECT}.name"), 0, self.text(name)))
            every.append(self.attribute(number(5) + listed([named])))
        return self.attribute(number(5) + listed(every))

    def content(self) -> bytes:
        """The file."""
        asset = self.operation("serialization.asset", properties=b"", regions=self.region(self.graphs), isolated=True)
        dialects = numbers(1, 1) + section(7, number(self.dialect_version)) + number(len(self.operations))
        dialects += numbers(0, len(self.operations)) + b"".join(number(name << 1 | 1) for name in self.operations)
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
        return self._with_resources(found)

    def _groups(self, entries: Sequence[bytes]) -> bytes:
        return numbers(0, len(entries)) + b"".join(number(len(one) << 1 | 1) for one in entries) if entries else b""

    def _with_resources(self, found: bytes) -> bytes:
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


def small(lengths: Sequence[int] = (4,), rows: int = 7, dtype: str = "int32") -> Program:
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


def _once(table: list[T], entry: T) -> int:
    if entry not in table:
        table.append(entry)
    return table.index(entry)


def write_asset(folder: Path, content: bytes, **said: object) -> Path:
    """An asset around a program, whose hash fits; `said` goes into its metadata."""
    folder.mkdir(parents=True)
    (folder / PROGRAM).write_bytes(content)
    (folder / METADATA).write_text(json.dumps(SAID | said))
    seal(folder)
    return folder


def seal(folder: Path) -> None:
    """Let the hash fit what is there, as a forger would."""
    (folder / HASH).write_bytes(hashlib.sha256((folder / PROGRAM).read_bytes()).digest())


def changed_bytecode(
    content: bytes, choice: random.Random, change: Callable[[bytes, random.Random], bytes]
) -> bytes | None:
    """The program with one of its sections changed, whose length fits again; None for what is no program."""
    if content[: len(MAGIC)] != MAGIC:
        return None
    try:
        sections = read_bytecode(Path("x"), memoryview(content)).sections
    except BundleError:
        return None
    changed = choice.choice(sorted(sections))
    found = content[: content.index(b"\0", len(MAGIC)) + 1]
    for letter, (start, end) in sections.items():
        part = change(content[start:end], choice) if letter == changed else content[start:end]
        found += section(letter, part, 16 if letter == RESOURCES else 0, len(found))
    return found
