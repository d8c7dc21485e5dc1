"""Entries of the cache: what was written comes back, and nothing else ever does."""

import multiprocessing
import os
import sys
from pathlib import Path

import pytest

from runtimes.files import content_cache as cache

KEY, OTHER = "ab" * 32, "cd" * 32
CONTENT = bytes(range(256)) * 8


@pytest.fixture
def place(nothing_kept):
    cache.write("group", KEY, CONTENT)
    (entry,) = nothing_kept.iterdir()
    return entry


def test_what_was_kept_comes_back(place):
    assert cache.read("group", KEY) == CONTENT
    assert cache.read("group", OTHER) is None
    assert cache.read("other", KEY) is None
    assert (cache.has_any("group"), cache.has_any("grou"), cache.has_any("other")) == (True, False, False)


def test_every_bit_counts(place):
    whole = place.read_bytes()
    for at in [*range(len(whole) - len(CONTENT)), len(whole) - len(CONTENT) // 2, len(whole) - 1]:
        place.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert cache.read("group", KEY) is None, at
    place.write_bytes(whole)
    assert cache.read("group", KEY) == CONTENT


@pytest.mark.parametrize("size", [0, 10, 50, 81, 82, 1000, -1])
def test_what_is_cut_off_is_none(place, size):
    place.write_bytes(place.read_bytes()[:size])
    assert cache.read("group", KEY) is None


def test_what_is_added_is_seen(place):
    place.write_bytes(place.read_bytes() + b"x")
    assert cache.read("group", KEY) is None


def test_another_entry_under_this_name_is_none(place, nothing_kept):
    cache.write("group", OTHER, b"of another key")
    (other,) = set(nothing_kept.iterdir()) - {place}
    other.replace(place)
    assert cache.read("group", KEY) is None
    cache.write("group", KEY, CONTENT)  # which the next one mends
    assert cache.read("group", KEY) == CONTENT


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_a_link_is_none_even_to_what_is_right(place, tmp_path):
    whole = place.rename(tmp_path / "elsewhere")
    place.symlink_to(whole)
    assert cache.read("group", KEY) is None


def test_a_folder_in_the_place_of_an_entry_is_none_and_stops_nothing(place):
    place.unlink()
    place.mkdir()
    assert cache.read("group", KEY) is None
    cache.write("group", KEY, CONTENT)
    assert cache.read("group", KEY) is None


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_pipe_is_not_waited_for(place):
    place.unlink()
    os.mkfifo(place)
    assert cache.read("group", KEY) is None


def test_what_is_too_large_is_neither_written_nor_read(place, monkeypatch):
    monkeypatch.setattr(cache, "MAX_ENTRY_BYTES", place.stat().st_size - 1)
    assert cache.read("group", KEY) is None
    cache.write("group", OTHER, CONTENT)
    monkeypatch.undo()
    assert not place.with_name(place.name.replace(KEY[:32], OTHER[:32])).exists()


@pytest.mark.parametrize("named", ["file", "file/below", ""])
def test_a_folder_that_cannot_be_one_is_no_failure(monkeypatch, tmp_path, named):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BERTPORT_CACHE", str(tmp_path / named) if named else "")
    cache.write("group", KEY, CONTENT)
    assert cache.read("group", KEY) is None
    assert not cache.has_any("group")


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="no users here")
def test_a_folder_that_others_may_write_to_is_not_believed(place, nothing_kept):
    nothing_kept.chmod(0o777)
    assert cache.read("group", KEY) is None
    place.unlink()
    cache.write("group", KEY, CONTENT)
    assert not place.exists()
    nothing_kept.chmod(0o755)
    cache.write("group", KEY, CONTENT)
    assert cache.read("group", KEY) == CONTENT


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="no users here")
def test_nor_is_another_users(place, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert cache.read("group", KEY) is None


def test_the_folder_is_made_for_this_user_alone(place, nothing_kept):
    if os.name == "posix":
        assert nothing_kept.stat().st_mode & 0o777 == 0o700


def test_a_disk_that_refuses_is_no_failure(monkeypatch, nothing_kept):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    cache.write("group", KEY, CONTENT)
    monkeypatch.undo()
    assert cache.read("group", KEY) is None


def test_the_oldest_go_first(nothing_kept, monkeypatch):
    keys = [f"{number:02x}" * 32 for number in range(6)]
    for age, key in enumerate(keys[:5]):
        cache.write("group", key, CONTENT)
        os.utime(nothing_kept / f"group-{key[:32]}.entry", (age, age))
    (nothing_kept / "somebody else's").write_bytes(CONTENT * 9)
    monkeypatch.setattr(cache, "MAX_BYTES", 3 * (len(CONTENT) + 100))
    cache.write("group", keys[5], CONTENT)
    assert [cache.read("group", key) == CONTENT for key in keys] == [False, False, False, True, True, True]
    assert (nothing_kept / "somebody else's").exists()


def test_nothing_stays_where_not_one_may(nothing_kept, monkeypatch):
    monkeypatch.setattr(cache, "MAX_BYTES", 10)
    cache.write("group", KEY, CONTENT)
    assert list(nothing_kept.iterdir()) == []


def test_what_a_killed_process_left_goes_after_a_day(place, nothing_kept):
    old, new = nothing_kept / ".x.bertport-old", nothing_kept / ".x.bertport-new"
    for folder in (old, new):
        folder.mkdir()
        (folder / "new").write_bytes(b"half")
    os.utime(old, (1, 1))
    cache.write("group", OTHER, CONTENT)
    assert (old.exists(), new.exists()) == (False, True)


def _write_often(place: str, letter: int) -> None:
    os.environ["BERTPORT_CACHE"] = place
    for number in range(30):
        cache.write("group", KEY, CONTENT)
        cache.write("group", f"{letter:02x}{number:02x}" * 16, CONTENT)
        found = cache.read("group", KEY)
        assert found in (None, CONTENT)


def test_two_that_write_at_once_leave_whole_entries(nothing_kept):
    context = multiprocessing.get_context("spawn")
    both = [context.Process(target=_write_often, args=(str(nothing_kept), letter)) for letter in (1, 2)]
    for one in both:
        one.start()
    for one in both:
        one.join(60)
    assert [one.exitcode for one in both] == [0, 0]
    assert cache.read("group", KEY) == CONTENT
    names = [path.name for path in nothing_kept.iterdir()]
    assert len(names) == 61
    assert all(name.endswith(".entry") for name in names)


def test_without_a_name_it_lies_in_the_users_cache(monkeypatch):
    monkeypatch.delenv("BERTPORT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    found = cache.home()
    assert found is not None
    assert found.name == "answers"
    if sys.platform == "linux":
        assert found == Path("/somewhere/bertport/answers")
