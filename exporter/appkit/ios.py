"""A Swift package for iOS and macOS: the Core ML model, its tokenizer, and a typed wrapper of its task.

The sources are the files in `swift/`, a package called BertKit; what differs from kit to kit are its name, its task's
files, the character tables, and data: `ModelFiles/kit.json` with the settings, `vocab.txt`, and the model itself.
"""

import shutil
from pathlib import Path

from exporter.appkit.character_tables import ask_tokenizers, version
from exporter.appkit.kit import Kit
from exporter.appkit.wordpiece import WordPiece, camel, read_wordpiece
from exporter.bundle import Manifest, to_json
from exporter.errors import UsageError

SOURCES = Path(__file__).parent / "swift"
_NAME = "BertKit"
_PLATFORMS = '[.iOS("16.0"), .macOS("13.0")]'
_OLDEST = {
    "iOS16": _PLATFORMS,
    "iOS17": '[.iOS("17.0"), .macOS("14.0")]',
    "iOS18": '[.iOS("18.0"), .macOS("15.0")]',
    "iOS26": '[.iOS("26.0"), .macOS("26.0")]',
}
"""Deployment target → platforms of the package: the systems that have the model's format."""


def emit(kit: Kit, directory: Path) -> None:
    """See Platform. Raises UnsupportedError for another tokenizer than WordPiece, UsageError for an unusable name."""
    name = module_name(kit.name)
    wordpiece = read_wordpiece(kit.bundle.directory)
    _copy_sources(kit, name, directory)
    sources, tests = directory / "Sources" / name, directory / "Tests" / f"{name}Tests"
    tests.mkdir(parents=True, exist_ok=True)
    (sources / "CharacterTables.swift").write_text(tables_source(), encoding="utf-8")
    _write_model_files(kit, wordpiece, sources / "ModelFiles")
    (tests / "golden.json").write_bytes(to_json(kit.golden))


def module_name(folder: str) -> str:
    """The folder's name as a Swift module's. Raises UsageError where there is none in it."""
    words = "".join(c if c.isascii() and c.isalnum() else " " for c in folder).split()
    name = "".join(word[:1].upper() + word[1:] for word in words)
    if not name[:1].isalpha() or name in ("Foundation", "CoreML", "Swift", "XCTest"):
        raise UsageError(f"{folder}: expected a folder whose name can be a Swift module's; -o MyModelKit, for instance")
    return name


def tables_source() -> str:
    """CharacterTables.swift."""
    tables = "\n".join(
        f'    static let {camel(name)} = """\n{_lines(text)}\n        """'
        for name, text in ask_tokenizers().texts().items()
    )
    asked = f"// What tokenizers {version()} does to every Unicode scalar; written by bertport, read by CharacterRules."
    return f"{asked}\nenum CharacterTables {{\n{tables}\n}}\n"


def _lines(text: str) -> str:
    """Lines of some hundred characters, broken at spaces."""
    lines, words = [""], text.split(" ")
    for word in words:
        if len(lines[-1]) + len(word) > 110:
            lines.append("")
        lines[-1] += f"{word} "
    return "\n".join(f"        {line.rstrip()}" for line in lines)


def _copy_sources(kit: Kit, name: str, directory: Path) -> None:
    for path in sorted(path for path in SOURCES.rglob("*") if path.is_file()):
        place = directory / path.relative_to(SOURCES).as_posix().replace(_NAME, name)
        place.parent.mkdir(parents=True, exist_ok=True)
        text = path.read_text(encoding="utf-8").replace(_NAME, name)
        place.write_text(text.replace(_PLATFORMS, _OLDEST[_target(kit.bundle.manifest)]), encoding="utf-8")


def _target(manifest: Manifest) -> str:
    return manifest.recipe.deployment_target or "iOS16"


def _write_model_files(kit: Kit, wordpiece: WordPiece, directory: Path) -> None:
    directory.mkdir(parents=True)
    (directory / "vocab.txt").write_bytes(wordpiece.vocabulary())
    (directory / "kit.json").write_bytes(to_json({"tokenizer": wordpiece.settings()}))
    for model in kit.bundle.manifest.models:
        shutil.copytree(kit.bundle.directory / model, directory / model)
