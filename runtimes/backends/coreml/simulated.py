"""Running a Core ML package in the portable interpreter: its numbers on any system, and no times."""

from collections.abc import Sequence
from pathlib import Path

from runtimes.backends.fixed_length import FixedLengthRunner, Interface
from runtimes.errors import BundleError
from runtimes.mil import Precision, Program, open_package
from runtimes.runner import Status

MOST_TOKENS = 1 << 16
"""Of a text: every row is made as long as the model takes."""


def open_simulated(
    packages: Sequence[Path], interface: Interface, precision: Precision = "declared"
) -> FixedLengthRunner:
    """Open every function of every package; `precision` as in runtimes.mil.

    Raises BundleError for one that is not what it should be.
    """
    programs = [program for path in packages for program in _functions(path, precision)]
    return FixedLengthRunner(Status.SIMULATED, {length(program): program for program in programs}, interface)


def length(program: Program) -> int:
    """Tokens that a program takes: S of its first input, [1, S]. Raises BundleError where that is not fixed."""
    shape = program.inputs[0].shape if program.inputs else ()
    if len(shape) != 2 or shape[0] != 1 or shape[1] is None or not 0 < shape[1] <= MOST_TOKENS:
        found = list(shape)
        raise BundleError(
            f"{program.package.directory}: expected inputs [1, S] of a fixed length, found {found}; export again"
        )
    return shape[1]


def _functions(path: Path, precision: Precision) -> list[Program]:
    default = open_package(path, precision=precision)
    others = [name for name in default.functions if name != default.function]
    return [default, *(open_package(path, name, precision) for name in others)]
