"""The options of `bertport export` as keys of bertport.toml, read off its argument parser."""

import argparse
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

from exporter.options import export
from exporter.options.request import Request
from runtimes.bundle.integrity import is_file
from runtimes.errors import UsageError

DECIDED = frozenset(
    (
        *("help", "model", "target", "quantize", "output"),  # keys of their own, and where the bundles go
        *("no_verify", "keep_failing", "json"),  # a check compares, needs the figures of what fails, and prints itself
        "no_cache",  # of a run, not of a project
        "trust_remote_code",
    )
)
"""What no key says, for `check` decides it."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


@cache
def _parser() -> argparse.ArgumentParser:
    parser = _Parser(allow_abbrev=False)
    export.add_arguments(parser)
    return parser


@cache
def options() -> Mapping[str, argparse.Action]:
    """Every option that is a key, by that: the option's own name with underscores."""
    found = {action.dest: action for action in _parser()._actions}  # argparse lists them nowhere else
    return {name: action for name, action in found.items() if name not in DECIDED}


def taken(key: str, value: Any, where: str, folder: Path) -> Any:
    """The value of a key that is there as `where`; the name of a file from `folder` on.

    Raises UsageError in one line where it is of another type, or no such file.
    """
    action = options()[key]
    if action.nargs == 0:
        return _typed(value, (bool,), "true or false", where)
    if isinstance(action, argparse._AppendAction):
        return [_one(action, one, where, folder) for one in (value if isinstance(value, list) else [value])]
    return _one(action, value, where, folder)


def to_request(model: str, targets: tuple[str, ...], schemes: tuple[str, ...], given: Mapping[str, Any]) -> Request:
    """What `bertport export` is asked for with these options. Raises as the command does."""
    words = [word for key, value in given.items() for word in _words(options()[key], value)]
    words += [f"--target={target}" for target in targets] + [f"--quantize={scheme}" for scheme in schemes]
    return export.request(_parser().parse_args([*words, "--", model]))


def _words(action: argparse.Action, value: Any) -> Iterator[str]:
    """The command line's words for one key."""
    flag = action.option_strings[-1]
    if action.nargs == 0:
        yield from [flag] if value else []
    else:
        yield from (f"{flag}={one}" for one in (value if isinstance(value, list) else [value]))


def _one(action: argparse.Action, value: Any, where: str, folder: Path) -> Any:
    kinds, expected = _KINDS.get(action.type, ((str,), "a text"))
    if action.metavar == "N":  # numbers that the command line takes as texts, for it says why a range is none
        kinds, expected = (int,), "an integer"
    found = _typed(value, kinds, expected, where)
    if action.type is not Path:
        return found
    if not is_file(folder / found):
        raise UsageError(f"{where}: no file {folder / found}")
    return str(folder / found)


def _typed(value: Any, kinds: tuple[type, ...], expected: str, where: str) -> Any:
    if isinstance(value, kinds) and isinstance(value, bool) == (bool in kinds):
        return value
    raise UsageError(f"{where}: expected {expected}, found {repr(value)[:60]}")


_KINDS: Mapping[Any, tuple[tuple[type, ...], str]] = {
    int: ((int,), "an integer"),
    float: ((int, float), "a number"),
    Path: ((str,), "the name of a file"),
}
