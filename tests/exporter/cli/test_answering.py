"""--threads and --no-cache on every command that compares: what is wrong is one line, and what is right is heard."""

import subprocess
import sys

import pytest

import exporter
from exporter.cli import main as cli
from exporter.cli.main import main
from exporter.gate.config import read_config
from exporter.gate.run import check_all
from exporter.verification.check import Answering
from exporter.verification.reference.session import PyTorchSession
from runtimes.errors import UsageError
from runtimes.process import threads

COMMANDS = {
    "export": ["export", "demo"],
    "verify": ["verify", "no-bundle"],
    "verify --against": ["verify", "no-file.onnx", "--against", "demo"],
    "check": ["check"],
    "evaluate": ["evaluate", "no-bundle", "--data", "no.csv"],
    "tune": ["tune", "demo", "--data", "no.csv"],
}
WRONG = {
    "0": "expected 1 or more",
    "-1": "expected 1 or more",
    "many": "expected a number of threads",
    "5": "this process may use 4 cores; pass 4 or less",
}


@pytest.fixture
def four_cores(monkeypatch):
    monkeypatch.setattr(threads, "usable_cores", lambda: 4)


@pytest.fixture
def told(monkeypatch):
    """The threads that PyTorch's models are told of."""
    found = []
    by_itself = PyTorchSession.told
    monkeypatch.setattr(PyTorchSession, "told", lambda self: (found.append(self.threads), by_itself(self))[1])
    return found


@pytest.mark.parametrize("number", WRONG)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_number_that_cannot_be_had_is_one_line(four_cores, capsys, tmp_path, monkeypatch, command, number):
    monkeypatch.chdir(tmp_path)
    assert main([*COMMANDS[command], f"--threads={number}"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"bertport: --threads {number}: ")
    assert WRONG[number] in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [0, 5])
def test_python_is_held_to_the_same(four_cores, number, checkpoint, tmp_path):
    with pytest.raises(UsageError, match=f"--threads {number}: "):
        exporter.export(checkpoint, output=tmp_path / "out", threads=number)
    assert not (tmp_path / "out").exists()


def test_a_project_may_say_it_and_the_command_line_over_it(four_cores, told, nothing_kept, checkpoint, tmp_path):
    path = tmp_path / "bertport.toml"
    path.write_text(f'[[export]]\nmodel = "{checkpoint.as_posix()}"\nthreads = 2\n')
    config = read_config(path)
    check_all(config, tmp_path / "a")
    assert set(told) == {2}
    told.clear()
    check_all(config, tmp_path / "b", Answering(threads=3))
    assert set(told) == {3}
    path.write_text(f'[[export]]\nmodel = "{checkpoint.as_posix()}"\nthreads = 0\n')
    with pytest.raises(UsageError, match="--threads 0: expected 1 or more"):
        read_config(path)


@pytest.mark.parametrize("number", ["1", "3"])
def test_what_is_asked_for_is_what_computes(four_cores, told, nothing_kept, checkpoint, tmp_path, number):
    words = ["export", str(checkpoint), "-o", str(tmp_path / "out"), "--threads", number]
    assert main(words) == 0
    assert set(told) == {int(number)}


def test_by_default_the_size_decides(told, nothing_kept, checkpoint, tmp_path):
    exporter.export(checkpoint, output=tmp_path / "out", cache=False)
    assert set(told) == {1}
    assert not nothing_kept.exists()


PROGRAM = "import sys; from exporter.cli.main import main; main(['inspect', 'x']); print(*sys.modules, sep='\\n')"


def test_a_command_imports_no_other(tmp_path):
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, cwd=tmp_path)
    mine = {name for name in done.stdout.splitlines() if name.startswith("exporter.cli.")}
    assert "exporter.cli.inspect" in mine
    assert mine.isdisjoint({"exporter.cli.export", "exporter.cli.tune", "exporter.cli.app_kit"})


def test_every_command_is_found_by_its_name():
    for name, command in cli.COMMANDS.items():
        assert command.module.__name__ == f"exporter.cli.{name.replace('-', '_')}"
    with pytest.raises(KeyError):
        cli.COMMANDS["parities"]
