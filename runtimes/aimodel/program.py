"""The operations of a Core AI program: its entry points, what they read and give, and their constants.

    asset { graph { operation … } … }

A graph's operations lie in a section of their own; what lies within an operation (how it is made of simpler ones) is
passed over. Apple's runtime reads all of it, in a process that may end.
"""

from collections import Counter
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import NamedTuple

from runtimes.aimodel.attributes import DIALECT, Decoder
from runtimes.aimodel.bytecode import IR, MOST_ENTRIES, Bytecode, chosen
from runtimes.aimodel.cursor import Cursor
from runtimes.aimodel.model import Asset, Constant, Function, Metadata, TensorSpec, TensorType
from runtimes.errors import BundleError, some

SYSTEMS = {2: "27"}
"""Version of the stored dialect → the first systems that read it."""
_ASSET, _GRAPH = f"{DIALECT}.serialization.asset", f"{DIALECT}.dataflow.graph_v1"
_CONSTANT, _GATHER = f"{DIALECT}.primitive.constant_v1", f"{DIALECT}.primitive.gather_nd_v1"
_SAME_NUMBERS = frozenset(("reshape", "cast", "expand_dims", "shrink_dims"))
_NAME = f"{DIALECT}.name"
_ATTRIBUTES, _RESULTS, _OPERANDS, _SUCCESSORS, _REGIONS, _ORDERS, _PROPERTIES = 1, 2, 4, 8, 16, 32, 64
_GRAPH_PROPERTIES = 9
"""Inputs' names, what it stands for, a flag, its type, a flag, its name, a flag, …, outputs' names."""
_MOST_DEPTH, _MOST_VALUES = 16, 1 << 16
_MOST_COMPUTED = 1 << 33
"""Elements of all that a function makes: ten times what twenty-four layers of 512 tokens do."""


class Operation(NamedTuple):
    """One operation: its name with the dialect, its properties, and what it makes and reads by number.

    Results are numbers of types, operands those of values. `regions` are what lies within it, `isolated` from above.
    """

    name: str
    properties: Cursor | None
    results: tuple[int, ...]
    operands: tuple[int, ...]
    regions: int
    isolated: bool


def read_program(directory: Path, file: Bytecode, metadata: Metadata) -> Asset:
    """The asset of a program's tables. Raises BundleError for another dialect, or what is not as it should be."""
    version = file.dialects.get(DIALECT)
    if [*file.dialects] != [DIALECT] or version not in SYSTEMS:
        found = some([f"{name} {number}" for name, number in file.dialects.items()]) or "none"
        known = ", ".join(f"{DIALECT} {number}" for number in SYSTEMS)
        raise BundleError(f"{file.path}: of dialect {found}, bertport reads {known}; update bertport")
    functions, constants = _Walk(file).all()
    return Asset(directory, metadata, file.producer, SYSTEMS[version], functions, constants)


