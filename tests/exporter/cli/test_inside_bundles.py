"""No command writes into a bundle: it holds what its manifest lists, and would verify no more."""

from pathlib import Path

import pytest

from exporter.cli import main as cli
from exporter.cli.main import main
from runtimes.files import atomic_write

CALLS = {
    "export": ["demo"],
    "verify": ["BUNDLE"],
    "bench": ["BUNDLE"],
    "evaluate": ["BUNDLE", "--data", "rows.csv"],
    "tune": ["demo", "--data", "rows.csv", "--max-drop", "1"],
    "check": [],
    "report": ["."],
    "publish": ["BUNDLE", "--repo", "owner/name", "-o", "staged"],
    "app-kit": ["BUNDLE", "--platform", "ios", "-o", "kit"],
}
READ = {"bundle", "bundles", "texts", "data", "config", "directories", "frequency_from", "trim_vocabulary"}
READ |= {"before", "evaluation", "keep_tokens", "finetune_codes", "cache_dir", "labels"}


def places():
    """Every option of every command that names a file or a folder to write."""
    commands = next(one for one in cli.command_parser()._actions if hasattr(one, "choices") and one.choices)
    for name, parser in commands.choices.items():
        found = [one for one in parser._actions if one.type is Path and one.dest not in READ]
        yield from ((name, one.option_strings[-1]) for one in found)


@pytest.mark.parametrize(("command", "option"), [*places()])
@pytest.mark.parametrize("place", ["BUNDLE/new", "BUNDLE/parity.json", "BUNDLE/a/b", "link/new"])
def test_nothing_is_written_into_a_bundle(tmp_path, monkeypatch, command, option, place, capsys):
    """Refused before anything is read: none of what the calls name is there."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "BUNDLE").mkdir()
    (tmp_path / "BUNDLE" / "bertport.json").write_text("{}")
    (tmp_path / "link").symlink_to("BUNDLE")
    assert main([command, *CALLS[command], option, place]) == 2
    error = capsys.readouterr().err
    assert "lies in the bundle" in error
    assert len(error.splitlines()) == 1
    assert [path.name for path in (tmp_path / "BUNDLE").iterdir()] == ["bertport.json"]


def test_beside_a_bundle_is_not_in_it(tmp_path):
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "bertport.json").write_text("{}")
    atomic_write.write_whole(tmp_path / "bundle.json", b"{}")
    assert (tmp_path / "bundle.json").read_bytes() == b"{}"
