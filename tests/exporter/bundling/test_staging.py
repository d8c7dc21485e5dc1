"""A folder comes whole or not at all, whoever else writes there, and whatever ended whoever wrote there before."""

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from exporter.bundling.staging import staged
from runtimes.bundle.reading import check_files, read_bundle
from runtimes.errors import ExportError
from runtimes.files import atomic_write


def test_what_ends_early_leaves_nothing(tmp_path):
    for error in (KeyboardInterrupt, RuntimeError):
        with pytest.raises(error), staged(tmp_path / "a" / "b" / "c") as staging:
            (staging.directory / "half").write_text("x")
            raise error
        assert not list(tmp_path.iterdir())


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path):
    with pytest.raises(ExportError, match="No space left on device"), staged(tmp_path / "out"):
        raise OSError(28, os.strerror(28))
    assert not list(tmp_path.iterdir())


def test_the_old_bundle_stays_until_the_new_one_is_whole(made, tmp_path, tree):
    before = tree(made)
    with pytest.raises(KeyboardInterrupt), staged(made) as staging:
        (staging.directory / "half").write_text("x")
        raise KeyboardInterrupt
    assert tree(made) == before
    with staged(made) as staging:
        (staging.directory / "new").write_text("x")
        staging.publish()
    assert set(tree(made)) == {"new"}
    assert [path.name for path in tmp_path.iterdir()] == ["made"]


@pytest.fixture(params=[True, False], ids=["one step", "two steps"])
def swaps(request, monkeypatch):
    """Whether the system swaps folders in one step."""
    if not request.param:
        monkeypatch.setattr(atomic_write, "exchange", lambda one, other: False)
    return request.param


def test_the_new_bundle_takes_the_place_of_the_old(made, swaps, tree):
    with staged(made) as staging:
        (staging.directory / "new").write_text("x")
        staging.publish()
    assert set(tree(made)) == {"new"}
    assert [path.name for path in made.parent.iterdir()] == ["made"]


def test_the_old_bundle_comes_back_when_the_move_fails(made, monkeypatch, tree):
    before = tree(made)
    monkeypatch.setattr(atomic_write, "exchange", lambda one, other: False)
    real = Path.rename

    def second_fails(path, target):
        if path.name == "bundle":
            raise OSError(5, os.strerror(5))
        return real(path, target)

    monkeypatch.setattr(Path, "rename", second_fails)
    with pytest.raises(ExportError, match="Input/output error"), staged(made) as staging:
        staging.publish()
    assert tree(made) == before


def test_what_was_killed_between_two_moves_is_put_back(made, tree):
    before = tree(made)
    left = made.parent / ".made.bertport-dead"
    left.mkdir()
    made.rename(left / atomic_write.OLD)
    with pytest.raises(KeyboardInterrupt), staged(made):
        raise KeyboardInterrupt
    assert tree(made) == before
    assert [path.name for path in made.parent.iterdir()] == ["made"]


def test_what_a_living_process_makes_is_left_alone(made, tree):
    with staged(made) as first:
        (first.directory / "half").write_text("x")
        with staged(made) as second:
            assert (first.directory / "half").exists()
            second.publish()
    assert tree(made) == {}


def test_of_two_at_once_the_first_to_finish_wins_and_the_other_says_so(made, tree):
    with pytest.raises(ExportError, match="another process wrote there meanwhile"), staged(made) as slow:
        (slow.directory / "slow").write_text("x")
        with staged(made) as fast:
            (fast.directory / "fast").write_text("x")
            fast.publish()
        slow.publish()
    assert set(tree(made)) == {"fast"}


def test_two_commands_at_once_leave_one_whole_bundle(checkpoint, tmp_path):
    place = tmp_path / "deep" / "out"
    command = [sys.executable, "-m", "exporter", "export", str(checkpoint), "--no-verify", "-o", str(place)]
    both = [subprocess.Popen([*command, "--quantize", scheme], stderr=subprocess.PIPE) for scheme in ("none", "int8")]
    said = [process.communicate()[1].decode() for process in both]
    codes = [process.returncode for process in both]
    assert 0 in codes
    assert all(code == 0 or (code == 3 and "meanwhile" in words) for code, words in zip(codes, said, strict=True))
    check_files(read_bundle(place))
    assert [path.name for path in place.parent.iterdir()] == ["out"]


def test_a_folder_that_cannot_be_locked_is_written_all_the_same(made, monkeypatch, tree):
    """Some file systems have no locks."""

    def fail(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", fail)
    left = made.parent / ".made.bertport-whose"
    left.mkdir()
    with staged(made) as staging:
        staging.publish()
    assert tree(made) == {}
    assert sorted(path.name for path in made.parent.iterdir()) == [left.name, "made"]
