"""Killed at any file operation, or out of disk at any write: the old state or the new one, and the next run succeeds.

`make test` takes some of the points, spread over all; `make test-all` every one, and keeps the counts when
BERTPORT_CRASH_RECORD names a file.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from runtimes.files.atomic_write import write_whole

ROOT = Path(__file__).parent.parent.parent
SOME = 4
KILL, TORN, DISK_FULL = "kill", "torn", "full"
UNHARMED, REFUSED = 0, 3
ENTRIES = [{"case": "é", "round": number} for number in range(3)]


class Child:
    """The process that forks for every point."""

    def __init__(self):
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("crash_child.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )

    def run(self, wanted, mode="", at=0):
        self._process.stdin.write(json.dumps(wanted | {"mode": mode, "at": at}) + "\n")
        self._process.stdin.flush()
        # before it come lines that tokenizers 0.22 prints for a vocabulary with gaps
        return json.loads(next(line for line in self._process.stdout if line.startswith("{")))

    def close(self):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()


@pytest.fixture(scope="module")
def child():
    found = Child()
    yield found
    found.close()


def tree(place):
    if place.is_file():
        return place.read_bytes()
    return {path.relative_to(place).as_posix(): path.read_bytes() for path in place.rglob("*") if path.is_file()}


def state(folder):
    """Everything below a folder that is not hidden, byte for byte."""
    return {path.name: tree(path) for path in folder.iterdir() if not path.name.startswith(".")}


def hidden(folder):
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def restore(folder, before):
    shutil.rmtree(folder)
    shutil.copytree(before, folder)


def points(total, every):
    return range(1, total + 1) if every else sorted({round(1 + n * (total - 1) / (SOME - 1)) for n in range(SOME)})


def harm(child, wanted, folder, every=False):
    """Every point in every mode, from the state that `folder` is in; the counts by mode and end."""
    kept = folder.with_name(f"{folder.name}-kept")
    shutil.copytree(folder, kept)
    before = state(folder)
    total = child.run(wanted)["count"]
    after, counts = state(folder), {}
    assert after != before
    assert not hidden(folder)
    for mode in (KILL, TORN, DISK_FULL):
        for at in points(total, every):
            restore(folder, kept)
            ended = child.run(wanted, mode, at)["ended"]
            check(child, wanted, folder, (before, after), ended)
            counts[f"{mode}: {ended}"] = counts.get(f"{mode}: {ended}", 0) + 1
    return {"operations": total} | counts


def check(child, wanted, folder, states, ended):
    """The old state or the new one, nothing hidden unless the process was killed, and the next run succeeds."""
    assert ended in ("killed", REFUSED, UNHARMED)
    found = state(folder)
    if wanted["what"] == "journal":  # grows by whole lines; what it holds is checked by going on
        assert found.get("record.json", states[1]["record.json"]) == states[1]["record.json"]
    else:
        assert found in states
    if ended == REFUSED:
        assert not hidden(folder)
    assert child.run(wanted)["ended"] == UNHARMED
    assert state(folder) == states[1]
    assert not hidden(folder)


def scenarios(checkpoint, folder):
    """Name → what is done, to what is there before it."""
    export = {"what": "export", "checkpoint": str(checkpoint), "place": str(folder / "bundle")}
    record = {"what": "record", "versions": {"bertport": "1"}, "place": str(folder / "bertport.baseline.json")}
    journal = {"what": "journal", "entries": ENTRIES, "place": str(folder / "record.partial")}
    onnx, coreml = {"target": "onnx", "scheme": "int8"}, {"target": "coreml", "scheme": "fp16"}
    return {
        "a first export": export | onnx,
        "an export over an older one": export | onnx,
        "a Core ML export over an older one": export | coreml,
        "a first baseline": record,
        "a baseline moved on": record,
        "a bench": journal,
        "a bench gone on with": journal,
    }


def prepare(name, child, wanted, folder):
    """Make what the scenario finds."""
    (folder / "other.txt").write_text("kept")
    if name.endswith("over an older one"):
        child.run(wanted | {"target": "onnx", "scheme": "none"})
    elif name == "a baseline moved on":
        write_whole(Path(wanted["place"]), b'{"old": 1}\n')
    elif name == "a bench gone on with":
        child.run(wanted, KILL, 12)
        assert Path(wanted["place"]).exists()


NAMES = list(scenarios("", Path()))


@pytest.mark.parametrize("name", NAMES)
def test_some_points(name, child, checkpoint, tmp_path):
    harmed(name, child, checkpoint, tmp_path, every=False)


@pytest.mark.slow
def test_every_point(child, checkpoint, tmp_path):
    found = {}
    for name in NAMES:
        (tmp_path / name).mkdir()
        found[name] = harmed(name, child, checkpoint, tmp_path / name, every=True)
    if record := os.environ.get("BERTPORT_CRASH_RECORD"):
        write_whole(Path(record), json.dumps(found, indent=1).encode() + b"\n")


def harmed(name, child, checkpoint, place, every):
    folder = place / "folder"
    folder.mkdir()
    wanted = scenarios(checkpoint, folder)[name]
    prepare(name, child, wanted, folder)
    counts = harm(child, wanted, folder, every)
    assert any("killed" in key for key in counts)
    assert any(str(REFUSED) in key for key in counts)
    return counts
