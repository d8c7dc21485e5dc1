"""Bytecode that says anything at all: every length, count and number is held against the file."""

import random
from contextlib import suppress
from pathlib import Path

import pytest

from benchmarks.fuzz.bytecode import Program, numbers, section, signed, small
from runtimes.aimodel.bytecode import read_bytecode
from runtimes.aimodel.cursor import Cursor
from runtimes.errors import BundleError

WHERE = Path("x.mlirb")


def read(content):
    return read_bytecode(WHERE, memoryview(content))


@pytest.mark.parametrize("value", [0, 1, 127, 128, 2**14 - 1, 2**14, 2**49, 2**56 - 1, 2**56, 2**64 - 1])
def test_numbers_are_read_as_mlir_writes_them(value):
    cursor = Cursor(WHERE, memoryview(numbers(value) + b"\x03"))
    assert cursor.number() == value
    assert (cursor.left, cursor.number()) == (1, 1)


@pytest.mark.parametrize("value", [0, 1, -1, 63, -64, 2**62, -(2**63)])
def test_signed_numbers_too(value):
    assert Cursor(WHERE, memoryview(signed(value))).signed() == value


@pytest.mark.parametrize(("content", "value"), [(b"\x0d", 6), (b"\x76\x05", 349), (b"\x02\x04", 256)])
def test_what_was_seen_in_files_of_coreai_core(content, value):
    assert Cursor(WHERE, memoryview(content)).number() == value


def test_tables_are_read():
    found = read(small().content())
    assert found.producer == "a test"
    assert found.dialects == {"aicode": 2}
    assert "input_ids" in found.strings
    assert "aicode.primitive.gather_nd_v1" in found.operations
    assert [(one.name, one.size_bytes, one.alignment) for one in found.resources] == [
        ("embeddings.word.weight", 42, 16)
    ]


def spoilt(letter, content):
    program = small()
    program.spoilt = {letter: content}
    return program.content()


BAD = {
    "another kind": (b"TFL3" + bytes(9), r"expected MLIR bytecode, found b'TFL3"),
    "nothing behind": (b"ML\xefR", "1 bytes are said to be at 4, and 0 are left"),
    "a producer without end": (b"ML\xefR\x0dabc", "1 bytes are said to be at 8, and 0 are left"),
    "a producer that is no text": (b"ML\xefR\x0d\xff\0", "the text at 5 is no UTF-8"),
    "no sections": (b"ML\xefR\x0da\0", "its strings are not there"),
    "a section twice": (small().content() + section(6, b"\x01"), "section 6 is there twice, or is none"),
    "a section of no kind": (small().content() + section(9, b""), "section 9 is there twice, or is none"),
    "a section beyond the file": (small().content()[:-3], "bytes are said to be at"),
    "strings that do not add up": (spoilt(0, numbers(2, 3, 3) + b"ab\0"), "the lengths of its strings do not add up"),
    "a million strings": (spoilt(0, numbers(10**6)), "1,000,000 entries are said to be at"),
    "a string of nothing": (spoilt(0, numbers(2, 0, 2) + b"a\0"), "the lengths of its strings do not add up"),
    "a dialect without a name": (spoilt(1, numbers(1, 999 << 1, 0)), "string 999 is asked for"),
    "a version elsewhere": (spoilt(1, numbers(1, 1) + section(4, b"\x05")), "the version of 'aicode' is not where"),
    "operations of no dialect": (spoilt(1, numbers(1, 0, 1, 5, 1, 1)), "dialect 5 is asked for"),
    "fewer attributes": (spoilt(3, numbers(0, 0)), "more attributes and types than are listed, or fewer"),
    "more attributes": (spoilt(3, numbers(1, 0, 0, 1, 200 << 1)), "200 bytes are said to be at"),
    "a group of none": (spoilt(3, numbers(1, 0, 0, 0)), "more attributes or types of a dialect than are listed"),
    "a group of more": (spoilt(3, numbers(1, 0, 0, 2, 2, 2)), "more attributes or types of a dialect than are listed"),
    "properties beyond": (spoilt(8, numbers(1, 9)), "9 bytes are said to be at"),
    "more properties": (spoilt(8, numbers(1, 0, 9)), "more properties than are listed"),
}


@pytest.mark.parametrize("bad", BAD)
def test_what_does_not_fit_is_refused(bad):
    content, said = BAD[bad]
    with pytest.raises(BundleError) as error:
        read(content)
    assert said in str(error.value)
    assert str(error.value).startswith("x.mlirb: ")


def test_another_version_is_another_error():
    program = small()
    program.version = 7
    with pytest.raises(BundleError, match="MLIR bytecode of version 7, bertport reads 6; update bertport"):
        read(program.content())


def test_constants_that_lie_otherwise_than_they_should(monkeypatch):
    program = small()
    program.resources.append((program.resources[0][0], b"xx", 16))
    with pytest.raises(BundleError, match="two constants of one name"):
        read(program.content())
    program.resources = [(0, b"xx", 3)]
    with pytest.raises(BundleError, match="an alignment of 3 at"):
        read(program.content())


def test_what_is_read_into_memory_is_bounded(monkeypatch):
    content = small().content()
    monkeypatch.setattr("runtimes.aimodel.bytecode.MOST_STRUCTURE_BYTES", 100)
    with pytest.raises(BundleError, match=r"bytes besides constants, and at most 100 are read"):
        read(content)


@pytest.mark.parametrize(
    ("letter", "content"),
    [(0, numbers(9)), (1, numbers(1, 0, 9, 0, 9)), (3, numbers(9, 0)), (3, numbers(0, 9)), (8, numbers(9))],
)
def test_what_objects_are_made_of_is_bounded(monkeypatch, letter, content):
    monkeypatch.setattr("runtimes.aimodel.bytecode.MOST_ENTRIES", 8)
    program = Program()
    program.spoilt = {letter: content + bytes(60)}
    with pytest.raises(BundleError, match="9 entries of one kind, and at most 8 are read"):
        read(program.content())


def test_a_changed_byte_is_read_or_refused():
    """Any byte of it, to any value: one of our errors, or a file."""
    from runtimes.aimodel.program import read_program

    honest, choice, refused = small((4, 8)).content(), random.Random(0), 0
    for at in range(len(honest)):
        content = bytearray(honest)
        content[at] = choice.randrange(256)
        refused += 1
        with suppress(BundleError):
            read_program(WHERE, read(bytes(content)), None)
            refused -= 1
    assert len(honest) / 4 < refused < len(honest)
