"""The command line: parses arguments, runs a command, returns its exit code.

0 done and within budget · 1 parity beyond budget · 2 usage · 3 export failed · 4 could not be checked here
130 interrupted · 141 nobody reads what is printed
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType, ModuleType
from typing import Any

from exporter.cli.early import start_early
from exporter.cli.process.interrupts import end_by_interrupt, watch_interrupts
from exporter.cli.process.output import CLOSED, OutputClosed, OutputError, watched_output
from exporter.cli.progress import Stderr, add_amount, level_of, progress_on_stderr
from exporter.options.help import Help, examples
from runtimes.backends.pytorch.early import end_early
from runtimes.errors import BertportError, ExportError, in_one_line
from runtimes.files.atomic_write import refuse_inside_bundle
from runtimes.process.heavy_imports import without_collections
from runtimes.version import __version__

_WRITTEN = ("output", "record", "junit")
"""What options that name a place to write are called."""


@dataclass(frozen=True)
class Command:
    """One command: what it does, in a line, and its module, which is imported when it is asked for."""

    line: str
    place: str

    @property
    def module(self) -> ModuleType:
        """What declares its options in `add_arguments`, has EXAMPLES of them, and does it in `run`."""
        with without_collections():
            return import_module(f"exporter.cli.{self.place}")


COMMANDS: Mapping[str, Command] = MappingProxyType(
    {
        "export": Command("checkpoint → bundles, each compared with PyTorch", "export"),
        "verify": Command("compare a bundle with PyTorch again", "verify"),
        "inspect": Command("what is inside a bundle, an .mlpackage or a .tflite file", "inspect"),
        "bench": Command("size, start, latency and memory of bundles beside PyTorch", "bench"),
        "evaluate": Command("what a bundle loses on labelled rows, by the metric of its task", "evaluate"),
        "tune": Command("try every scheme, and export the smallest bundle that loses no more than it may", "tune"),
        "check": Command("export, compare and measure what bertport.toml names, for CI", "check"),
        "report": Command("the records below some folders as one page, Markdown and JUnit XML", "report"),
        "app-kit": Command("bundle → a package that takes a String, for one platform", "app_kit"),
        "publish": Command("stage a Hub repository of bundles, and upload it if asked", "publish"),
        "doctor": Command("what each target could do on this machine, and what is missing", "doctor"),
        "completion": Command("a script by which a shell completes commands, options and their values", "completion"),
    }
)


_EXAMPLES = (
    ("bertport export demo", "the embedded demo to ONNX, compared with PyTorch"),
    ("bertport COMMAND --help", "what a command takes, with examples"),
)
_NO_MEMORY = (
    "the memory ran out; close other programs or raise the limit of this one, then run it again, with fewer targets, "
    "schemes, rows or texts at a time"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """`bertport COMMAND …`: run it and return the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        with watched_output(), progress_on_stderr() as progress:
            return _run(given, progress)
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


def _run(arguments: list[str], progress: Stderr) -> int:
    start_early(arguments)
    try:
        parsed = _outline()[0].parse_args(arguments)
    except BertportError as error:  # of a plug-in that cannot be loaded
        print(f"bertport: {error}", file=sys.stderr)
        return error.exit_code
    with watch_interrupts() as interrupted:
        try:
            for place in filter(None, (getattr(parsed, name, None) for name in _WRITTEN)):
                refuse_inside_bundle(place)
            progress.say(level_of(parsed))
            try:
                code: int = parsed.run(parsed)
            finally:
                progress.end()
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


class _CommandParser(argparse.ArgumentParser):
    """The parser of one command, which declares its options when it first parses: they cost what they import."""

    command: Command | None = None

    def declare(self) -> None:
        """Declare all that the command takes, once."""
        if self.command is None:
            return
        module, self.command = self.command.module, None
        module.add_arguments(self)
        add_amount(self)
        self.epilog = examples(module.EXAMPLES)
        self.set_defaults(run=module.run)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As ever, once the options are declared."""
        self.declare()
        return super().parse_known_args(args, namespace)


def command_parser() -> argparse.ArgumentParser:
    """The parser of all commands, with all their options.

    Nothing is parsed, printed or started. Raises BertportError for a plug-in that cannot be loaded.
    """
    parser, commands = _outline()
    for command in commands:
        command.declare()
    return parser


def _outline() -> tuple[argparse.ArgumentParser, list[_CommandParser]]:
    """The parser of all commands, and theirs, which declare nothing yet."""
    parser = argparse.ArgumentParser(
        prog="bertport",
        description="Small BERTs from a checkpoint to a phone, checked.",
        epilog=examples(_EXAMPLES),
        formatter_class=Help,
    )
    parser.add_argument("--version", action="version", version=f"bertport {__version__}", help="Print the version.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_CommandParser)
    made = []
    for name, command in COMMANDS.items():
        one = commands.add_parser(name, help=command.line, description=command.line, formatter_class=Help)
        one.command = command
        made.append(one)
    return parser, made
