"""Every benchmark can be imported: they run for hours and seldom, and what they import moves."""

import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ELSEWHERE = tuple("litert_torch nncf openvino optimum.exporters mutmut atheris ai_edge_quantizer coreai_torch".split())
"""What some of them import from an environment or an extra of their own."""
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in (ROOT / "benchmarks").rglob("*.py")
    if path.name != "__init__.py"
)


def imported(name):
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not error.name.startswith(ELSEWHERE):
            raise


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.filterwarnings("ignore")  # of libraries that a benchmark alone imports
def test_it_can_be_imported(name):
    imported(name)


def test_a_name_that_has_moved_is_noticed(tmp_path, monkeypatch):
    (tmp_path / "a_benchmark_of_old.py").write_text("from exporter.targets import nowhere\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ImportError, match="nowhere"):
        imported("a_benchmark_of_old")
