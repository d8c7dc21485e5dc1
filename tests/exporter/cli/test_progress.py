"""What is said beside the result: bars on a terminal, lines in a pipe, as much of it as was asked for."""

import logging
import os
import signal
import subprocess
import sys
import time

import pytest

from exporter.cli import progress
from exporter.cli.main import COMMANDS, command_parser, main
from exporter.cli.progress import progress_on_stderr
from runtimes.process.progress import track

pty = pytest.importorskip("pty")  # Windows has none

HIDDEN, SHOWN = "\x1b[?25l", "\x1b[?25h"
SLOW = """
import sys, time
from exporter.cli.progress import progress_on_stderr
from runtimes.process.progress import track
import logging
with progress_on_stderr():
    for item in track(range(3), "outer"):
        for _ in track(range(2), "inner"):
            logging.getLogger("exporter.x").info(f"line {item} " + "x" * 90)
    for _ in track(range(2), "afterwards"):
        time.sleep(0.2)
print("the result")
"""


def on_a_terminal(command, stop=None):
    """What a command writes to a stderr that is a terminal, and to a stdout that is a pipe; `stop` interrupts it."""
    ours, theirs = pty.openpty()
    options = {"env": {**os.environ, "COLUMNS": "80", "TERM": "xterm"}, "stdout": subprocess.PIPE, "stderr": theirs}
    child = subprocess.Popen([sys.executable, *command], preexec_fn=_foreground, **options)
    os.close(theirs)
    said = ""
    while part := _read(ours):
        said += part
        if stop and stop in said:
            child.send_signal(signal.SIGINT)
            stop = None
    os.close(ours)
    out = child.communicate(timeout=60)[0].decode()
    return said, out, child.returncode


def _foreground():
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _read(descriptor):
    try:
        return os.read(descriptor, 1 << 16).decode(errors="replace")
    except OSError:  # Linux: the other end was closed
        return ""


def test_a_terminal_gets_bars_below_whole_lines_and_is_left_as_it_was():
    said, out, code = on_a_terminal(["-c", SLOW])
    assert code == 0
    for what in ("outer", "inner", "afterwards"):
        assert f"{what} " in said
    assert "bertport: line 0 " + "x" * 90 in said  # the terminal may wrap it, and who copies it gets it whole
    assert said.rfind(SHOWN) > said.rfind(HIDDEN) >= 0
    assert out == "the result\n"


def test_an_interrupt_leaves_the_terminal_as_it_was(checkpoint, tmp_path):
    command = ["-m", "exporter", str(checkpoint), "--no-cache", "-o", str(tmp_path / "out")]
    said, _, code = on_a_terminal(command, stop="comparing")
    assert code == -signal.SIGINT
    assert said.rfind(SHOWN) > said.rfind(HIDDEN) >= 0
    assert said.rstrip().endswith("nothing was left half-written")


def test_a_pipe_gets_lines_and_no_escapes(capsys):
    with progress_on_stderr():
        for item in track(range(3), "numbers"):
            logging.getLogger("exporter.x").info(f"line {item}")
    assert capsys.readouterr().err == "".join(f"bertport: line {item}\n" for item in range(3))


def test_in_a_pipe_a_long_step_says_now_and_then_how_far_it_is(capsys, monkeypatch):
    monkeypatch.setattr(progress, "_BETWEEN_LINES_S", {False: 0.02, True: 0.0})
    with progress_on_stderr():
        for _ in track(range(3), "numbers"):
            time.sleep(0.03)
    assert capsys.readouterr().err.splitlines() == [f"bertport: numbers: {done} of 3" for done in (1, 2, 3)]


@pytest.fixture
def words(checkpoint, tmp_path, capsys):
    """What an export says with these options: its lines on stderr, and its result."""

    def get(*options):
        assert main(["export", str(checkpoint), "--no-verify", "-o", str(tmp_path / "out"), *options]) == 0
        done = capsys.readouterr()
        return done.err.splitlines(), done.out

    return get


def test_quiet_leaves_the_result(words):
    lines, out = words("--quiet")
    assert lines == []
    assert "not run" in out
    assert words()[0] != []


def test_verbose_says_every_step_and_when(words):
    lines, _ = words("-v")
    assert any(line.endswith("s: bundles: 0 of 1") for line in lines)
    assert any(line.endswith("s: bundles: 1 of 1") for line in lines)
    assert len(lines) > len(words()[0])


def test_warnings_and_failures_are_said_even_quietly(checkpoint, texts_file, tmp_path, capsys):
    asked = ["--texts", str(texts_file), "--quantize", "fp16", "--atol", "1e-12", "-q", "-o", str(tmp_path / "out")]
    assert main(["export", str(checkpoint), *asked]) == 1
    assert "parity failed: max_absolute" in capsys.readouterr().err


def test_both_at_once_are_refused(capsys):
    with pytest.raises(SystemExit):
        main(["doctor", "-q", "-v"])
    assert "not allowed with" in capsys.readouterr().err


def test_every_command_takes_them():
    parsers = next(one for one in command_parser()._actions if hasattr(one, "choices") and one.choices).choices
    for command in COMMANDS:
        assert {"-q", "--quiet", "-v", "--verbose"} <= set(parsers[command]._option_string_actions)
