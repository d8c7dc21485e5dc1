"""Opening Core ML packages that other tools saved, of fixed, enumerated or ranged lengths."""

from collections.abc import Iterator
from pathlib import Path

from runtimes.backends.coreml.simulated import MOST_TOKENS
from runtimes.backends.fixed_length import FixedLengthRunner, Interface
from runtimes.backends.foreign import Expected, Opened, RenamedRunner, matched_inputs, matched_outputs
from runtimes.errors import BundleError
from runtimes.mil import Program, open_package
from runtimes.mil.description import disagreements
from runtimes.mil.signature import Range
from runtimes.runner import Status

_LENGTHS = (8, 16, 32, 64, 128, 256, 512)
"""Of a range, those that are run."""


def open_package_of_others(path: Path, expected: Expected) -> Opened:
    """Open every function of a package, under the interpreter. Raises as `foreign.open_file`.

    What its description says otherwise than its program is among the findings.
    """
    default = open_package(path)
    programs = [default, *(open_package(path, name) for name in default.functions[1:])]
    reads = matched_inputs(path, [spec.name for spec in default.inputs], expected)
    names = matched_outputs(path, [spec.name for spec in default.outputs], expected)
    models = {length: program for program in programs for length in _lengths(path, program)}
    tokens = frozenset(name for name, wanted in names.items() if wanted in expected.token_outputs)
    runner = FixedLengthRunner(Status.SIMULATED, models, Interface(reads, tokens, expected.pad_id))
    findings = tuple(f"description: {one}" for one in disagreements(default.package))
    return Opened(RenamedRunner(runner, names), tuple(names.values()), tuple(sorted(models)), reads, findings)


def _lengths(path: Path, program: Program) -> Iterator[int]:
    """The lengths of one row that a program takes. Raises BundleError where there are none."""
    found = sorted({length for allowed in program.inputs[0].allowed for length in _of_one_row(allowed)})
    if not found:
        shape = " or ".join(f"[{', '.join(map(str, ranges))}]" for ranges in program.inputs[0].allowed)
        raise BundleError(f"{path}: expected inputs [1, length], found {shape}; export it for one text at a time")
    yield from found


def _of_one_row(allowed: tuple[Range, ...]) -> Iterator[int]:
    if len(allowed) != 2 or 1 not in allowed[0]:
        return
    lower, upper = max(1, allowed[1].lower), min(allowed[1].upper or MOST_TOKENS, MOST_TOKENS)
    if lower == upper:
        yield lower
        return
    yield from {min(max(lower, length), upper) for length in (*_LENGTHS, min(upper, _LENGTHS[-1]))}