class _Walk:
    """Goes through the graphs of a program."""

    def __init__(self, file: Bytecode) -> None:
        self._file, self._decoder = file, Decoder(file)
        self._stored: dict[int, TensorType] = {}
        self._left = MOST_ENTRIES

    def all(self) -> tuple[list[Function], list[Constant]]:
        """Entry points by name; constants that a graph reads, in the order of the file."""
        outer = self._file.cursor(self._file.sections[IR])
        found = [graph for asset in self._within(outer, _ASSET) for graph in self._graphs(asset)]
        names = [one.name for one in found]
        if not found or len(set(names)) < len(names):
            raise outer.refused(f"expected functions of different names, found {some(names) or 'none'}")
        resources = self._file.resources
        return sorted(found, key=lambda one: one.name), [
            Constant(resources[at].name, kind, resources[at].span.start, resources[at].size_bytes)
            for at, kind in sorted(self._stored.items())
        ]

    def _within(self, cursor: Cursor, name: str) -> Iterator[Cursor]:
        """The one region of the one operation in a block without arguments."""
        number, _ = cursor.flagged()
        operation = self._operation(cursor) if number == 1 else None
        if operation is None or operation.name != name or operation.regions != 1:
            raise cursor.refused("its first operation is no asset")
        yield self._region(cursor, operation.isolated)

    def _graphs(self, cursor: Cursor) -> Iterator[Function]:
        for _ in range(_blocks(cursor)):
            number, has_arguments = cursor.flagged()
            if has_arguments:
                raise cursor.refused("an asset reads nothing")
            for _ in range(number):
                operation = self._operation(cursor)
                if operation.name != _GRAPH or operation.regions != 1 or operation.properties is None:
                    raise cursor.refused(f"{operation.name!r} is no graph")
                found = self._graph(operation.properties, self._region(cursor, operation.isolated))
                if found is not None:
                    yield found

    def _graph(self, properties: Cursor, cursor: Cursor) -> Function | None:
        """An entry point; None for what another graph is made of, whose tensors need no names."""
        told = [properties.number() for _ in range(_GRAPH_PROPERTIES)]
        decoder, name = self._decoder, self._decoder.text(told[5])
        made = decoder.function(told[3])
        if told[1] or any(decoder.is_true(told[at]) for at in (4, 6)):
            for number in (*made.inputs, *made.outputs):
                decoder.tensor(number)  # within bounds
            self._body(cursor, [])
            return None
        inputs, outputs = (
            self._specs(cursor, decoder.names(names, _NAME), types)
            for names, types in ((told[0], made.inputs), (told[8], made.outputs))
        )
        return Function(name, inputs, outputs, *self._body(cursor, inputs))

    def _specs(self, cursor: Cursor, names: list[str], types: tuple[int, ...]) -> list[TensorSpec]:
        kinds = [self._decoder.tensor(number) for number in types]
        if len(names) != len(kinds) or "" in names or len(set(names)) < len(names) or None in kinds:
            raise cursor.refused(f"expected tensors by different names, found {some(names) or 'none'}")
        return [TensorSpec(kind.dtype, kind.shape, name) for kind, name in zip(kinds, names, strict=True) if kind]

    def _body(self, cursor: Cursor, inputs: list[TensorSpec]) -> tuple[Counter[str], dict[str, int]]:
        """What a graph computes by, and of how many rows each input chooses."""
        if _blocks(cursor) != 1:
            raise cursor.refused("a graph of several blocks")
        number, has_arguments = cursor.flagged()
        types = _arguments(cursor) if has_arguments else []
        values = _Values(self._decoder, types, inputs)
        counts: Counter[str] = Counter()
        for _ in range(number):
            operation = self._operation(cursor)
            if operation.name == _CONSTANT:
                self._keep(cursor, operation)
            else:
                counts[short_name(operation.name)] += 1
            values.add(cursor, operation)
            for _ in range(operation.regions):
                self._pass(cursor, operation.isolated, 0)
        return counts, values.rows

    def _keep(self, cursor: Cursor, operation: Operation) -> None:
        """Hold a constant to its type."""
        kind = self._decoder.tensor(operation.results[0]) if len(operation.results) == 1 else None
        if kind is None or operation.properties is None:
            raise cursor.refused("a constant that is no tensor")
        number = self._decoder.check_value(operation.properties.number(), kind)
        if number is not None:
            self._stored[number] = kind

    def _operation(self, cursor: Cursor) -> Operation:
        self._left -= 1
        if self._left < 0:
            raise cursor.refused(f"more than {MOST_ENTRIES:,} operations")
        name, mask = chosen(cursor, self._file.operations, cursor.number(), "operation"), cursor.byte()
        cursor.number()  # where it comes from
        if mask & _ATTRIBUTES:
            cursor.number()
        properties = chosen(cursor, self._file.properties, cursor.number(), "property") if mask & _PROPERTIES else None
        results = _numbers(cursor) if mask & _RESULTS else ()
        operands = _numbers(cursor) if mask & _OPERANDS else ()
        if mask & _SUCCESSORS:
            _numbers(cursor)
        if mask & _ORDERS:
            _orders(cursor, len(results))
        regions, isolated = cursor.flagged() if mask & _REGIONS else (0, False)
        given = None if properties is None else self._file.cursor(properties)
        return Operation(name, given, results, operands, regions, isolated)

    def _region(self, cursor: Cursor, isolated: bool) -> Cursor:
        """A cursor at the start of a region: one that sees nothing of what is around it lies in a section."""
        if not isolated:
            return cursor
        section, span = cursor.section()
        if section != IR:
            raise cursor.refused("operations are not where they should be")
        return cursor.within(span)

    def _pass(self, cursor: Cursor, isolated: bool, depth: int) -> None:
        """Go past a region."""
        inner = self._region(cursor, isolated)
        if isolated:
            return
        if depth > _MOST_DEPTH:
            raise cursor.refused("operations within operations without end")
        for _ in range(_blocks(inner)):
            number, has_arguments = inner.flagged()
            if has_arguments:
                _arguments(inner)
            for _ in range(number):
                operation = self._operation(inner)
                for _ in range(operation.regions):
                    self._pass(inner, operation.isolated, depth + 1)


