"""Imports point one way, files and folders stay small, and nothing is read without a bound."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted([*(ROOT / "exporter").rglob("*.py"), *(ROOT / "runtimes").rglob("*.py")])
ORDER = (
    ("exporter", "exporter.__main__"),  # the public API and the command line
    ("exporter.cli",),
    ("exporter.gate", "exporter.search"),
    ("exporter.pipeline",),
    ("exporter.finetuning", "exporter.options"),
    ("exporter.verification", "exporter.appkit", "exporter.publishing"),
    ("exporter.bundling",),
    ("exporter.targets",),
    ("exporter.compression",),
    ("exporter.checkpoint",),
    ("exporter.model",),
    ("runtimes",),
    ("runtimes.reporting", "runtimes.evaluation"),
    ("runtimes.measurement",),
    ("runtimes.records",),
    ("runtimes.parity",),
    ("runtimes.backends",),
    ("runtimes.mil", "runtimes.tflite", "runtimes.aimodel"),
    ("runtimes.bundle",),
    ("runtimes.process",),
    ("runtimes.files", "runtimes.plugins", "runtimes.runner", "runtimes.extras"),
    ("runtimes.errors", "runtimes.version"),
)
"""Folders and files below the two packages, from the top: each imports from itself and from lower lines alone."""
SIBLINGS = (
    ("exporter.targets.onnx", "exporter.targets.coreml", "exporter.targets.coreai", "exporter.targets.litert"),
    ("exporter.appkit.ios", "exporter.appkit.android", "exporter.appkit.web"),
    (
        "runtimes.backends.onnx",
        "runtimes.backends.coreml",
        "runtimes.backends.coreai",
        "runtimes.backends.litert",
        "runtimes.backends.pytorch",
    ),
)
"""Folders that never import each other."""
LEVEL = {name: level for level, names in enumerate(ORDER) for name in names}
MOST_LINES, MOST_MODULES = 310, 16


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_of(path): path for path in SOURCES}


def imported(source: str) -> Iterator[str]:
    """The modules of ours that a source imports, at its top or within functions."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                if inner in MODULES or node.module in MODULES:
                    yield inner if inner in MODULES else node.module


def room(module: str) -> str:
    return ".".join(module.split(".")[:2])


def wrong_imports(module: str, source: str) -> list[str]:
    """What a module imports from its own line of ORDER, but for its own room, or from a line above."""
    here = room(module)
    return [found for found in imported(source) if room(found) != here and LEVEL[room(found)] <= LEVEL[here]]


GRAPH = {module: set(imported(path.read_text(encoding="utf-8"))) - {module} for module, path in MODULES.items()}


def cycles(graph: dict[str, set[str]]) -> set[str]:
    """Modules that import each other in a loop: what is left without those that lead nowhere, or come from nowhere."""
    left = {module: set(found) for module, found in graph.items()}
    while ends := [module for module, found in left.items() if not (found & left.keys() and _entered(module, left))]:
        for module in ends:
            del left[module]
    return set(left)


def _entered(module: str, graph: dict[str, set[str]]) -> bool:
    return any(module in found for found in graph.values())


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_imports_point_one_way(path: Path) -> None:
    assert wrong_imports(module_of(path), path.read_text(encoding="utf-8")) == []


def test_no_module_imports_itself_by_a_detour() -> None:
    faces = {module for module, path in MODULES.items() if path.name == "__init__.py"}  # which hand names on
    graph = {module: found - faces for module, found in GRAPH.items() if module not in faces}
    assert cycles(graph) == set()


@pytest.mark.parametrize("folders", SIBLINGS)
def test_siblings_do_not_know_each_other(folders: tuple[str, ...]) -> None:
    for here in folders:
        others = tuple(f"{other}." for other in folders if other != here)
        found = {module: {one for one in GRAPH[module] if one.startswith(others)} for module in GRAPH}
        assert {module: names for module, names in found.items() if names and module.startswith(f"{here}.")} == {}


def test_the_tree_stays_as_small_as_it_is() -> None:
    """Rooms and arrows between them, by package: what a newcomer has to keep in mind."""
    for package, most_rooms, most_arrows in (("exporter", 16, 61), ("runtimes", 17, 43)):
        rooms = {room(module) for module in MODULES if module.startswith(f"{package}.")}
        arrows = {(room(a), room(b)) for a, every in GRAPH.items() for b in every if {room(a), room(b)} <= rooms}
        assert len(rooms) <= most_rooms
        assert len({(a, b) for a, b in arrows if a != b}) <= most_arrows


def test_no_folder_holds_too_many_modules() -> None:
    held = defaultdict(list)
    for path in SOURCES:
        if path.name != "__init__.py":
            held[name(path.parent)].append(path.name)
    assert {folder: len(names) for folder, names in held.items() if len(names) > MOST_MODULES} == {}


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_files_stay_readable(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_the_first_line_says_what_a_module_does(path: Path) -> None:
    documented = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert documented
    assert len(documented.splitlines()[0]) >= 20


def test_the_rules_catch_what_is_wrong() -> None:
    lazy = "def f():\n    from exporter.pipeline import export\n"
    assert wrong_imports("exporter.targets.registry", lazy) == ["exporter.pipeline"]
    assert wrong_imports("exporter.search.search", "import exporter.gate.run") == ["exporter.gate.run"]
    assert wrong_imports("runtimes.runner", "from exporter.model import ops") == ["exporter.model.ops"]
    assert wrong_imports("exporter.pipeline", "from exporter.targets import registry") == []
    assert cycles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}, "e": set()}) == {"a", "b", "c"}
    assert not cycles({"a": {"b"}, "b": {"c"}, "c": set()})


READS = {"read_text", "read_bytes"}


def unbounded_reads(source: str) -> list[str]:
    calls = [node.func for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return [func.attr for func in calls if isinstance(func, ast.Attribute) and func.attr in READS]


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_no_file_is_read_without_a_bound(path: Path) -> None:
    """`runtimes.files.atomic_write` reads; a file of holes is as large as its writer likes."""
    assert unbounded_reads(path.read_text(encoding="utf-8")) == []


def test_a_read_without_a_bound_would_be_found() -> None:
    assert unbounded_reads("from pathlib import Path\nPath('x').read_text()") == ["read_text"]
