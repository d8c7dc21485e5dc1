"""The iOS app kit: a Swift package with the model, its tokenizer and a typed wrapper of its task.

The sources are the files in `package/` and those of what runs the model (`runtimes.py`), a package called BertKit.
What differs from kit to kit is its name, the file of its task, the character tables, and data: `ModelFiles/kit.json`
with the settings, `vocab.txt`, and the model itself.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from exporter.appkit.camel_case import camel
from exporter.appkit.character_tables import ask_tokenizers, version
from exporter.appkit.ios.runtimes import OLDEST, RUNTIMES, Runtime
from exporter.appkit.kit import Kit
from exporter.appkit.kit_json import write_settings
from exporter.appkit.platform import WRAPPERS, Platform, Wrapper
from exporter.appkit.sources import facts, fill, long_texts, tables_comment
from exporter.appkit.wordpiece import read_wordpiece
from runtimes.errors import UsageError
from runtimes.files.bounded_read import read_own
from runtimes.files.json_text import to_json

SOURCES = Path(__file__).parent / "package"
_NAME, _SAMPLES, _TASKS = "BertKit", "Samples", "Tasks"
_RESERVED = ("Foundation", "CoreML", "CoreAI", "Swift", "SwiftUI", "XCTest", _NAME + "Tests")


OF_PAIRS = (
    ('classify("{text}")', 'classify("{text}", pair: "Another text")'),
    ("classify(text)", "classify(text, pair: pair)"),
    ("    @State private var text = ", "    let pair: String\n    @State private var text = "),
)
OF_VALUES = ((".percent.precision(.fractionLength(1))", ".number.precision(.fractionLength(3))"),)
"""What the sample of a classifier has instead where it reads two texts, and where its scores are no shares."""


@dataclass(frozen=True)
class _Package:
    """One package in the making: its name, what its code is made for, and what it is made of."""

    kit: Kit
    name: str
    wrapper: Wrapper

    @property
    def runtime(self) -> Runtime:
        """What runs its model."""
        return RUNTIMES[self.kit.bundle.manifest.recipe.target]

    @property
    def text(self) -> str:
        """A golden text for the samples, in one line of Swift."""
        text = str(self.kit.golden["vectors"][0]["text"])[:60]
        return "".join(c for c in text if c.isprintable() and c not in '\\"')


def emit(kit: Kit, wrapper: Wrapper, directory: Path) -> None:
    """See Platform. Raises UsageError for a folder whose name cannot be a module's."""
    package = _Package(kit, module_name(kit.name), wrapper)
    sources = directory / "Sources" / package.name
    _copy_sources(package, directory)
    (sources / "CharacterTables.swift").write_text(tables_source(), encoding="utf-8", newline="\n")
    _write_model_files(package, sources / "ModelFiles")
    (directory / "Tests" / f"{package.name}Tests" / "golden.json").write_bytes(to_json(kit.golden))


def module_name(folder: str) -> str:
    """The folder's name as a Swift module's. Raises UsageError where there is none in it."""
    words = "".join(c if c.isascii() and c.isalnum() else " " for c in folder).split()
    name = "".join(word[:1].upper() + word[1:] for word in words)
    if not name[:1].isalpha() or name in (*_RESERVED, *WRAPPERS.values()):
        raise UsageError(f"{folder}: expected a folder whose name can be a Swift module's; -o MyModelKit, for instance")
    return name


def tables_source() -> str:
    """CharacterTables.swift."""
    tables = "\n".join(
        f'    static let {camel(name)} = """\n{_lines(text)}\n        """'
        for name, text in ask_tokenizers().texts().items()
    )
    return f"{tables_comment()}\nenum CharacterTables {{\n{tables}\n}}\n"


def _lines(text: str) -> str:
    """Lines of some hundred characters, broken at spaces."""
    lines = [""]
    for word in text.split(" "):
        if len(lines[-1]) + len(word) > 110:
            lines.append("")
        lines[-1] += f"{word} "
    return "\n".join(f"        {line.rstrip()}" for line in lines)


def _copy_sources(package: _Package, directory: Path) -> None:
    for path, inside in _sources(package):
        place = directory / inside.as_posix().replace(_NAME, package.name)
        place.parent.mkdir(parents=True, exist_ok=True)
        before = f"// {package.kit.warning}\n\n" if package.kit.failed and path.stem == package.wrapper.type else ""
        place.write_text(before + _filled(read_own(path), package), encoding="utf-8", newline="\n")


def _sources(package: _Package) -> Iterator[tuple[Path, Path]]:
    """All but the samples and the wrappers of other tasks, and those of its runtime, each with its place in the kit."""
    for root in (SOURCES, package.runtime.sources):
        for path in sorted(path for path in root.rglob("*") if path.is_file()):
            other = path.parent.name == _TASKS and path.stem != package.wrapper.type
            if not other and path.parent.name != _SAMPLES:
                yield path, path.relative_to(root)


def _filled(text: str, package: _Package) -> str:
    """A source with the package's name and systems, or README with what it says of this model."""
    text = text.replace(OLDEST, package.runtime.platforms(package.kit.bundle.manifest.recipe))
    if text.startswith("#"):
        text = fill(text, _readme(package))
    return text.replace(_NAME, package.name)


def _readme(package: _Package) -> dict[str, str]:
    manifest = package.kit.bundle.manifest
    recipe = manifest.recipe
    return {
        "running": read_own(package.runtime.sources / _SAMPLES / "running.md").strip(),
        "facts": facts(package.kit),
        "sample": _sample(package),
        "long": long_texts(package.kit, package.wrapper.tokenizer),
        "units": str(recipe.options["compute_units"]),
        "type": package.wrapper.type,
        "framework": package.runtime.framework,
        "xcode": package.runtime.xcode,
        "compile": "\n".join(
            f"    xcrun coremlcompiler compile Sources/BertKit/ModelFiles/{model} Sources/BertKit/ModelFiles"
            for model in manifest.models
        ),
        "lengths": ", ".join(map(str, sorted(recipe.sequence_lengths))),
        "tolerance": f"{package.kit.tolerance:.3g}",
        "tokenizers": version(),
    }


def _sample(package: _Package) -> str:
    """Swift that calls the task's wrapper: with as many texts as the model reads, and its scores as what they are."""
    sample = read_own(SOURCES / _SAMPLES / f"{package.kit.bundle.manifest.recipe.task}.md").strip()
    changes = [*(OF_PAIRS if package.kit.reads_pairs else ()), *(OF_VALUES if package.kit.gives_values else ())]
    for written, instead in changes:
        sample = sample.replace(written, instead)
    return sample.replace("{text}", package.text)


def _write_model_files(package: _Package, directory: Path) -> None:
    directory.mkdir(parents=True)
    bundle = package.kit.bundle
    write_settings(package.kit, package.wrapper.tokenizer, package.runtime.models(bundle), directory)
    for model in bundle.manifest.models:
        _copy_contents(bundle.directory / model, directory / model)


def _copy_contents(source: Path, target: Path) -> None:
    """Copy a folder's bytes; modes are for the umask to decide, which `copytree` would take from the bundle."""
    target.mkdir()
    for path in sorted(source.iterdir()):
        if path.is_dir():
            _copy_contents(path, target / path.name)
        else:
            shutil.copyfile(path, target / path.name)


PLATFORM = Platform("ios", "Swift", tuple(RUNTIMES), read_wordpiece, emit)
