"""stdout and stderr closed, full, or in an encoding that lacks what is printed: one line, or none, and an exit code."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from exporter.cli.main import main
from exporter.cli.process import output
from exporter.cli.process.output import OutputError
from runtimes.files import atomic_write

ROOT = Path(__file__).parents[4]
CALLS = {"help": ["--help"], "a result": ["inspect"], "JSON": ["inspect", "--json"]}


@pytest.fixture(scope="module")
def bundle(checkpoint, tmp_path_factory):
    place = tmp_path_factory.mktemp("bundle") / "made"
    assert main(["export", str(checkpoint), "--no-verify", "-o", str(place)]) == 0
    return place


@pytest.fixture(params=["", "1"], ids=["buffered", "unbuffered"])
def buffering(request, monkeypatch):
    monkeypatch.setenv("PYTHONUNBUFFERED", request.param)


def command(call, bundle):
    return [sys.executable, "-m", "exporter", *call, *([str(bundle)] if "inspect" in call else [])]


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.usefixtures("buffering")
def test_a_reader_that_has_enough_ends_the_command_without_a_word(bundle, call):
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(command(call, bundle), stdout=write, stderr=subprocess.PIPE, cwd=ROOT, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (output.CLOSED, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux's full disk")
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.usefixtures("buffering")
def test_a_full_disk_behind_stdout_is_one_line(bundle, call):
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command(call, bundle), stdout=full, stderr=subprocess.PIPE, cwd=ROOT, check=False)
    assert done.returncode == OutputError.exit_code
    assert done.stderr == b"bertport: stdout: could not be written (No space left on device); send it elsewhere\n"


@pytest.mark.parametrize("closed", ["1>&-", "2>&-", "1>&- 2>&-", "0<&-"])
def test_closed_streams_change_nothing_else(checkpoint, tmp_path, closed):
    """With stderr closed, progress must not come out among the results."""
    line = f'"$@" {closed}'
    call = [sys.executable, "-m", "exporter", "export", str(checkpoint), "--no-verify", "-o", str(tmp_path / "out")]
    done = subprocess.run(["sh", "-c", line, "sh", *call], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "bertport.json").is_file()
    assert "writing" not in done.stdout
    assert ("writing" in done.stderr) == ("2>" not in closed)


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
def test_a_name_that_the_terminal_cannot_show_is_escaped(tmp_path, encoding):
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    call = [sys.executable, "-m", "exporter", "inspect", str(tmp_path / "модель")]
    done = subprocess.run(call, capture_output=True, cwd=ROOT, check=False, env=environment)
    assert done.returncode == 2
    shown = "модель" if encoding == "utf-8" else r"\u043c\u043e\u0434\u0435\u043b\u044c"
    assert shown in done.stderr.decode(encoding)


def test_another_pipe_that_breaks_is_no_closed_stdout(capsys):
    with pytest.raises(BrokenPipeError), output.watched_output():
        raise BrokenPipeError


ODD = ["with space", "ünïcode 模型", "back\\slash", "quote'n\"", "[red]markup[/red]", ":smile:", "%s {0}"]


@pytest.mark.parametrize("place", ODD)
def test_odd_names_of_folders(checkpoint, tmp_path, place, capsys):
    """Shown as they are, whatever a shell, a terminal or our own tables would make of them."""
    assert main(["export", str(checkpoint), "--no-verify", "-o", str(tmp_path / place / place)]) == 0
    shown = "".join(character for character in capsys.readouterr().out if character not in "│\n ")
    assert f"/{place}/{place}".replace(" ", "") in shown
    assert main(["inspect", str(tmp_path / place / place)]) == 0


NOT_UTF_8 = "b\udcffd"
"""What Python makes of a name whose bytes are no UTF-8."""


@pytest.mark.skipif(os.name != "posix", reason="names of Windows are Unicode")
def test_names_that_are_no_unicode(bundle, checkpoint, tmp_path, capsys):
    """Of folders they are refused: tokenizers and ONNX Runtime cannot open what is in them. Of rows they are told."""
    model, rows = tmp_path / NOT_UTF_8, tmp_path / f"{NOT_UTF_8}.csv"
    shutil.copytree(checkpoint, model)
    for refused in (["export", str(model), "-o", str(tmp_path / "out")], ["export", str(checkpoint), "-o", str(model)]):
        assert main(refused) == 2
        assert "b\\udcffd: expected a name in UTF-8" in capsys.readouterr().err
    rows.write_text("text,label\nthe cat runs,LABEL_0\na dog falls,LABEL_1\n", encoding="utf-8")
    arguments = ["evaluate", str(bundle), "--checkpoint", str(checkpoint), "--data", str(rows)]
    assert main([*arguments, "-o", str(tmp_path / "record.json")]) == 0
    assert main(["report", str(tmp_path), "-o", str(tmp_path / "page")]) == 0


def test_a_device_is_written_to_and_not_replaced(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE)
    atomic_write.write_whole(pipe, b"content")
    assert reader.communicate(timeout=60)[0] == b"content"
    assert stat.S_ISFIFO(pipe.stat().st_mode)


MISTAKES = {
    "a name too long for a disk": (["export", "MODEL", "--no-verify", "-o", "x" * 300], "File name too long"),
    "no number as a budget": (["export", "MODEL", "--no-verify", "--atol", "nan"], "--max-absolute nan: expected"),
    "a budget below nothing": (["verify", "BUNDLE", "--max-relative", "-1"], "--max-relative -1.0: expected a number"),
    "no number of points": (["evaluate", "BUNDLE", "--data", "x.csv", "--max-drop", "nan"], "--max-drop nan: expected"),
    "a page inside a bundle": (["report", "BUNDLE", "-o", "BUNDLE/page"], "lies in the bundle"),
    "a page in the place of a bundle": (["report", "BUNDLE", "-o", "BUNDLE"], "lies in the bundle"),
}


@pytest.mark.parametrize(("arguments", "words"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line_and_changes_nothing(bundle, checkpoint, tmp_path, monkeypatch, arguments, words, capsys):
    monkeypatch.chdir(tmp_path)
    given = [one.replace("BUNDLE", str(bundle)).replace("MODEL", str(checkpoint)) for one in arguments]
    before = sorted(bundle.rglob("*"))
    assert main(given) == 2
    error = capsys.readouterr().err
    assert words in error
    assert len(error.splitlines()) == 1
    assert sorted(bundle.rglob("*")) == before


PRINTS = """
import os, sys
from exporter.cli.process.output import watched_output

with watched_output():
    os.write(1, b"a native library's word\\n")
    print('{"result": 1}')
os.write(1, b"afterwards\\n")
"""


def test_what_a_native_library_prints_is_no_result():
    done = subprocess.run([sys.executable, "-c", PRINTS], capture_output=True, cwd=ROOT, check=True)
    assert done.stdout.splitlines() == [b'{"result": 1}', b"afterwards"]
    assert done.stderr == b"a native library's word\n"


def test_with_stderr_closed_it_is_not_among_the_results_either():
    done = subprocess.run(
        ["sh", "-c", '"$@" 2>&-', "sh", sys.executable, "-c", PRINTS], stdout=subprocess.PIPE, cwd=ROOT, check=True
    )
    assert done.stdout.splitlines() == [b'{"result": 1}', b"afterwards"]
