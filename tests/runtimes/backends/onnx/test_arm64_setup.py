"""What is fetched appears whole or not at all, once; what is missing is named. No network: the tools are pretended."""

from pathlib import Path

import pytest

from runtimes.backends.onnx import arm64_setup
from runtimes.backends.onnx.arm64_setup import main
from runtimes.backends.onnx.processors import arm64_home, wheels_name
from runtimes.errors import RuntimeUnavailable

DEBIAN = {"ID": "debian", "VERSION_CODENAME": "bookworm"}


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """An x86 Debian whose tools leave what the real ones leave; gives the commands that were run."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(arm64_setup.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(arm64_setup.platform, "freedesktop_os_release", lambda: DEBIAN)
    monkeypatch.setattr(arm64_setup.shutil, "which", lambda name, path=None: f"/bin/{name}")
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
        return "ONNX Runtime\n"

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


def test_the_libraries_are_those_of_the_installed_onnxruntime():
    import onnxruntime

    assert wheels_name() == f"onnxruntime-{onnxruntime.__version__}"
