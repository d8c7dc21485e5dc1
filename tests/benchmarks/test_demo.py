"""What `make demo` says of a target that is slow here, or that lacks its extra."""

from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import demo
from benchmarks.demo import Row, absent, export_all, spread, table

SLOW = Row("coreai-int8", [], None, 0.875, 128, [])
WHOLE = Row("onnx-int8", [], None, 0.9, 500, [])


def drawn(*given):
    console = Console(width=200, record=True)
    console.print(table(*given))
    return console.export_text()


def test_a_target_without_its_extra_is_a_row_that_was_not_run_and_the_reason(monkeypatch):
    monkeypatch.setattr("runtimes.extras.find_spec", lambda name: None if name == "coreai" else object())
    lacking = absent()
    assert lacking.keys() == {"coreai"}
    assert export_all(("coreai",), Path("nowhere"), lacking) == []
    lines = drawn([WHOLE], 500, lacking).splitlines()
    (row,) = [line for line in lines if line.startswith("│ coreai ")]
    assert row.count("not run") == 11
    assert f"coreai: not run: {lacking['coreai']}" in "\n".join(lines)


def test_others_of_its_group_are_exported(monkeypatch):
    asked = []
    monkeypatch.setattr(demo, "export", lambda request: asked.append(request.targets) or [])
    export_all(("onnx", "litert"), Path("nowhere"), {"litert": "is not installed"})
    assert asked == [("onnx",)]


def test_nothing_lacks_where_all_is_installed(monkeypatch):
    monkeypatch.setattr("runtimes.extras.find_spec", lambda name: object())
    assert absent() == {}
    assert "not run:" not in drawn([WHOLE], 500, {})


@pytest.mark.parametrize(("most", "found"), [(None, 10), (10, 10), (12, 10), (3, 3)])
def test_a_slow_runner_is_asked_rows_that_are_evenly_spread(most, found):
    rows = [{"n": n} for n in range(10)]
    assert len(spread(rows, most)) == found
    assert spread(rows, 3) == [{"n": 0}, {"n": 3}, {"n": 6}]


def test_how_many_rows_it_was_asked_stands_beside_its_accuracy():
    text = drawn([WHOLE, SLOW], 500, {})
    assert "0.8750 of 128" in text
    assert "0.9000 of" not in text