class _Values:
    """The values of a graph, and which of them hold an input's numbers; those within regions are numbered apart."""

    def __init__(self, decoder: Decoder, types: list[int], inputs: list[TensorSpec]) -> None:
        self._decoder, self._types = decoder, types
        self._inputs = {at: one.name for at, one in enumerate(inputs)}
        self.rows: dict[str, int] = {}
        self._computed = 0

    def add(self, cursor: Cursor, operation: Operation) -> None:
        """Follow an operation. Raises BundleError where it reads what is not made."""
        kinds = [chosen(cursor, self._types, number, "value") for number in operation.operands]
        same = short_name(operation.name) in _SAME_NUMBERS
        if same and operation.operands and operation.operands[0] in self._inputs:
            self._inputs[len(self._types)] = self._inputs[operation.operands[0]]
        if operation.name == _GATHER and len(kinds) == 2 and operation.operands[1] in self._inputs:
            name, table = self._inputs[operation.operands[1]], self._decoder.tensor(kinds[0])
            if table is not None and table.shape:
                self.rows[name] = min(table.shape[0], self.rows.get(name, table.shape[0]))
        self._types += operation.results
        self._spend(cursor, operation.results)

    def _spend(self, cursor: Cursor, results: tuple[int, ...]) -> None:
        """A runtime makes room for what is computed; of sizes that a caller sets nobody knows here."""
        made = [kind for number in results if (kind := self._decoder.tensor(number)) is not None]
        self._computed += sum(abs(prod(one.shape)) for one in made)
        if self._computed > _MOST_COMPUTED:
            raise cursor.refused(f"a function that makes more than {_MOST_COMPUTED:,} numbers")


def short_name(operation: str) -> str:
    """An operation's name without its dialect, group and version."""
    return operation.rsplit(".", 1)[-1].rpartition("_v")[0] or operation.rsplit(".", 1)[-1]


def _numbers(cursor: Cursor) -> tuple[int, ...]:
    number = cursor.count()
    if number > _MOST_VALUES:
        raise cursor.refused(f"an operation of {number:,} values")
    return tuple(cursor.number() for _ in range(number))


def _blocks(cursor: Cursor) -> int:
    """How many blocks a region has; the number of its values comes behind, and a value takes no byte."""
    number = cursor.count()
    if number:
        cursor.number()
    return number


def _arguments(cursor: Cursor) -> list[int]:
    """The types of a block's arguments."""
    found = []
    for _ in range(cursor.count()):
        kind, is_placed = cursor.flagged()
        found.append(kind)
        if is_placed:
            cursor.number()
    if cursor.byte():
        _orders(cursor, len(found))
    return found


def _orders(cursor: Cursor, values: int) -> None:
    """Go past the order in which values are used."""
    for _ in range(cursor.count() if values > 1 else 1):
        if values > 1:
            cursor.number()
        for _ in range(cursor.flagged()[0]):
            cursor.number()
