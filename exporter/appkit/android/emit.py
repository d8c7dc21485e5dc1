"""The Android app kit: a Gradle module with the model, its tokenizer in Kotlin and a typed wrapper of its task.

The sources are the files in `module/` and those of what runs the model (`runtimes.py`), a package called bertkit, which
is given the kit's name; the model and its settings are assets.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

from exporter.appkit.android.runtimes import RUNTIMES, Runtime
from exporter.appkit.kit import Kit
from exporter.appkit.kit_json import write_settings
from exporter.appkit.platform import Platform, Wrapper
from exporter.appkit.sources import character_tables, facts, fill, long_texts, tables_comment
from exporter.appkit.wordpiece import read_wordpiece
from runtimes.bundle.manifest import GOLDEN
from runtimes.errors import UsageError
from runtimes.files.bounded_read import read_own
from runtimes.files.json_text import to_json

SOURCES = Path(__file__).parent / "module"
_NAME = "bertkit"
_KEYWORDS = (
    "as break class continue do else false for fun if in interface is null object package return super this throw true "
    "try typealias typeof val var when while"
)
_CALLS = {
    "text-classification": 'val (label, score) = model.classify("…").first()',
    "text-ranking": 'val score = model.classify("query", "document").first().score // the higher, the better',
    "token-classification": 'for (entity in model.entities("…")) println("${entity.label} ${entity.text}")',
    "sentence-similarity": 'val similarity = model.embed("…").similarity(model.embed("…"))',
    "question-answering": 'val answer = model.answer("question", "context") // text, score, start, end; or null',
}


def emit(kit: Kit, wrapper: Wrapper, directory: Path) -> None:
    """See Platform. Raises UsageError for a folder whose name cannot be a package's."""
    name = package_name(kit.name)
    runtime = RUNTIMES[kit.bundle.manifest.recipe.target]
    values = _values(kit, runtime) | {"type": wrapper.type, "long": long_texts(kit, wrapper.tokenizer)}
    for path, inside in _sources(runtime):
        place = directory / inside.as_posix().replace(_NAME, name)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(_filled(kit, path, values).replace(_NAME, name), encoding="utf-8", newline="\n")
    main, tests = directory / "src" / "main", directory / "src" / "sharedTest" / "assets"
    (main / "kotlin" / name / "CharacterTables.kt").write_text(_tables_source(name), encoding="utf-8", newline="\n")
    assets = main / "assets" / name
    assets.mkdir(parents=True)
    write_settings(kit, wrapper.tokenizer, runtime.models(kit.bundle), assets)
    shutil.copyfile(kit.bundle.directory / kit.bundle.manifest.models[0], assets / runtime.file)
    tests.mkdir(parents=True)
    (tests / GOLDEN).write_bytes(to_json(kit.golden))


def package_name(folder: str) -> str:
    """The folder's name as a package's. Raises UsageError where there is none in it."""
    name = "".join(c for c in folder.lower() if c.isascii() and c.isalnum())
    if not name[:1].isalpha() or name in _KEYWORDS.split():
        raise UsageError(
            f"{folder}: expected a folder whose name can be a Kotlin package's; -o MyModelKit, for instance"
        )
    return name


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


def _tables_source(name: str) -> str:
    lines = character_tables('    const val {name} = "{text}"')
    return f"package {name}\n\n{tables_comment()}\ninternal object CharacterTables {{\n{lines}}}\n"


def _values(kit: Kit, runtime: Runtime) -> dict[str, str]:
    manifest = kit.bundle.manifest
    return {
        "title": manifest.source_model,
        "facts": facts(kit),
        "calling": _CALLS[manifest.recipe.task],
        "tolerance": f"{kit.tolerance:.3g}",
        **runtime.values(),
    }


PLATFORM = Platform("android", "Kotlin", tuple(RUNTIMES), read_wordpiece, emit)
