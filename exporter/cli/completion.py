"""`bertport completion SHELL`: a script by which a shell completes commands, options and their values."""

import argparse
from collections.abc import Iterator
from pathlib import Path

import shtab

from exporter.appkit.registry import PLATFORMS
from exporter.model.tasks import TASKS
from exporter.targets.registry import TARGETS, scheme_names

EXAMPLES = (
    ("bertport completion bash > ~/.local/share/bash-completion/completions/bertport", "for bash-completion"),
    ("bertport completion zsh > ~/.zfunc/_bertport", "for zsh, with ~/.zfunc in fpath"),
)
_FOLDERS = ("DIR", "MODEL", "BUNDLE", "CHECKPOINT")
"""What options and arguments call a folder."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    group = parser.add_argument_group("shell")
    told = f"Write the script for this shell: {', '.join(shtab.SUPPORTED_SHELLS)}."
    group.add_argument("shell", choices=shtab.SUPPORTED_SHELLS, metavar="SHELL", help=told)


def run(parsed: argparse.Namespace) -> int:
    """Print the script, which needs nothing of bertport when it completes, and return 0."""
    from exporter.cli.main import command_parser

    parser = command_parser()
    for action in _actions(parser):
        _say_values(action)
    print(shtab.complete(parser, parsed.shell))
    return 0


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """All options and arguments of a parser, and of its commands."""
    for action in parser._actions:  # argparse lists them nowhere else
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from _actions(command)


def _say_values(action: argparse.Action) -> None:
    """Give an action the values that it takes, which errors of its command list in better words than argparse's."""
    named = {"target": TARGETS, "quantize": scheme_names(), "platform": PLATFORMS, "task": ("auto", *TASKS)}
    if action.dest in named and action.choices is None:
        action.choices = list(named[action.dest])
    elif action.metavar in _FOLDERS:
        action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]  # where shtab looks for it
    elif action.type is Path:
        action.complete = shtab.FILE  # type: ignore[attr-defined]
