"""Where `resource`, `fcntl` and the like do not exist, as on Windows, the command line works all the same."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from runtimes.process import peak_memory

ROOT = Path(__file__).parents[2]
CHILD = Path(__file__).with_name("windows_child.py")
SOURCES = sorted([*(ROOT / "exporter").rglob("*.py"), *(ROOT / "runtimes").rglob("*.py")])


def test_commands_exports_and_every_module_without_what_only_posix_has(checkpoint, tmp_path):
    """stdout as Windows gives it to a pipe: in cp1252, which has no box to draw a table with, and no minus."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"}
    command = [sys.executable, str(CHILD), str(checkpoint), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr.decode("cp1252")
    assert done.stdout.decode("cp1252").splitlines()[-1] == "all of it"
    left = [path.name for path in tmp_path.iterdir()]
    assert sorted(left) == ["coreml", "onnx"]


def test_what_is_taken_away_is_missed(tmp_path):
    """The control: a module that asks for it does not import."""
    (tmp_path / "asks.py").write_text("import windows_child as w\nw.take_away()\nimport resource\n", encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(CHILD.parent)}
    command = [sys.executable, str(tmp_path / "asks.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert "import of resource halted" in done.stderr


def test_the_peak_of_a_process_where_there_is_no_resource(monkeypatch):
    class Windows:
        def memory_info(self):
            return type("Info", (), {"peak_wset": 123_456_789})

    monkeypatch.setattr("pathlib.Path.exists", lambda _: False)
    monkeypatch.setitem(sys.modules, "resource", None)
    monkeypatch.setattr(psutil, "Process", Windows)
    monkeypatch.setattr("sys.platform", "win32")
    assert peak_memory.peak_rss_bytes() == 123_456_789


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_text_is_utf_8_with_the_same_line_ends_everywhere(path):
    """A file's bytes, and so its hash in a manifest, must not depend on the system that wrote it."""
    calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    for call in calls:
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        given = {keyword.arg for keyword in call.keywords}
        where = f"{path.name}:{call.lineno}"
        assert "text" not in given or name not in ("run", "Popen"), where
        if name in ("read_text", "write_text"):
            assert "encoding" in given, where
        if name == "write_text":
            assert "newline" in given, where
