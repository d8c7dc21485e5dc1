"""Comparison of a saved program's operations with those that the recipe lowers to, as Apple's package reads both."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from exporter.targets.audit.tally import Tally
from exporter.targets.coreai.program.files import BUILT
from exporter.targets.coreai.program.graph import Program
from exporter.targets.coreai.program.writing import ask, build
from runtimes.aimodel.names import PROGRAM
from runtimes.bundle.reading import sha256

Listed = Mapping[str, Any]
"""One operation: its kind, its name, where its operands come from, attributes and types of results as text."""
_MOST_SHOWN = 160


def compare_operations(program: Program, asset: Path, tally: Tally) -> None:
    """Build the expected program and hold the saved one against it, byte by byte; name what differs.

    `program` has the constants of the asset itself: bytes that differ are those of its operations.
    """
    tally.operators += sum(len(one.operations) for one in program.functions)
    with TemporaryDirectory() as folder:
        if sha256(build(program, Path(folder))) == sha256(asset / PROGRAM):
            return
        expected, found = (json.loads(ask("list", path)) for path in (Path(folder) / BUILT, asset))
    before = len(tally.findings)
    for subject, problem in _differences(expected, found):
        tally.find(subject, problem)
    if len(tally.findings) == before:
        tally.find(PROGRAM, "expected other bytes than are found, of the same operations; export it again")


def _differences(expected: Mapping[str, Sequence[Listed]], found: Mapping[str, Sequence[Listed]]) -> Iterator[Any]:
    """What differs, by the name of a function or of a tensor; functions themselves come first."""
    for name in [*expected, *(one for one in found if one not in expected)]:
        if name not in found:
            yield name, "expected a function of that name, found none"
        elif name not in expected:
            yield name, "expected no such function, found one"
        else:
            yield from _in_function(name, _by_name(expected[name]), _by_name(found[name]))


def _by_name(operations: Sequence[Listed]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = defaultdict(list)
    for one in operations:
        grouped[one["name"]].append(_told(one))
    return grouped


def _in_function(
    function: str, expected: Mapping[str, Sequence[str]], found: Mapping[str, Sequence[str]]
) -> Iterator[tuple[str, str]]:
    for name in [*expected, *(one for one in found if one not in expected)]:
        ours, theirs = expected.get(name, ()), found.get(name, ())
        if ours != theirs:
            at = next(
                (i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), min(len(ours), len(theirs))
            )
            told = (_short(side[at]) if at < len(side) else "no more operations" for side in (ours, theirs))
            yield name or function, "expected {}, found {}".format(*told)


def _told(one: Listed) -> str:
    attributes = ", ".join(f"{key} = {value}" for key, value in sorted(one["attributes"].items()))
    results = ", ".join(one["results"])
    return f"{one['kind']}({', '.join(one['operands'])}) {{{attributes}}} → {results}"


def _short(text: str) -> str:
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"
