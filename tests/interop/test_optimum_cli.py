"""`optimum-cli export bertport …` is `bertport export …`, from the wheel and from an editable install."""

import os
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest
from hatchling import build

from runtimes.bundle.reading import check_files, read_bundle

ROOT = Path(__file__).parents[2]
OPTIMUM_CLI = """
import sys
from importlib.metadata import entry_points
(script,) = entry_points(group="console_scripts", name="optimum-cli")
sys.argv[0] = "optimum-cli"
sys.exit(script.load()())
"""
"""What its console script runs."""
EXPORT = """
import sys
from exporter.cli.main import main
sys.exit(main(["export", *sys.argv[1:]]))
"""


@pytest.fixture(params=["wheel", "editable"])
def packages(request, installed):
    """The folder that ours are imported from; an editable install puts the clone on the path."""
    return installed if request.param == "wheel" else ROOT


def run(packages, program, *arguments, cwd):
    """Without site, whose .pth files would put an editable install on the path as well."""
    libraries = Path(find_spec("optimum.commands.base").origin).parents[2]
    path = os.pathsep.join([str(packages), str(libraries)])
    environment = {**os.environ, "PYTHONPATH": path, "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-S", "-c", program, *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def test_an_editable_install_is_the_clone_on_the_path(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    with zipfile.ZipFile(tmp_path / build.build_editable(str(tmp_path))) as wheel:
        (path,) = (name for name in wheel.namelist() if name.endswith(".pth"))
        assert wheel.read(path).decode().split() == [str(ROOT)]


def test_it_is_listed(packages, tmp_path):
    done = run(packages, OPTIMUM_CLI, "export", "--help", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "bertport" in done.stdout.split("positional arguments")[1]


def test_it_exports_as_ours_does(packages, checkpoint, tmp_path, tree):
    options = ["--no-verify", "--quantize", "int8", str(checkpoint), "-o"]
    for program, place in ((OPTIMUM_CLI, "theirs"), (EXPORT, "ours")):
        lead = ["export", "bertport"] if program == OPTIMUM_CLI else []
        done = run(packages, program, *lead, *options, place, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        check_files(read_bundle(tmp_path / place))
    assert tree(tmp_path / "theirs") == tree(tmp_path / "ours")


def test_help_and_exit_codes_are_ours(packages, tmp_path):
    done = run(packages, OPTIMUM_CLI, "export", "bertport", "--help", cwd=tmp_path)
    assert done.stdout == run(packages, EXPORT, "--help", cwd=tmp_path).stdout
    assert "usage: bertport export" in done.stdout
    done = run(packages, OPTIMUM_CLI, "export", "bertport", "demo", "--quantize", "int3", cwd=tmp_path)
    assert done.returncode == 2
    assert "it has none, fp16, int8" in done.stderr.splitlines()[-1]


def test_without_its_register_file_there_is_none(installed, tmp_path):
    """The control: what lists it above is the file that the wheel carries."""
    (tmp_path / "exporter").symlink_to(installed / "exporter")
    (tmp_path / "runtimes").symlink_to(installed / "runtimes")
    done = run(tmp_path, OPTIMUM_CLI, "export", "--help", cwd=tmp_path)
    assert "ModuleNotFoundError" not in done.stderr
    assert "positional arguments" not in done.stdout


def test_no_file_hides_optimums_own():
    assert not [*(ROOT / "optimum").rglob("__init__.py")]
