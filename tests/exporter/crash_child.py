"""A process that ends itself, or whose disk fills up, at a chosen file operation; run by test_crash.py.

    python tests/exporter/crash_child.py      a request a line on stdin, an answer a line on stdout

It imports what it needs once and forks for every point, so that a point costs what its scenario costs. Every operation
that changes a disk goes through the counter: names in `os`, files opened to be written, the swap of two folders.
"""

import builtins
import errno
import io
import json
import os
import signal
import sys
import traceback
from pathlib import Path
from tempfile import TemporaryDirectory

from exporter.options.request import Request
from exporter.pipeline import export
from runtimes.errors import BertportError
from runtimes.files import atomic_write
from runtimes.records.baseline import BaselineRecord
from runtimes.records.writing import Journal, write_record

CHANGING = (
    *("mkdir", "rmdir", "rename", "replace", "unlink", "remove", "link", "symlink", "chmod", "fsync", "write"),
    *("truncate", "ftruncate", "utime", "sendfile", "copy_file_range", "posix_fallocate"),
)
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
KILL, TORN, DISK_FULL = "kill", "torn", "full"
UNHARMED, REFUSED, CRASHED = 0, 3, 70


class Counter:
    """Counts operations; at number `at` the process dies before it, in it, or the disk is full from then on."""

    def __init__(self, mode, at):
        self.mode, self.at, self.count, self.inside = mode, at, 0, False

    def reached(self, grows):
        """Called before every operation; `grows` are those that need room."""
        self.count += 1
        if self.mode == DISK_FULL and self.count >= self.at and grows:
            raise FULL
        if self.mode == KILL and self.count == self.at:
            os.kill(os.getpid(), signal.SIGKILL)


class CountingFile(io.FileIO):
    """A file whose writes are counted; torn, the last one writes half."""

    counter: Counter

    def write(self, data):
        counter = self.counter
        counter.reached(True)
        if counter.mode == TORN and counter.count == counter.at:
            super().write(bytes(data)[: len(data) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        return super().write(data)


def install(counter):
    """Put the counter before everything that changes the disk in this process."""
    CountingFile.counter = counter
    for name in CHANGING:
        real = getattr(os, name)
        setattr(os, name, counted(counter, real, name in ("mkdir", "write", "link", "symlink", "sendfile")))
    real_open, real_os_open, real_exchange = io.open, os.open, atomic_write.exchange

    def opening(file, mode="r", buffering=-1, encoding=None, errors=None, newline=None, closefd=True, opener=None):
        if isinstance(file, int) or not set(mode) & set("wax+"):
            return real_open(file, mode, buffering, encoding, errors, newline, closefd, opener)
        counter.reached(True)
        if "+" in mode:
            return real_open(file, mode, buffering, encoding, errors, newline, closefd, opener)
        raw = CountingFile(file, mode.replace("b", "").replace("t", ""))
        buffered = io.BufferedWriter(raw)
        return buffered if "b" in mode else io.TextIOWrapper(buffered, encoding, errors, newline)

    def os_opening(path, flags, *arguments, **named):
        if flags & WRITING:
            counter.reached(True)
        return real_os_open(path, flags, *arguments, **named)

    builtins.open = io.open = opening
    os.open = os_opening
    atomic_write.exchange = counted(counter, real_exchange, False)


def counted(counter, real, grows):
    def operation(*arguments, **named):
        counter.reached(grows)
        return real(*arguments, **named)

    return operation


def scenario(wanted):
    """What is done under the counter: a function."""
    place = Path(wanted["place"])
    match wanted["what"]:
        case "export":
            schemes, targets = (wanted["scheme"],), (wanted["target"],)
            request = Request(wanted["checkpoint"], targets, schemes, place, verify=False)
            return lambda: export(request)
        case "record":
            return lambda: write_record(place, BaselineRecord(versions=wanted["versions"], bundles={}))
        case "journal":
            return lambda: go_on(place, wanted["entries"])
    raise AssertionError(wanted)


def go_on(path, entries):
    """A bench in small: go on with the journal, then the whole record, then the journal goes."""
    journal = Journal.open(path, {"kind": "bench"}, lambda entry: True)
    for entry in entries[len(journal.entries) :]:
        journal.append(entry)
    write_record(path.with_suffix(".json"), BaselineRecord(versions={}, bundles=dict(enumerate(journal.entries))))
    journal.remove()


def run(action, mode, at):
    """Fork and act; return how it ended and how many operations there were (None where it died)."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        say = os.write
        counter, code = Counter(mode, at), CRASHED
        install(counter)
        try:
            action()
            code = UNHARMED
        except BertportError:
            code = REFUSED
        except BaseException:
            traceback.print_exc()
        say(writing, str(counter.count).encode())
        os._exit(code)
    os.close(writing)
    count = os.read(reading, 20)
    os.close(reading)
    status = os.waitpid(child, 0)[1]
    return ("killed" if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)), int(count) if count else None


def warm(wanted, known):
    """Import what a target needs, once for all the forks."""
    if wanted["what"] == "export" and wanted["target"] not in known:
        known.add(wanted["target"])
        with TemporaryDirectory() as folder:
            scenario(wanted | {"place": f"{folder}/warm"})()


def main():
    """A request a line: do the scenario so, then say how it ended."""
    known = set()
    for line in sys.stdin:
        wanted = json.loads(line)
        warm(wanted, known)
        ended, count = run(scenario(wanted), wanted["mode"], wanted["at"])
        print(json.dumps({"ended": ended, "count": count}), flush=True)


if __name__ == "__main__":
    main()
