r"""The tables of MLIR bytecode: sections, strings, dialects, operations' names, attributes and types, resources.

    "ML\xefR", version, producer, section …

What an attribute or a type is made of is `attributes`' business, what the operations are `program`'s.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple, TypeVar

from runtimes.aimodel.cursor import Cursor, Span
from runtimes.errors import BundleError, excerpt

MAGIC = b"ML\xefR"
VERSION = 6
"""Of the bytecode: what coreai-core 1.0.0b3 fixes for the systems of its time."""
STRINGS, DIALECTS, ENTRIES, OFFSETS, IR, RESOURCES, RESOURCE_OFFSETS, DIALECT_VERSIONS, PROPERTIES = range(9)
_NEEDED = {
    STRINGS: "strings",
    DIALECTS: "dialects",
    ENTRIES: "attributes",
    OFFSETS: "offsets of attributes",
    IR: "operations",
    PROPERTIES: "properties",
}
MOST_STRUCTURE_BYTES = 1 << 23
"""Of everything but the constants: twelve layers of twelve heads take 0.8 MB in four lengths."""
MOST_ENTRIES = 1 << 20
"""Of one table, or operations: such a model has 55,000 attributes."""
_BLOB = 0

T = TypeVar("T")


class Entry(NamedTuple):
    """An attribute or a type: its dialect, where it lies, and whether its dialect encodes it (else it is text)."""

    dialect: str
    span: Span
    encoded: bool


@dataclass(frozen=True)
class Resource:
    """A constant's bytes: its name in the file, where it lies, and what it is aligned to."""

    name: str
    span: Span
    alignment: int

    @property
    def size_bytes(self) -> int:
        """Bytes of it."""
        return self.span.end - self.span.start


@dataclass(frozen=True)
class Bytecode:
    """The tables of a file; `view` are its bytes. `dialects` have their versions, 0 for none."""

    path: Path
    view: memoryview
    producer: str
    sections: Mapping[int, Span]
    strings: Sequence[str] = ()
    dialects: Mapping[str, int] = field(default_factory=dict)
    operations: Sequence[str] = ()
    attributes: Sequence[Entry] = ()
    types: Sequence[Entry] = ()
    properties: Sequence[Span] = ()
    resources: Sequence[Resource] = field(default=())

    def cursor(self, span: Span) -> Cursor:
        """A cursor at the start of a part."""
        return Cursor(self.path, self.view, span)


def read_bytecode(path: Path, view: memoryview) -> Bytecode:
    """Read the tables of the bytes of `path`. Raises BundleError for what is none, or of another version."""
    start = Cursor(path, view)
    if bytes(view[: len(MAGIC)]) != MAGIC:
        raise BundleError(f"{path}: expected MLIR bytecode, found {excerpt(bytes(view[:8]))}; export it again")
    start.skip(len(MAGIC))
    if (version := start.number()) != VERSION:
        raise BundleError(f"{path}: MLIR bytecode of version {version:,}, bertport reads {VERSION}; update bertport")
    producer, sections = start.text(), _sections(start)
    return _Tables(Bytecode(path, view, producer, sections)).all()


def _sections(cursor: Cursor) -> dict[int, Span]:
    found: dict[int, Span] = {}
    while cursor.left:
        number, span = cursor.section()
        if number in found or number not in (*_NEEDED, RESOURCES, RESOURCE_OFFSETS):
            raise cursor.refused(f"section {number} is there twice, or is none that a program has")
        found[number] = span
    if missing := [name for number, name in _NEEDED.items() if number not in found]:
        raise cursor.refused(f"its {missing[0]} are not there")
    if (RESOURCES in found) != (RESOURCE_OFFSETS in found):
        raise cursor.refused("its constants or what says where they are is not there")
    structure = sum(end - start for number, (start, end) in found.items() if number != RESOURCES)
    if structure > MOST_STRUCTURE_BYTES:
        raise cursor.refused(f"{structure:,} bytes besides constants, and at most {MOST_STRUCTURE_BYTES:,} are read")
    return found


