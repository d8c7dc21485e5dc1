"""Imports point one way; files stay small."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted([*(ROOT / "exporter").rglob("*.py"), *(ROOT / "runtimes").rglob("*.py")])


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_imports_point_one_way(path: Path) -> None:
    if name(path).startswith("runtimes/"):
        assert not {module for module in imported(path) if module.split(".")[0] == "exporter"}


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_files_stay_readable(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 310


def test_the_rule_catches_a_wrong_import(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.py"
    wrong.write_text("def f():\n    from exporter.pipeline import export\n")
    assert "exporter.pipeline" in imported(wrong)


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
