"""`optimum-cli export bertport …` is `bertport export …`, from the wheel and from an editable install."""

import json
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
from importlib.metadata import entry_points
(script,) = entry_points(group="console_scripts", name="optimum-cli")
command = script.load()
"""
"""What its console script runs."""
EXPORT = """
from exporter.cli.main import main
def command():
    return main(["export", *sys.argv[1:]])
"""
CALLS = """
import contextlib, io, json, sys
{command}
found = []
for arguments in json.loads(sys.argv[1]):
    sys.argv[:] = ["optimum-cli", *arguments]
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as said:
        try:
            code = command()
        except SystemExit as end:
            code = end.code
    found.append((code or 0, out.getvalue(), said.getvalue()))
print(json.dumps(found))
"""
"""Several calls in one process, whose imports take seconds."""


GROUPS = ["--no-verify", "--quantize", "int8", "--task", "auto", "--opset", "21", "--keep", "layer.0.*=int8"]
GROUPS += ["--min-count", "1", "--threads", "1", "--quiet"]
"""An option of each group that `bertport export --help` shows."""
LISTED, HELP, WRONG = ["--help"], ["bertport", "--help"], ["bertport", "demo", "--quantize", "int3"]


@pytest.fixture(scope="module", params=["wheel", "editable"])
def packages(request, installed):
    """The folder that ours are imported from; an editable install puts the clone on the path."""
    return installed if request.param == "wheel" else ROOT


def run(packages, program, *arguments, cwd):
    """Without site, whose .pth files would put an editable install on the path as well."""
    libraries = Path(find_spec("optimum.commands.base").origin).parents[2]
    path = os.pathsep.join([str(packages), str(libraries)])
    environment = {**os.environ, "PYTHONPATH": path, "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-S", "-c", program, *arguments]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done


def calls(packages, program, *commands, cwd):
    """Exit code, stdout and stderr of each."""
    done = run(packages, CALLS.replace("{command}", program), json.dumps(commands), cwd=cwd)
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def told(packages, checkpoint, tmp_path_factory):
    """What each says, and the folder of the bundles: theirs and ours."""
    place = tmp_path_factory.mktemp("said")
    options = [*GROUPS, str(checkpoint), "-o"]
    theirs = [["export", *one] for one in (LISTED, HELP, WRONG, ["bertport", *options, "theirs"])]
    listed, help_, wrong, exported = calls(packages, OPTIMUM_CLI, *theirs, cwd=place)
    own_help, own_exported = calls(packages, EXPORT, ["--help"], [*options, "ours"], cwd=place)
    found = {"listed": listed, "help": help_, "wrong": wrong, "exported": exported}
    return found | {"own help": own_help, "own exported": own_exported}, place


def test_an_editable_install_is_the_clone_on_the_path(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    with zipfile.ZipFile(tmp_path / build.build_editable(str(tmp_path))) as wheel:
        (path,) = (name for name in wheel.namelist() if name.endswith(".pth"))
        assert wheel.read(path).decode().split() == [str(ROOT)]


def test_it_is_listed(told):
    code, out, error = told[0]["listed"]
    assert code == 0, error
    assert "bertport" in out.split("positional arguments")[1]


def test_it_exports_as_ours_does(told, tree):
    found, place = told
    for name in ("exported", "own exported"):
        assert found[name][0] == 0, found[name][2]
        assert found[name][2] == ""  # --quiet
    for name in ("theirs", "ours"):
        check_files(read_bundle(place / name))
    assert tree(place / "theirs") == tree(place / "ours")
    assert read_bundle(place / "theirs").manifest.recipe.options["opset"] == 21


def test_help_and_exit_codes_are_ours(told):
    found, _ = told
    assert found["help"][1] == found["own help"][1]
    assert "usage: bertport export" in found["help"][1]
    assert found["wrong"][0] == 2
    assert "it has none, fp16, int8" in found["wrong"][2].splitlines()[-1]


def test_its_console_script_ends_with_our_exit_code(packages, tmp_path):
    """In a process of its own, as a shell starts it."""
    program = f"import sys{OPTIMUM_CLI}sys.argv[0] = 'optimum-cli'\nsys.exit(command())"
    with pytest.raises(AssertionError, match="it has none, fp16, int8"):
        run(packages, program, "export", *WRONG, cwd=tmp_path)


def test_without_its_register_file_there_is_none(installed, tmp_path):
    """The control: what lists it above is the file that the wheel carries."""
    (tmp_path / "exporter").symlink_to(installed / "exporter")
    (tmp_path / "runtimes").symlink_to(installed / "runtimes")
    ((_, out, error),) = calls(tmp_path, OPTIMUM_CLI, ["export", *LISTED], cwd=tmp_path)
    assert "ModuleNotFoundError" not in error
    assert "positional arguments" not in out


def test_no_file_hides_optimums_own():
    assert not [*(ROOT / "optimum").rglob("__init__.py")]