class _Tables:
    """Reads one table after the other: each refers to those before it."""

    def __init__(self, file: Bytecode) -> None:
        self._file = file
        self._strings = self._read_strings(self._of(STRINGS))
        self._dialects: list[str] = []
        self._versions: list[int] = []

    def _of(self, section: int) -> Cursor:
        return self._file.cursor(self._file.sections[section])

    def all(self) -> Bytecode:
        """The file with its tables."""
        operations = self._read_dialects(self._of(DIALECTS))
        attributes, types = self._read_entries(self._of(OFFSETS))
        return replace(
            self._file,
            strings=self._strings,
            dialects=dict(zip(self._dialects, self._versions, strict=True)),
            operations=operations,
            attributes=attributes,
            types=types,
            properties=self._read_properties(self._of(PROPERTIES)),
            resources=self._read_resources() if RESOURCES in self._file.sections else (),
        )

    def _read_strings(self, cursor: Cursor) -> list[str]:
        """Lengths from the last string to the first, a 0 counted with each; then the strings, first to last."""
        sizes = [cursor.number() for _ in range(_bounded(cursor, cursor.count()))]
        if sum(sizes) != cursor.left or 0 in sizes:
            raise cursor.refused("the lengths of its strings do not add up to what is there")
        found = []
        for size in reversed(sizes):
            start, end = cursor.skip(size)
            found.append(cursor.decoded(Span(start, end - 1)))
        return found

    def _read_dialects(self, cursor: Cursor) -> list[str]:
        """Dialects with their versions; then the names of operations, each with its dialect."""
        for _ in range(cursor.count()):
            name, versioned = cursor.flagged()
            self._dialects.append(chosen(cursor, self._strings, name, "string"))
            self._versions.append(self._read_version(cursor) if versioned else 0)
        cursor.number()  # of operations' names, so that a reader may make room
        found: list[str] = []
        while cursor.left:
            dialect = self._dialect(cursor)
            names = [cursor.flagged()[0] for _ in range(_bounded(cursor, len(found) + cursor.count()) - len(found))]
            found += [f"{dialect}.{chosen(cursor, self._strings, name, 'string')}" for name in names]
        return found

    def _read_version(self, cursor: Cursor) -> int:
        section, span = cursor.section()
        if section != DIALECT_VERSIONS:
            raise cursor.refused(f"the version of {excerpt(self._dialects[-1])} is not where it should be")
        return cursor.within(span).number()

    def _dialect(self, cursor: Cursor) -> str:
        return chosen(cursor, self._dialects, cursor.number(), "dialect")

    def _read_entries(self, cursor: Cursor) -> tuple[list[Entry], list[Entry]]:
        """Attributes, then types, each in groups of one dialect; all lie behind one another in their own section."""
        numbers = [_bounded(cursor, cursor.count()) for _ in range(2)]
        content = self._of(ENTRIES)
        attributes, types = (self._read_groups(cursor, content, number) for number in numbers)
        if cursor.left or content.left:
            raise cursor.refused("more attributes and types than are listed, or fewer")
        return attributes, types

    def _read_groups(self, cursor: Cursor, content: Cursor, number: int) -> list[Entry]:
        found: list[Entry] = []
        while len(found) < number:
            dialect = self._dialect(cursor)
            entries = cursor.count()
            if not 0 < entries <= number - len(found):
                raise cursor.refused("more attributes or types of a dialect than are listed")
            for _ in range(entries):
                size, encoded = cursor.flagged()
                found.append(Entry(dialect, content.skip(size), encoded))
        return found

    def _read_properties(self, cursor: Cursor) -> list[Span]:
        found = [cursor.skip(cursor.number()) for _ in range(_bounded(cursor, cursor.count()))]
        if cursor.left:
            raise cursor.refused("more properties than are listed")
        return found

    def _read_resources(self) -> list[Resource]:
        """Those of dialects alone; what belongs to nobody is refused, for nothing says what it is."""
        listed, content = self._of(RESOURCE_OFFSETS), self._of(RESOURCES)
        if listed.number():
            raise listed.refused("it holds what is no constant")
        found: list[Resource] = []
        while listed.left:
            self._dialect(listed)
            number = _bounded(listed, len(found) + listed.count(3)) - len(found)
            found += [self._read_resource(listed, content) for _ in range(number)]
        if content.left:
            raise content.refused("more constants than are listed")
        if len({one.name for one in found}) < len(found):
            raise content.refused("two constants of one name")
        return found

    def _read_resource(self, listed: Cursor, content: Cursor) -> Resource:
        name = chosen(listed, self._strings, listed.number(), "string")
        size, kind = listed.number(), listed.byte()
        if kind != _BLOB:
            raise listed.refused(f"the constant {excerpt(name)} has no bytes")
        one = content.within(content.skip(size))
        alignment, length = one.number(), one.number()
        one.align(alignment)
        if one.left != length:
            raise one.refused(f"the constant {excerpt(name)} has {one.left:,} bytes, and is said to have {length:,}")
        return Resource(name, one.skip(length), alignment)


def _bounded(cursor: Cursor, number: int) -> int:
    """A number of entries that are made objects of. Raises BundleError for more than any encoder has."""
    if number > MOST_ENTRIES:
        raise cursor.refused(f"{number:,} entries of one kind, and at most {MOST_ENTRIES:,} are read")
    return number


def chosen(cursor: Cursor, table: Sequence[T], number: int, what: str) -> T:
    """An entry of a table. Raises BundleError for one that it has not."""
    if number >= len(table):
        raise cursor.refused(f"{what} {number:,} is asked for at {cursor.at:,}, and there are {len(table):,}")
    return table[number]
