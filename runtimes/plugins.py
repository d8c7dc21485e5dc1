"""Load objects that other packages add to a registry, by their entry points.

A package declares what it adds in its pyproject.toml; the name is the key in the registry, the value an object:

    [project.entry-points."bertport.families"]
    camembert = "bertport_camembert:CAMEMBERT"

Nothing of a package is imported before its object is asked for.
"""

from collections.abc import Collection
from importlib.metadata import EntryPoint, entry_points
from typing import TypeVar

from runtimes.errors import ExportError, in_our_words

P = TypeVar("P")


def find_plugins(group: str, taken: Collection[str]) -> dict[str, EntryPoint]:
    """Name → entry point of each installed plug-in of `group`; `taken` are the registry's own names.

    Imports none of them. Raises ExportError for a name that is taken, by the registry or by another distribution.
    """
    found: dict[str, EntryPoint] = {}
    for entry in sorted(entry_points(group=group), key=lambda entry: (entry.name, distribution(entry))):
        if entry.name in taken or entry.name in found:
            owner = "bertport" if entry.name in taken else distribution(found[entry.name])
            raise ExportError(
                f"{distribution(entry)}: its {group} entry point {entry.name!r} has a name that {owner} has taken; "
                f"uninstall {distribution(entry)}, or ask its authors to rename it"
            )
        found[entry.name] = entry
    return found


def load_plugin(entry: EntryPoint, kind: type[P]) -> P:
    """Import what an entry point names. Raises ExportError where that fails, or is no `kind`."""
    what = f"{distribution(entry)}: its {entry.group} entry point {entry.name!r} ({entry.value})"
    step = f"upgrade or uninstall {distribution(entry)}"
    with in_our_words(lambda why: ExportError(f"{what} cannot be loaded: {why}; {step}")):
        loaded = entry.load()
    if not isinstance(loaded, kind):
        raise ExportError(f"{what} is {type(loaded).__name__}, expected {kind.__name__}; {step}")
    return loaded


def load_plugins(group: str, kind: type[P], taken: Collection[str]) -> dict[str, P]:
    """Name → object of every installed plug-in of `group`; see `find_plugins` and `load_plugin`."""
    return {name: load_plugin(entry, kind) for name, entry in find_plugins(group, taken).items()}


def distribution(entry: EntryPoint) -> str:
    """The name that pip knows a plug-in's package by."""
    return entry.dist.name if entry.dist else entry.module
