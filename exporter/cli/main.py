"""The command line: parses arguments, runs a command, returns its exit code.

0 done and within budget · 1 parity beyond budget · 2 usage · 3 export failed · 4 could not be checked here
130 interrupted · 141 nobody reads what is printed
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from types import ModuleType

from exporter.cli.early import start_early
from exporter.cli.interrupts import end_by_interrupt, watch_interrupts
from exporter.cli.output import CLOSED, OutputClosed, OutputError, watched_output
from exporter.cli.progress import progress_on_stderr
from runtimes.backends.pytorch.early import end_early
from runtimes.errors import BertportError, ExportError, in_one_line
from runtimes.files.atomic_write import refuse_inside_bundle
from runtimes.process.heavy_imports import without_collections
from runtimes.version import __version__

_WRITTEN = ("output", "record", "junit")
"""What options that name a place to write are called."""


class _Commands(Mapping[str, ModuleType]):
    """The commands by name, each imported when it is looked up."""

    _MODULES = ("export", "verify", "inspect", "bench", "evaluate", "tune", "check", "report", "app_kit")

    def __getitem__(self, name: str) -> ModuleType:
        return import_module(f"exporter.cli.{dict(zip(self, self._MODULES, strict=True))[name]}")

    def __iter__(self) -> Iterator[str]:
        return (name.replace("_", "-") for name in self._MODULES)

    def __len__(self) -> int:
        return len(self._MODULES)


COMMANDS: Mapping[str, ModuleType] = _Commands()


_NO_MEMORY = (
    "the memory ran out; close other programs or raise the limit of this one, then run it again, with fewer targets, "
    "schemes, rows or texts at a time"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """`bertport COMMAND …`: run it and return the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        with watched_output(), progress_on_stderr():
            return _run(given)
    except OutputClosed:
        return CLOSED
    except OutputError as error:
        with suppress(OSError):
            print(f"bertport: {error}", file=sys.stderr)
        return error.exit_code
    finally:
        end_early()


def export_main(arguments: Sequence[str] | None = None) -> int:
    """`export …` and `python -m exporter …`: the same as `bertport export …`."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    return main(given if given[:1] and given[0] in COMMANDS else ["export", *given])


def _run(arguments: list[str]) -> int:
    start_early(arguments)
    try:
        parsed = command_parser(arguments).parse_args(arguments)
    except BertportError as error:  # of a plug-in that cannot be loaded
        print(f"bertport: {error}", file=sys.stderr)
        return error.exit_code
    with watch_interrupts() as interrupted:
        try:
            for place in filter(None, (getattr(parsed, name, None) for name in _WRITTEN)):
                refuse_inside_bundle(place)
            code: int = parsed.run(parsed)
        except BaseException as error:
            if interrupted():
                print("bertport: interrupted; nothing was left half-written", file=sys.stderr)
                return end_by_interrupt()
            if isinstance(error, MemoryError):
                said = in_one_line(error, 200)
                print(f"bertport: {_NO_MEMORY}{f' ({said})' if said else ''}", file=sys.stderr)
                return ExportError.exit_code
            if isinstance(error, BertportError) and not isinstance(error, OutputError):
                print(f"bertport: {error}", file=sys.stderr)
                return error.exit_code
            raise
    return code


def command_parser(arguments: Sequence[str] = ()) -> argparse.ArgumentParser:
    """The parser of all commands; of the one that `arguments` begin with alone, for each costs what it imports.

    Nothing is parsed, printed or started. Raises BertportError for a plug-in that cannot be loaded.
    """
    parser = argparse.ArgumentParser(prog="bertport", description="Small BERTs from a checkpoint to a phone, checked.")
    parser.add_argument("--version", action="version", version=f"bertport {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name in arguments[:1] if set(arguments[:1]) & COMMANDS.keys() else COMMANDS:
        with without_collections():
            command = COMMANDS[name]
        one = commands.add_parser(name, help=command.HELP)
        command.add_arguments(one)
        one.set_defaults(run=command.run)
    return parser
