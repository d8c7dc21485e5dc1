"""What is fetched appears whole or not at all, once; what is missing is named. No network: the tools are pretended."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from runtimes.backends.emulation import arm64_setup
from runtimes.backends.emulation.arm64_setup import main
from runtimes.backends.emulation.processors import arm64_home, wheels_name
from runtimes.backends.onnx.backend import BACKEND
from runtimes.backends.onnx.backend import EMULATED as ONNX
from runtimes.errors import RuntimeUnavailable

ABSENT = replace(ONNX, name="Absent Runtime", package="no-such-runtime")
DEBIAN = {"ID": "debian", "VERSION_CODENAME": "bookworm"}


def backend(name, runtime):
    return replace(BACKEND, name=name, emulated=runtime)


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """An x86 Debian whose tools leave what the real ones leave; gives the commands that were run."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(arm64_setup.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(arm64_setup.platform, "freedesktop_os_release", lambda: DEBIAN)
    monkeypatch.setattr(arm64_setup.shutil, "which", lambda name, path=None: f"/bin/{name}")
    monkeypatch.setattr(arm64_setup, "BACKENDS", {"onnx": backend("onnx", ONNX), "other": backend("other", None)})
    commands = []

    def run(command, environment=None):
        commands.append(command)
        if "--download-only" in command:
            archives = Path(command[-1]) / "var" / "cache" / "apt" / "archives"
            archives.mkdir(parents=True)
            for name in ("libc6_1_arm64.deb", "python3.11-minimal_3_arm64.deb", "bash_5_arm64.deb"):
                (archives / name).touch()
        if command[0] == "dpkg" and "python3.11" in command[2]:
            python = Path(command[3]) / "usr" / "bin" / "python3.11"
            python.parent.mkdir(parents=True)
            python.touch()
        return "on aarch64\n"

    monkeypatch.setattr(arm64_setup, "_run", run)
    return commands


def test_the_cache_is_the_users(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for given, cache in ((str(tmp_path / "cache"), tmp_path / "cache"), ("", tmp_path / "home" / ".cache")):
        monkeypatch.setenv("XDG_CACHE_HOME", given)
        assert arm64_home() == cache / "bertport" / "arm64"


def test_it_fetches_once(machine, capsys):
    assert main() == 0
    first = [command[0] for command in machine]
    assert first.count("dpkg") == 2  # not bash
    pip = next(command for command in machine if "pip" in command)
    assert "--python-version=3.11" in pip
    assert (arm64_home() / "sysroot" / "lib").readlink() == Path("usr/lib")
    assert "asimddp" in (arm64_home() / "sysroot" / "proc" / "cpuinfo").read_text()
    assert main() == 0
    assert len(machine) == len(first) + 1  # the try alone


def test_what_fails_half_way_leaves_nothing(machine, monkeypatch, capsys):
    def fail(command, environment=None):
        raise RuntimeUnavailable(f"{command[0]} ended with 1: no network")

    monkeypatch.setattr(arm64_setup, "_run", fail)
    assert main() == 4
    assert "no network" in capsys.readouterr().err
    assert not list(arm64_home().iterdir())


def test_a_failing_tool_is_one_line_with_its_last_word():
    with pytest.raises(RuntimeUnavailable, match=r"^sh ended with 3: why$"):
        arm64_setup._run(["sh", "-c", "echo how >&2; echo why >&2; exit 3"])


def test_without_debootstrap_it_says_what_to_install(machine, monkeypatch, capsys):
    monkeypatch.setattr(arm64_setup.shutil, "which", lambda name, path=None: None)
    monkeypatch.setattr(arm64_setup.os, "geteuid", lambda: 1000)
    assert main() == 4
    assert "apt-get install debootstrap dpkg fakeroot" in capsys.readouterr().err


def test_without_root_debootstrap_runs_under_fakeroot(machine, monkeypatch):
    monkeypatch.setattr(arm64_setup.os, "geteuid", lambda: 1000)
    assert main() == 0
    assert machine[0][0] == "fakeroot"


def test_another_system_is_refused(machine, monkeypatch, capsys):
    monkeypatch.setattr(arm64_setup.platform, "freedesktop_os_release", lambda: {"PRETTY_NAME": "Fedora"})
    assert main() == 4
    assert "needs Debian or Ubuntu, found Fedora" in capsys.readouterr().err


def test_on_an_arm_machine_there_is_nothing_to_fetch(machine, monkeypatch):
    monkeypatch.setattr(arm64_setup.platform, "machine", lambda: "aarch64")
    assert main() == 0
    assert not machine


def pip_of(commands):
    return [command for command in commands if "pip" in command]


def test_each_runtime_that_is_installed_is_fetched_in_its_version_here(machine, monkeypatch, capsys):
    """One that is not is left out; one that two backends share is fetched once."""
    numpy = replace(ONNX, name="Another", package="numpy")
    everyone = [ONNX, ABSENT, numpy, replace(numpy, child="plugin")]
    monkeypatch.setattr(arm64_setup, "BACKENDS", {str(n): backend(str(n), one) for n, one in enumerate(everyone)})
    assert main() == 0
    wanted = [f"onnxruntime=={onnxruntime.__version__}", f"numpy=={np.__version__}"]
    assert [next(word for word in command if "==" in word) for command in pip_of(machine)] == wanted
    assert f"Another {np.__version__} on aarch64" in capsys.readouterr().out


def test_a_runtime_that_is_installed_later_is_fetched_then(machine, monkeypatch):
    assert main() == 0
    numpy = replace(ONNX, name="Another", package="numpy")
    monkeypatch.setitem(arm64_setup.BACKENDS, "other", backend("other", numpy))
    assert main() == 0
    assert len(pip_of(machine)) == 2
    assert (arm64_home() / wheels_name(numpy)).is_dir()


def test_the_libraries_are_those_of_the_installed_onnxruntime():
    assert wheels_name(ONNX) == f"onnxruntime-{onnxruntime.__version__}"
