"""The documentation site builds without a warning, and a link that leads nowhere would be one."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def build(root: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--clean"]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=root)


@pytest.fixture
def copy(tmp_path):
    """The pages and what they are made from; the site is built beside them."""
    shutil.copy(ROOT / "zensical.toml", tmp_path)
    for folder in ("docs", "exporter", "runtimes"):
        (tmp_path / folder).symlink_to(ROOT / folder) if folder != "docs" else shutil.copytree(
            ROOT / folder, tmp_path / folder
        )
    return tmp_path


def test_the_site_builds_and_has_every_page(copy):
    done = build(copy)
    assert done.returncode == 0, done.stdout + done.stderr
    pages = {path.relative_to(copy / "docs").with_suffix("").as_posix() for path in (copy / "docs").rglob("*.md")}
    assert {page for page in pages if page != "index" and not (copy / "site" / page / "index.html").is_file()} == set()
    api = (copy / "site" / "reference" / "python-api" / "index.html").read_text(encoding="utf-8")
    assert 'id="exporter.export"' in api
    assert 'id="runtimes.Batch"' in api


def test_every_page_is_in_the_navigation():
    listed = (ROOT / "zensical.toml").read_text(encoding="utf-8")
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert {page for page in pages if f'"{page}"' not in listed} == set()


@pytest.mark.parametrize("link", ["nowhere.md", "reference/cli.md#no-such-command"])
def test_a_link_that_leads_nowhere_is_an_error(copy, link):
    page = copy / "docs" / "index.md"
    page.write_text(f"{page.read_text(encoding='utf-8')}\n[there]({link})\n", encoding="utf-8")
    done = build(copy)
    assert done.returncode != 0
    assert "does not exist" in done.stdout + done.stderr
