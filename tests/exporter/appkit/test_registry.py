"""A platform is a folder and a line: nothing else knows it by its name."""

import ast
import json
from pathlib import Path

import pytest

from benchmarks.kits.tokenizer_exactness import PLATFORMS as TOKENIZERS
from exporter.appkit.kit_json import ModelFile, write_settings
from exporter.appkit.platform import Platform
from exporter.appkit.registry import PLATFORMS
from exporter.appkit.wordpiece import read_wordpiece
from exporter.cli.main import main

ROOT = Path(__file__).parents[3]
OF_PLATFORMS = ("exporter/appkit", "tests/exporter/appkit")
SOURCES = [path for folder in ("exporter", "runtimes", "benchmarks", "tests") for path in (ROOT / folder).rglob("*.py")]


def compared(source: str) -> list[str]:
    """Names of platforms that a source compares something with: by an operator, or in a `case`."""
    found: list[ast.AST] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare):
            found += [node.left, *node.comparators]
        elif isinstance(node, ast.MatchValue):
            found.append(node.value)
    parts = [
        part for node in found for part in (node.elts if isinstance(node, ast.Tuple | ast.List | ast.Set) else [node])
    ]
    return [part.value for part in parts if isinstance(part, ast.Constant) and part.value in PLATFORMS]


def own(path: Path) -> str | None:
    """The platform whose folder a file is in."""
    folder, name = path.parent.relative_to(ROOT).as_posix(), path.parent.name
    return name if name in PLATFORMS and folder in [f"{one}/{name}" for one in OF_PLATFORMS] else None


def test_nothing_is_compared_with_a_platforms_name_outside_its_folder():
    found = {path: set(compared(path.read_text(encoding="utf-8"))) - {own(path)} for path in SOURCES}
    assert len(found) > 400
    assert {path.relative_to(ROOT).as_posix(): names for path, names in found.items() if names} == {}


@pytest.mark.parametrize(
    "line",
    [
        'target = "coreml" if platform == "ios" else "onnx"',
        'if name in ("web", "other"): pass',
        'if "android" != parsed.platform: pass',
        'match name:\n    case "web": pass',
    ],
)
def test_a_comparison_with_a_name_would_be_found(line):
    assert len(compared(line)) == 1
    assert compared(line.replace("ios", "i").replace("web", "w").replace("android", "a")) == []


def test_the_registry_lists_each_folder_under_its_own_name():
    folders = {path.parent.name for path in (ROOT / "exporter" / "appkit").glob("*/emit.py")}
    assert folders == set(PLATFORMS) == {platform.name for platform in PLATFORMS.values()}
    assert set(TOKENIZERS) == folders


def emit_settings(kit, wrapper, directory):
    write_settings(kit, wrapper.tokenizer, [ModelFile("model")], directory)


def test_a_platform_is_one_object_and_one_line(checkpoint, make_bundle, tmp_path, monkeypatch, capsys):
    bundle = make_bundle(checkpoint, targets=("onnx",))
    command = ["app-kit", str(bundle), "--platform", "desktop", "-o", str(tmp_path / "Kit")]
    assert main(command) == 2
    assert "desktop: not known; known: ios, web, android" in capsys.readouterr().err
    monkeypatch.setitem(PLATFORMS, "desktop", Platform("desktop", "C", ("onnx",), read_wordpiece, emit_settings))
    assert main(command) == 0
    assert {path.name for path in (tmp_path / "Kit").iterdir()} == {"kit.json", "vocab.txt"}
    assert json.loads((tmp_path / "Kit" / "kit.json").read_bytes())["models"] == [{"file": "model"}]
