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
    """Objects by name: bertport's own, and those of plug-ins, loaded when a name is asked for that is none of these.

    Asking for all names loads all plug-ins. Raises ExportError as `load_plugins`.
    """

    def __init__(self, own: Mapping[str, P], group: str, kind: type[P]) -> None:
        self._own, self._group, self._kind = dict(own), group, kind
        self._plugins: dict[str, P] | None = None

    def __getitem__(self, name: str) -> P:
        return self._own[name] if name in self._own else self._loaded()[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**self._own, **self._loaded()})

    def __len__(self) -> int:
        return len(self._own) + len(self._loaded())

    def __setitem__(self, name: str, value: P) -> None:
        self._own[name] = value

    def __delitem__(self, name: str) -> None:
        del self._own[name]

    def _loaded(self) -> dict[str, P]:
        if self._plugins is None:
            found = load_plugins(self._group, self._kind, self._own)
            if strange := [name for name, one in found.items() if getattr(one, "name", name) != name]:
                raise ExportError(
                    f"{self._group}: the entry point {strange[0]!r} gives an object of another name; upgrade or "
                    "uninstall its package"
                )
            self._plugins = found
        return self._plugins


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


def load_plugins(group: str, kind: type[P], taken: Collection[str]) -> dict[str, P]:
    """Name → object of every installed plug-in of `group`; see `find_plugins` and `load_plugin`."""
    return {name: load_plugin(entry, kind) for name, entry in find_plugins(group, taken).items()}


def distribution(entry: "EntryPoint") -> str:
    """The name that pip knows a plug-in's package by."""
    return entry.dist.name if entry.dist else entry.module
