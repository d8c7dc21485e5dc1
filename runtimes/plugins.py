"""Load objects that other packages add to a registry, by their entry points.

A package declares what it adds in its pyproject.toml; the name is the key in the registry, the value an object:

    [project.entry-points."bertport.families"]
    camembert = "bertport_camembert:CAMEMBERT"

Nothing of a package is imported before its object is asked for.
"""

from collections.abc import Collection, Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, TypeVar

from runtimes.errors import ExportError, in_our_words

if TYPE_CHECKING:  # a process that is measured looks up a backend of ours, and need not pay for it
    from importlib.metadata import EntryPoint

P = TypeVar("P")


class Registry(MutableMapping[str, P]):
    """Objects by name: bertport's own, and those of plug-ins, each imported when its name is first asked for.

    Listing the names imports nothing. Raises ExportError as `find_plugins` and `load_plugin`, and for an object whose
    `name` is another than its entry point's.
    """

    def __init__(self, own: Mapping[str, P], group: str, kind: type[P]) -> None:
        self._known, self._group, self._kind = dict(own), group, kind
        self._found: dict[str, EntryPoint] | None = None

    def __getitem__(self, name: str) -> P:
        if name not in self._known:
            self._known[name] = self._load(self._entries()[name])
        return self._known[name]

    def __contains__(self, name: object) -> bool:
        return name in self._known or name in self._entries()

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys((*self._known, *self._entries())))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __setitem__(self, name: str, value: P) -> None:
        self._known[name] = value

    def __delitem__(self, name: str) -> None:
        del self._known[name]

    def _entries(self) -> "dict[str, EntryPoint]":
        if self._found is None:
            self._found = find_plugins(self._group, self._known)
        return self._found

    def _load(self, entry: "EntryPoint") -> P:
        loaded = load_plugin(entry, self._kind)
        name = getattr(loaded, "name", entry.name)
        if name != entry.name:
            raise ExportError(
                f"{distribution(entry)}: its {entry.group} entry point {entry.name!r} gives an object named {name!r}, "
                f"and both must have one name; upgrade or uninstall {distribution(entry)}"
            )
        return loaded


def find_plugins(group: str, taken: Collection[str]) -> "dict[str, EntryPoint]":
    """Name → entry point of each installed plug-in of `group`; `taken` are the registry's own names.

    Imports none of them. Raises ExportError for a name that is taken, by the registry or by another distribution.
    """
    from importlib.metadata import entry_points

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


def load_plugin(entry: "EntryPoint", kind: type[P]) -> P:
    """Import what an entry point names. Raises ExportError where that fails, or is no `kind`."""
    what = f"{distribution(entry)}: its {entry.group} entry point {entry.name!r} ({entry.value})"
    step = f"upgrade or uninstall {distribution(entry)}"
    with in_our_words(lambda why: ExportError(f"{what} cannot be loaded: {why}; {step}")):
        loaded = entry.load()
    if not isinstance(loaded, kind):
        raise ExportError(f"{what} is {type(loaded).__name__}, expected {kind.__name__}; {step}")
    return loaded


def distribution(entry: "EntryPoint") -> str:
    """The name that pip knows a plug-in's package by."""
    return entry.dist.name if entry.dist else entry.module
