"""A file or folder appears whole or not at all, whatever the system refuses or lacks."""

import ctypes
import errno
import fcntl
import os

import pytest

from runtimes.errors import ExportError, UsageError
from runtimes.files import atomic_write


@pytest.fixture
def folders(tmp_path):
    """A new folder, the old one in its place, and a hidden one beside them."""
    for name in ("new", "place", "hidden"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    return tmp_path / "new", tmp_path / "place", tmp_path / "hidden"


def failing(code):
    def fail(*_):
        raise OSError(code, os.strerror(code))

    return fail


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        (errno.ENOSPC, ExportError, "could not be written (No space left on device)"),
        (errno.EIO, ExportError, "could not be written"),
        (errno.EROFS, UsageError, "cannot be written (Read-only file system); name another place with -o"),
    ],
)
def test_a_disk_that_refuses_leaves_the_old_file(tmp_path, monkeypatch, code, kind, words):
    atomic_write.write_whole(tmp_path / "file", b"old")
    monkeypatch.setattr(os, "fsync", failing(code))
    with pytest.raises(kind) as error:
        atomic_write.write_whole(tmp_path / "file", b"new")
    assert words in str(error.value)
    assert (tmp_path / "file").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_folder_takes_anothers_place_in_one_step(folders):
    new, place, hidden = folders
    atomic_write.move_in(new, place, hidden)
    assert (place / "file").read_text() == "new"
    assert (new / "file").read_text() == "place"


class NoSwap:
    """A C library without renameat2."""

    def __init__(self, *_, **__):
        pass


def test_where_folders_cannot_be_swapped_two_moves_do_it(folders, monkeypatch):
    new, place, hidden = folders
    monkeypatch.setattr(ctypes, "CDLL", NoSwap)
    atomic_write.move_in(new, place, hidden)
    assert (place / "file").read_text() == "new"
    assert (hidden / atomic_write.OLD / "file").read_text() == "place"
    assert not new.exists()


def test_a_second_move_that_fails_brings_the_old_folder_back(folders, monkeypatch):
    new, place, hidden = folders
    monkeypatch.setattr(ctypes, "CDLL", NoSwap)
    moves = []
    rename = type(place).rename

    def second_fails(path, other):
        moves.append(path)
        return failing(errno.ENOSPC)() if len(moves) == 2 else rename(path, other)

    monkeypatch.setattr(type(place), "rename", second_fails)
    with pytest.raises(OSError, match="No space"):
        atomic_write.move_in(new, place, hidden)
    assert (place / "file").read_text() == "place"


def test_where_nothing_can_be_locked_nothing_is_removed(tmp_path, monkeypatch):
    left = tmp_path / ".file.bertport-x"
    left.mkdir()
    monkeypatch.setattr(fcntl, "flock", failing(errno.ENOLCK))
    atomic_write.write_whole(tmp_path / "file", b"new")
    assert sorted(path.name for path in tmp_path.iterdir()) == [left.name, "file"]
    assert (tmp_path / "file").read_bytes() == b"new"
    monkeypatch.undo()
    atomic_write.write_whole(tmp_path / "file", b"new")
    assert not left.exists()


def test_what_a_link_leads_to_is_not_removed(tmp_path):
    """Hidden beside the place by name, and not ours."""
    (tmp_path / "mine" / atomic_write.OLD).mkdir(parents=True)
    (tmp_path / ".file.bertport-x").symlink_to("mine")
    atomic_write.write_whole(tmp_path / "file", b"new")
    assert (tmp_path / "mine" / atomic_write.OLD).is_dir()
    assert (tmp_path / "file").read_bytes() == b"new"


def test_a_folder_that_was_moved_away_and_not_back_is_not_removed(folders, monkeypatch):
    """The second of two moves fails, and so does the one that would bring the old folder back."""
    new, place, _ = folders
    monkeypatch.setattr(ctypes, "CDLL", NoSwap)
    rename = type(place).rename

    def first_alone(path, other):
        return rename(path, other) if path == place else failing(errno.EIO)()

    monkeypatch.setattr(type(place), "rename", first_alone)
    with pytest.raises(OSError, match="Input/output error"), atomic_write.sibling(place) as beside:
        atomic_write.move_in(new, place, beside)
    assert not place.exists()
    monkeypatch.undo()
    with atomic_write.sibling(place):
        assert (place / "file").read_text() == "place"
    assert sorted(path.name for path in place.parent.iterdir()) == ["hidden", "new", "place"]
