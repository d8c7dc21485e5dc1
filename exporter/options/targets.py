"""The options of the targets, as their dataclasses declare them: one of several targets is declared once."""

import argparse
from collections.abc import Collection, Mapping
from typing import Any

from exporter.options.help import Options, defaults_to
from exporter.targets.registry import DEFAULT_TARGET, TARGETS
from exporter.targets.target import flag_of
from runtimes.errors import UsageError


def add_targets(options: Options) -> None:
    """Declare --target."""
    told = f"Write bundles for this target: {', '.join(TARGETS)}; may repeat. {defaults_to(DEFAULT_TARGET)}"
    options.add_argument("--target", action="append", help=told)


def targets(parsed: argparse.Namespace) -> tuple[str, ...]:
    """What `add_targets` was told, each once."""
    return tuple(dict.fromkeys(parsed.target or [DEFAULT_TARGET]))


def add_target_options(parser: argparse.ArgumentParser) -> None:
    """Declare every option of every target, in a group for those that have it."""
    groups: dict[str, Options] = {}
    for one in _fields().values():
        having = ", ".join(name for name, target in TARGETS.items() if one.name in target.option_names)
        title = f"only for --target {having}"
        if title not in groups:
            groups[title] = parser.add_argument_group(title)
        _add(groups[title], one)


def _add(group: Options, one: Any) -> None:
    """Declare one; what was not given stays None, so that its default is its target's affair."""
    flag, told, metavar = flag_of(one), one.metadata["help"], one.metadata["metavar"]
    if one.type is bool:
        group.add_argument(flag, action="store_true", help=told)
    elif _is_list(one):
        group.add_argument(flag, action="append", metavar=metavar, help=told)
    else:
        group.add_argument(flag, type=one.type, metavar=metavar, help=f"{told} {defaults_to(one.default)}")


def target_options(parsed: argparse.Namespace) -> Mapping[str, Any]:
    """What was given of them, by the names of the fields."""
    found = {}
    for one in _fields().values():
        value = getattr(parsed, _dest(one))
        if value is not None and value is not False:
            found[one.name] = _numbers(flag_of(one), value) if _is_list(one) else value
    return found


def check_given(parsed: argparse.Namespace, targets: Collection[str]) -> None:
    """Raise UsageError for an option that none of the targets has, whose word would go unheard."""
    for name in target_options(parsed):
        having = [one for one, target in TARGETS.items() if name in target.option_names]
        if not set(having) & set(targets):
            flag = flag_of(_fields()[name])
            raise UsageError(f"{flag}: of {' and '.join(having)} alone; leave it out, or add that --target")


def _fields() -> dict[str, Any]:
    return {one.name: one for target in TARGETS.values() for one in target.option_fields}


def _dest(one: Any) -> str:
    """What argparse calls it, and bertport.toml too."""
    return flag_of(one).removeprefix("--").replace("-", "_")


def _is_list(one: Any) -> bool:
    return isinstance(one.default, tuple)


def _numbers(flag: str, given: list[str]) -> tuple[int, ...]:
    """Each number once. Raises UsageError for what is none, a range above all."""
    wrong = [value for value in given if not value.isascii() or not value.isdigit()]
    if wrong:
        raise UsageError(
            f"{flag} {wrong[0]}: expected a number of tokens, and a range is none; name the lengths you need, as in "
            f"{flag} 32 {flag} 128"
        )
    return tuple(dict.fromkeys(int(value) for value in given))
