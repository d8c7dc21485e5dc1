"""How `--help` reads: options in groups, a sentence and a default each, and examples below them."""

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_WIDEST, _INDENT = 100, 26
Options = argparse._ActionsContainer
"""What options are added to: a parser, or a group of one."""


class Help(argparse.RawDescriptionHelpFormatter):
    """Ends the line of an option with its default, where that says something."""

    def __init__(self, prog: str) -> None:
        width = min(shutil.get_terminal_size().columns - 2, _WIDEST)
        super().__init__(prog, max_help_position=_INDENT, width=width)

    def _get_help_string(self, action: argparse.Action) -> str:
        told = action.help or ""
        silent = action.default is None or action.default is False or action.default in ([], argparse.SUPPRESS)
        return told if silent or "[default:" in told else f"{told} [default: %(default)s]"


def defaults_to(value: Any) -> str:
    """What the help of an option ends with whose default its command works out later."""
    return f"[default: {value}]".replace("%", "%%")


def examples(calls: Sequence[tuple[str, str]]) -> str:
    """The epilog of a command, made of calls and what each of them is for."""
    lines = [f"  {call}\n      {purpose}" for call, purpose in calls]
    return "\n".join(["examples:", *lines])


def add_output(options: Options, metavar: str, told: str, default: Path | None = None, required: bool = False) -> None:
    """Declare -o: the path where a command writes what it makes, in every command that makes something."""
    options.add_argument("-o", "--output", type=Path, metavar=metavar, default=default, required=required, help=told)


def add_json(parser: argparse.ArgumentParser, told: str = "Print JSON instead of a table.") -> None:
    """Declare --json, among what a command prints."""
    printing(parser).add_argument("--json", action="store_true", help=told)


def printing(parser: argparse.ArgumentParser) -> Options:
    """The group of what a command prints; it comes last, and is made when it is first asked for."""
    title = "printing"
    made = next((group for group in parser._action_groups if group.title == title), None)
    return made or parser.add_argument_group(title)
