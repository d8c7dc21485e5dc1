"""Every generated block is what its record, or the code, says now."""

import shutil

import pytest

from benchmarks import ARTIFACTS, ROOT
from benchmarks.results import pages
from benchmarks.results.blocks import with_block
from exporter.gate.config import _keys
from exporter.targets.registry import TARGETS


def text_of(page):
    return (ROOT / page).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", pages.BLOCKS)
def test_no_page_is_stale(page):
    assert pages.filled(page, text_of(page)) == text_of(page)


@pytest.mark.parametrize("chart", pages.CHARTS)
def test_no_chart_is_stale(chart):
    drawn = pages.CHARTS[chart](ARTIFACTS)
    assert drawn == text_of(chart)
    assert drawn.count("<circle") > 5


def test_a_changed_figure_is_noticed(tmp_path):
    shutil.copy(ARTIFACTS / "embeddings.json", tmp_path)
    record = (tmp_path / "embeddings.json").read_text(encoding="utf-8")
    (tmp_path / "embeddings.json").write_text(record.replace('"sentences": 96', '"sentences": 95'), encoding="utf-8")
    page = "docs/results/embeddings.md"
    assert "| 95 |" in pages.filled(page, text_of(page), tmp_path)


def test_check_names_the_page_that_is_stale(monkeypatch):
    stale = [("docs/here.md", "old", "new"), ("docs/there.md", "same", "same")]
    monkeypatch.setattr(pages, "generated", lambda _: iter(stale))
    monkeypatch.setattr("sys.argv", ["pages", "--check"])
    with pytest.raises(SystemExit, match=r"^docs/here\.md: stale"):
        pages.main()


def test_a_page_without_its_block_is_an_error():
    with pytest.raises(SystemExit, match="expected one block peers, found 0"):
        with_block("nothing", "peers", "a table", "docs/results/peers.md")


def test_every_option_of_the_command_line_is_in_the_reference():
    page = text_of("docs/reference/cli.md")
    assert "`--trim-vocabulary FILE`" in page
    assert "## bertport app-kit" in page


def test_every_scheme_is_in_the_reference():
    page = text_of("docs/reference/schemes.md")
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert len(rows) == sum(len(target.schemes) for target in TARGETS.values())


def test_every_key_of_the_configuration_is_in_the_reference():
    page = text_of("docs/reference/configuration.md")
    places = ((), ("export", 0), ("export", 0, "budget"), ("tolerance",), ("timing",))
    assert {key for place in places for key in _keys(place) if f"| `{key}` |" not in page} == set()
