"""README's tables are what the records say."""

import subprocess
import sys
from pathlib import Path

from benchmarks.results import peers_page
from benchmarks.results.peers_page import PAGE

ROOT = Path(__file__).parents[2]


def check(root: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "benchmarks.results.readme_tables", "--check"]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=root)


def test_the_tables_are_not_stale():
    done = check(ROOT)
    assert done.returncode == 0, done.stderr


def test_a_changed_figure_is_noticed(tmp_path):
    for name in (
        "README.md",
        "benchmarks/__init__.py",
        *(f"benchmarks/results/{p.name}" for p in (ROOT / "benchmarks" / "results").glob("*.py")),
        *(p.relative_to(ROOT) for folder in ("artifacts", "artifacts/peers") for p in (ROOT / folder).glob("*.*")),
        "docs/results/peers.md",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    text = (tmp_path / "README.md").read_text()
    (tmp_path / "README.md").write_text(text.replace("| onnx `none` | 0.0001", "| onnx `none` | 0.0002"))
    assert "stale" in check(tmp_path).stderr


def test_the_page_is_what_the_records_say():
    page = PAGE.read_text(encoding="utf-8")
    assert "| bertport int8 |" in page
    assert page == peers_page.page(peers_page.records())
    assert page != peers_page.page({"another processor": next(iter(peers_page.records().values()))})
