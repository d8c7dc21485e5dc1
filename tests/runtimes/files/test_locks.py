"""One at a time, whoever was killed, wherever files can be locked; and nothing is left but what was there."""

import errno
import fcntl
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import filelock  # here: not first while `sys.platform` says another system
import pytest

from runtimes.files import locks
from runtimes.files.atomic_write import sibling

ROOT = Path(__file__).parents[3]
HOLDER = """
import sys
from pathlib import Path
from runtimes.files.locks import locked
with locked(Path(sys.argv[1])) as alone:
    print(alone, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process in a block for the folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout.readline() == "True\n"
    yield process
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()


def free(folder):
    """Whether nobody holds the lock of a folder; leaves it so."""
    handle = locks.lock(folder, wait=False)
    if handle is not None:
        locks.unlock(handle, folder)
    return handle is not None


class Windows:
    """What Windows does otherwise: it opens no folders, and removes no file that anybody has open."""

    def __init__(self, monkeypatch):
        self._turn, self._open, self._unlink = threading.Lock(), os.open, Path.unlink
        monkeypatch.setattr("sys.platform", "win32")
        monkeypatch.setattr(os, "open", self.open)
        monkeypatch.setattr(Path, "unlink", lambda path: self.unlink(path))

    def open(self, path, flags, mode=0o777, **named):
        if "dir_fd" not in named and Path(path).is_dir():  # rmtree goes about it otherwise there
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        with self._turn:
            return self._open(path, flags, mode, **named)

    def unlink(self, path):
        with self._turn:
            if any(os.path.realpath(one) == str(path.resolve()) for one in Path("/proc/self/fd").iterdir()):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            self._unlink(path)


@pytest.fixture(params=["here", "windows"])
def system(request, monkeypatch):
    if request.param == "windows":
        Windows(monkeypatch)
    return request.param


def test_a_living_process_holds_it_and_a_killed_one_does_not(tmp_path, holder):
    assert not free(tmp_path)
    holder.kill()
    holder.wait()
    assert free(tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_next_waits_until_the_block_ends(tmp_path, holder):
    entered = threading.Event()

    def enter():
        with locks.locked(tmp_path) as alone:
            assert alone
            entered.set()

    waiting = threading.Thread(target=enter)
    waiting.start()
    assert not entered.wait(0.2)
    holder.stdin.close()
    assert entered.wait(60)
    waiting.join()
    assert not list(tmp_path.iterdir())


def most_at_once(folder, threads=8, rounds=20):
    """How many were in the block at once, most."""
    inside, most = [], []

    def enter():
        for _ in range(rounds):
            with locks.locked(folder):
                inside.append(None)
                most.append(len(inside))
                time.sleep(0.0005)
                inside.pop()

    running = [threading.Thread(target=enter) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert len(most) == threads * rounds
    return max(most)


def test_of_many_threads_one_is_inside(tmp_path, monkeypatch, system):
    assert most_at_once(tmp_path) == 1
    assert not list(tmp_path.iterdir())
    monkeypatch.setattr(filelock, "lock_descriptor", lambda handle, **_: True)
    assert most_at_once(tmp_path) > 1


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EBADF, errno.EIO])
def test_a_disk_without_locks_is_told_and_nothing_is_left(tmp_path, monkeypatch, system, code):
    def fail(*_):
        raise OSError(code, os.strerror(code))

    before = len(list(Path("/proc/self/fd").iterdir()))
    monkeypatch.setattr(fcntl, "flock", fail)
    with locks.locked(tmp_path) as alone:
        assert not alone
    assert not list(tmp_path.iterdir())
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS, errno.ENOSPC])
def test_a_folder_that_cannot_be_opened_is_told(tmp_path, monkeypatch, code):
    def fail(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "open", fail)
    with locks.locked(tmp_path) as alone:
        assert not alone


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with locks.locked(tmp_path / "pipe") as alone:
        assert not alone


def test_a_link_locks_what_it_leads_to(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    with locks.locked(tmp_path / "link") as alone:
        assert alone
        assert not free(tmp_path / "folder")


def test_windows_locks_a_file_that_goes_with_the_lock(tmp_path, monkeypatch):
    Windows(monkeypatch)
    with locks.locked(tmp_path) as alone:
        assert alone
        assert [path.name for path in tmp_path.iterdir()] == [locks.FILE]
        assert not free(tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == [locks.FILE]
    assert not list(tmp_path.iterdir())


def test_windows_clears_what_a_killed_process_left(tmp_path, monkeypatch):
    Windows(monkeypatch)
    dead = tmp_path / ".file.bertport-x"
    dead.mkdir()
    (dead / locks.FILE).touch()
    with sibling(tmp_path / "file") as living, sibling(tmp_path / "file"):
        assert not dead.exists()
        assert living.exists()
    assert not list(tmp_path.iterdir())
