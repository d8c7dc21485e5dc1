"""The Android app kit: a Gradle module with the model, its tokenizer in Kotlin and a typed wrapper of its task.

The sources are the files in `module/` and those of what runs the model (`runtimes.py`), a package dev.bertport.bertkit,
which is given the kit's package; the model and its settings are assets, in a folder of the kit's name.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from exporter.appkit.android.package_name import check_package, kit_name
from exporter.appkit.android.runtimes import RUNTIMES, Runtime
from exporter.appkit.kit import Kit
from exporter.appkit.kit_json import write_settings
from exporter.appkit.platform import Platform, Wrapper
from exporter.appkit.sources import character_tables, facts, fill, long_texts, tables_comment, texts_of
from exporter.appkit.wordpiece import read_wordpiece
from runtimes.bundle.manifest import GOLDEN
from runtimes.files.bounded_read import read_own
from runtimes.files.json_text import to_json

SOURCES = Path(__file__).parent / "module"
_NAME, _PACKAGE = "bertkit", "dev.bertport.bertkit"
"""What the sources call the kit, and their package."""
_CALLS = {
    "text-classification": "val (label, score) = model.classify({texts}).first()",
    "text-ranking": 'val score = model.classify("query", "document").first().score // the higher, the better',
    "token-classification": 'for (entity in model.entities("…")) println("${entity.label} ${entity.text}")',
    "sentence-similarity": 'val similarity = model.embed("…").similarity(model.embed("…"))',
    "question-answering": 'val answer = model.answer("question", "context") // text, score, start, end; or null',
}


@dataclass(frozen=True)
class _Names:
    """What replaces the sources' own: `kit` names the module and the folder of its assets, `package` is the code's."""

    kit: str
    package: str

    @staticmethod
    def of(kit: Kit) -> "_Names":
        name = kit_name(kit.name)
        return _Names(name, kit.package or _PACKAGE.replace(_NAME, name))

    @property
    def folder(self) -> Path:
        return Path(*self.package.split("."))

    def replace(self, text: str) -> str:
        """A package may have the sources' own name in it, which is then left alone."""
        return self.package.join(part.replace(_NAME, self.kit) for part in text.split(_PACKAGE))

    def place(self, inside: Path) -> Path:
        """Where a source goes: Kotlin's own folder is the package's."""
        return Path(*(self.folder if part == _NAME else part for part in inside.parts))


def emit(kit: Kit, wrapper: Wrapper, directory: Path) -> None:
    """See Platform. Raises UsageError for a folder whose name cannot be a package's."""
    names = _Names.of(kit)
    runtime = RUNTIMES[kit.bundle.manifest.recipe.target]
    values = _values(kit, runtime) | {"type": wrapper.type, "long": long_texts(kit, wrapper.tokenizer)}
    for path, inside in _sources(runtime):
        _write(directory / names.place(inside), names.replace(_filled(kit, path, values)))
    main, tests = directory / "src" / "main", directory / "src" / "sharedTest" / "assets"
    _write(main / "kotlin" / names.folder / "CharacterTables.kt", _tables_source(names.package))
    assets = main / "assets" / names.kit
    assets.mkdir(parents=True)
    write_settings(kit, wrapper.tokenizer, runtime.models(kit.bundle), assets)
    shutil.copyfile(kit.bundle.directory / kit.bundle.manifest.models[0], assets / runtime.file)
    tests.mkdir(parents=True)
    (tests / GOLDEN).write_bytes(to_json(kit.golden))


def _write(place: Path, text: str) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text, encoding="utf-8", newline="\n")


def _sources(runtime: Runtime) -> Iterator[tuple[Path, Path]]:
    """The files of every kit and those of its runtime, each with its place in the kit."""
    for root in (SOURCES, runtime.sources):
        for path in sorted(path for path in root.rglob("*") if path.is_file()):
            yield path, path.relative_to(root)


def _filled(kit: Kit, path: Path, values: dict[str, str]) -> str:
    text = read_own(path)
    if path.suffix in (".md", ".kts"):
        return fill(text, values)
    if kit.failed and path.stem == "Tasks":
        return f"// {kit.warning}\n{text}"
    return text


def _tables_source(package: str) -> str:
    lines = character_tables('    const val {name} = "{text}"')
    return f"package {package}\n\n{tables_comment()}\ninternal object CharacterTables {{\n{lines}}}\n"


def _values(kit: Kit, runtime: Runtime) -> dict[str, str]:
    manifest = kit.bundle.manifest
    return {
        "title": manifest.source_model,
        "facts": facts(kit),
        "calling": fill(_CALLS[manifest.recipe.task], {"texts": texts_of(kit)}),
        "tolerance": f"{kit.tolerance:.3g}",
        **runtime.values(),
    }


PLATFORM = Platform("android", "Kotlin", tuple(RUNTIMES), read_wordpiece, emit, check_package=check_package)
