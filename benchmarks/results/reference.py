"""Reference pages made from the code: the command line, every target's schemes, and the keys of bertport.toml."""

import argparse
import json
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import TypeAdapter

from benchmarks.results.peers_tables import markdown
from exporter.cli.main import command_parser
from exporter.gate.config import Config
from exporter.gate.export_options import options
from exporter.targets.registry import TARGETS
from exporter.targets.target import Scheme


def command_line() -> str:
    """Every command: what it does, how it is called, and its options by group, from the parser itself."""
    return "\n\n".join(_command(name, parser) for name, parser in _commands(command_parser()).items())


def _commands(parser: argparse.ArgumentParser) -> Mapping[str, argparse.ArgumentParser]:
    (found,) = (one for one in parser._actions if isinstance(one, argparse._SubParsersAction))
    choices: Mapping[str, argparse.ArgumentParser] = found.choices
    return choices


def _command(name: str, parser: argparse.ArgumentParser) -> str:
    parts = [f"## bertport {name}", parser.description or "", *map(_group, parser._action_groups)]
    if parser.epilog:
        parts.append(f"```text\n{parser.epilog.strip()}\n```")
    return "\n\n".join(part for part in parts if part)


def _group(group: argparse._ArgumentGroup) -> str:
    shown = [one for one in group._group_actions if one.help != argparse.SUPPRESS and one.dest != "help"]
    if not shown:
        return ""
    table = markdown(["option", "what it does"], [[_words(one), _help(one)] for one in shown], figures=False)
    title = group.title or "options"
    return f"**{title[0].upper()}{title[1:]}**\n\n{table}"


def _words(action: argparse.Action) -> str:
    value = "" if action.nargs == 0 else f" {action.metavar or _choices(action) or action.dest.upper()}"
    if not action.option_strings:
        return f"`{value.strip()}`"
    return ", ".join(f"`{one}{value}`" for one in action.option_strings).replace("|", "\\|")


def _choices(action: argparse.Action) -> str:
    return "|".join(map(str, action.choices or ()))


def _help(action: argparse.Action) -> str:
    text = (action.help or "") % (vars(action) | {"prog": "bertport"})
    return text.replace("|", "\\|")


def schemes() -> str:
    """Of each target a table: how every scheme stores weights, and its budget."""
    return "\n\n".join(f"## {name}\n\n{_schemes(target.schemes)}" for name, target in TARGETS.items())


def _schemes(found: Mapping[str, Scheme]) -> str:
    head = ["scheme", "word vectors", "positions", "linear layers", "largest difference", "agreement", "cosine"]
    rows = [[f"`{one.name}`", *one.described, *_budget(one), one.error] for one in found.values()]
    return markdown([*head, "error comes from"], rows, figures=False)


def _budget(scheme: Scheme) -> tuple[str, str, str]:
    budget = scheme.budget
    absolute = "" if budget.max_absolute is None else f"{budget.max_absolute:g}"
    relative = "" if budget.max_relative is None else f"{budget.max_relative:.0%} of the logit range"
    cosine = "–" if budget.min_cosine is None else f"{budget.min_cosine:g}"
    return absolute or relative, f"{budget.min_agreement:.2f}", cosine


def configuration() -> str:
    """The keys of bertport.toml: of each table kinds and defaults, from the dataclasses that read it."""
    schema = TypeAdapter(Config).json_schema()
    tables = [("the file", schema), *_tables(schema)]
    parts = [f"## {title}\n\n{one.get('description', '')}\n\n{_keys(one)}" for title, one in tables]
    return "\n\n".join([*parts, _export_keys()])


_PLACES = {
    "Export": "`[[export]]`",
    "Budgets": "`[export.budget]`",
    "LatencyBudget": "`[export.budget.latency]`",
    "Data": "`[export.data]`",
    "Tolerance": "`[tolerance]`",
    "Timing": "`[timing]`",
}
"""Where each dataclass of the file stands in it."""


def _tables(schema: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, place in _PLACES.items():
        yield place, schema["$defs"][name]


def _keys(table: Mapping[str, Any]) -> str:
    needed = table.get("required", ())
    rows = [
        [f"`{name}`", _kind(one), "needed" if name in needed else _default(one)]
        for name, one in table["properties"].items()
    ]
    return markdown(["key", "holds", "default"], rows, figures=False)


def _kind(one: Mapping[str, Any]) -> str:
    if "$ref" in one:
        return f"a table, {_PLACES[one['$ref'].rpartition('/')[2]]}"
    if "enum" in one:
        return " or ".join(f"`{value}`" for value in one["enum"])
    if "anyOf" in one:
        return " or ".join(_kind(choice) for choice in one["anyOf"] if choice.get("type") != "null")
    if one.get("type") == "array":
        return f"a list: {_kind(one['items'])}"
    return f"{_KINDS[one['type']]}{_bounds(one)}"


_KINDS = {
    "string": "text",
    "number": "a number",
    "integer": "an integer",
    "object": "a table",
    "boolean": "true or false",
}


def _bounds(one: Mapping[str, Any]) -> str:
    low, above, high = one.get("minimum"), one.get("exclusiveMinimum"), one.get("maximum")
    if low is not None and high is not None:
        return f" from {low:g} to {high:g}"
    return f" of {low:g} or more" if low is not None else f" above {above:g}" if above is not None else ""


def _default(one: Mapping[str, Any]) -> str:
    found = one.get("default")
    return "–" if found in (None, {}, []) else f"`{json.dumps(found, ensure_ascii=False)}`"


def _export_keys() -> str:
    rows = [[f"`{name}`", _help(action)] for name, action in options().items()]
    table = markdown(["key", "what it does"], rows, figures=False)
    return f"## options of `bertport export` as keys of `[[export]]`\n\n{table}"
