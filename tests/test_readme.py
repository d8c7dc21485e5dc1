"""README's tables are what the records say."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def check(root: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(root / "benchmarks" / "readme_tables.py"), "--check"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_tables_are_not_stale():
    done = check(ROOT)
    assert done.returncode == 0, done.stderr


def test_a_changed_figure_is_noticed(tmp_path):
    for name in (
        "README.md",
        "benchmarks/readme_tables.py",
        "benchmarks/peers_tables.py",
        "benchmarks/family_tables.py",
        *(f"artifacts/{p.name}" for p in (ROOT / "artifacts").glob("*.*")),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    text = (tmp_path / "README.md").read_text()
    (tmp_path / "README.md").write_text(text.replace("| onnx `none` | 0.0001", "| onnx `none` | 0.0002"))
    assert "stale" in check(tmp_path).stderr
