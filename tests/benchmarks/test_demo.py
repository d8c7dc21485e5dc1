"""What `make demo` says of a target that is slow here, or that lacks its extra."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console

from benchmarks import demo
from benchmarks.demo import Row, absent, accuracy, export_all, table

SLOW = Row("coreai-int8", [], None, None, [])
WHOLE = Row("onnx-int8", [], None, 0.9, [])


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


@pytest.mark.parametrize(("most", "found"), [(None, 1.0), (2, 1.0), (1, None)])
def test_a_runner_that_is_too_slow_is_not_asked_the_test_rows(most, found):
    runner = SimpleNamespace(most_rows=most, run=lambda _: {"logits": np.array([[0.0, 1.0]])})
    encode = SimpleNamespace(batch=list, row=str)
    assert accuracy(runner, encode, [{"text": "a", "label": 1}, {"text": "b", "label": 1}]) == found


def test_its_accuracy_was_not_run():
    (slow, whole) = (line for line in drawn([SLOW, WHOLE], 500, {}).splitlines() if "int8" in line)
    assert (slow.count("not run"), whole.count("not run")) == (5, 4)
