"""What is said to GitHub cannot be taken for another command, another property or another cell."""

import pytest

from runtimes.errors import UsageError
from runtimes.reporting.github import annotates, annotation, append_summary, markdown_table


def test_only_on_github_are_there_annotations():
    assert annotates({"GITHUB_ACTIONS": "true"})
    assert not annotates({})
    assert not annotates({"GITHUB_ACTIONS": ""})


def test_an_annotation_is_one_line_whatever_is_in_it():
    line = annotation("error", "a,b: c\n::stop-commands::x", "50% off\r\n::error::no", "dir,1/bertport.toml")
    assert "\n" not in line
    assert "\r" not in line
    title = "a%2Cb%3A c%0A%3A%3Astop-commands%3A%3Ax"
    assert line == f"::error file=dir%2C1/bertport.toml,title={title}::50%25 off%0D%0A::error::no"


def test_a_percent_sign_is_escaped_first():
    assert annotation("warning", "t", "%0A", "f").endswith("::%250A")


def test_a_cell_stays_a_cell():
    table = markdown_table(("a", "b"), [("x | y\nz", "<img src=x> & `code` [l](u) *b* a_b \\")])
    assert table.splitlines() == [
        "| a | b |",
        "| --- | --- |",
        "| x \\| y z | &lt;img src=x> &amp; \\`code\\` \\[l\\](u) \\*b\\* a\\_b \\\\ |",
    ]


def test_a_summary_is_appended_to_what_is_there(tmp_path):
    path = tmp_path / "summary.md"
    path.write_text("before\n")
    append_summary("after", {"GITHUB_STEP_SUMMARY": str(path)})
    assert path.read_text() == "before\nafter\n"


def test_without_a_summary_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    append_summary("x", {})
    append_summary("x", {"GITHUB_STEP_SUMMARY": ""})
    assert not list(tmp_path.iterdir())


def test_a_summary_that_cannot_be_written_is_an_error(tmp_path):
    with pytest.raises(UsageError, match="GITHUB_STEP_SUMMARY"):
        append_summary("x", {"GITHUB_STEP_SUMMARY": str(tmp_path)})
