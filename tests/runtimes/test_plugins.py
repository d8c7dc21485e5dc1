"""Plug-ins by entry point: found without an import, loaded when asked, and refused in one line that names theirs."""

import sys
from pathlib import Path

import pytest

from runtimes.errors import ExportError
from runtimes.plugins import Registry, find_plugins, load_plugin

GROUP = "bertport.tests"


@pytest.fixture
def site(tmp_path, monkeypatch) -> Path:
    """A folder on sys.path, as site-packages is."""
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def install(site: Path, distribution: str, source: str, name: str = "one", value: str | None = None) -> None:
    """What pip leaves of a package of one module."""
    module = distribution.replace("-", "_")
    (site / f"{module}.py").write_text(source, encoding="utf-8")
    info = site / f"{module}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\n{name} = {value or f'{module}:IT'}\n", encoding="utf-8")


def test_a_plugin_is_found_without_an_import_and_loaded_when_asked(site):
    install(site, "toy-good", "IT = {'a': 1}")
    found = find_plugins(GROUP, taken=())
    assert list(found) == ["one"]
    assert "toy_good" not in sys.modules
    assert load_plugin(found["one"], dict) == {"a": 1}


def test_a_registry_lists_names_without_an_import_and_loads_what_is_asked_for(site):
    install(site, "toy-listed", "IT = {'a': 1}")
    registry = Registry({"ours": {}}, GROUP, dict)
    assert list(registry) == ["ours", "one"]
    assert len(registry) == 2
    assert "one" in registry
    assert "none" not in registry
    assert "toy_listed" not in sys.modules
    assert registry["one"] == {"a": 1}
    assert dict(registry) == {"ours": {}, "one": {"a": 1}}
    with pytest.raises(KeyError):
        registry["none"]


def test_without_plugins_there_are_none():
    assert find_plugins(GROUP, taken=["one"]) == {}


def test_a_name_of_ours_is_refused(site):
    install(site, "toy-taken", "IT = {}")
    with pytest.raises(
        ExportError, match=r"toy-taken: .*'one' has a name that bertport has taken; uninstall toy-taken"
    ):
        find_plugins(GROUP, taken=["one"])


def test_a_name_that_two_plugins_claim_is_refused(site):
    install(site, "toy-first", "IT = {}")
    install(site, "toy-second", "IT = {}")
    with pytest.raises(ExportError, match=r"toy-second: .* has a name that toy-first has taken"):
        dict(Registry({}, GROUP, dict))


@pytest.mark.parametrize(
    ("source", "value", "why"),
    [
        ("raise RuntimeError('two\\nlines')", None, "cannot be loaded: two lines;"),
        ("import a_module_that_is_nowhere", None, "No module named 'a_module_that_is_nowhere'"),
        ("IT = {}", "toy_broken:OTHER", "no attribute 'OTHER'"),
        ("IT = {}", "toy_broken:", "cannot be loaded"),
    ],
)
def test_a_broken_plugin_is_named(site, monkeypatch, source, value, why):
    monkeypatch.delitem(sys.modules, "toy_broken", raising=False)
    install(site, "toy-broken", source, value=value)
    with pytest.raises(ExportError, match=why) as raised:
        dict(Registry({}, GROUP, dict))
    said = str(raised.value)
    assert said.startswith("toy-broken: its bertport.tests entry point 'one' (toy_broken:")
    assert said.endswith("; upgrade or uninstall toy-broken")


def test_an_object_of_another_kind_is_refused(site):
    install(site, "toy-kind", "IT = 'text'")
    with pytest.raises(ExportError, match="is str, expected dict; upgrade or uninstall toy-kind"):
        dict(Registry({}, GROUP, dict))
