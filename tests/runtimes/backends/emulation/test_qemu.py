"""The first emulator that is new enough is taken; where none is, one line says what is missing and what has it."""

import pytest

from runtimes.backends.emulation.qemu import find_qemu
from runtimes.errors import RuntimeUnavailable


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A PATH with these emulators alone, by name → what --version prints."""

    def make(**versions):
        for name, said in versions.items():
            path = tmp_path / name.replace("_", "-")
            path.write_text(f"#!/bin/sh\necho '{said}'\n")
            path.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        return tmp_path

    return make


OLD, NEW = "qemu-arch version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)", "qemu-arch version 10.0.13"


def test_a_static_one_comes_first(installed):
    folder = installed(qemu_arch_static=OLD, qemu_arch=NEW)
    assert find_qemu("arch", "x") == str(folder / "qemu-arch-static")


def test_a_new_one_comes_before_a_static_one_that_is_too_old(installed):
    folder = installed(qemu_arch_static=OLD, qemu_arch=NEW)
    assert find_qemu("arch", "x", (10, 0)) == str(folder / "qemu-arch")


@pytest.mark.parametrize(("said", "found"), [(OLD, r"7\.2"), ("qemu-arch version 9.2.4", r"9\.2"), ("hello", r"0\.0")])
def test_one_that_is_too_old_is_named_with_what_has_a_newer_one(installed, said, found):
    installed(qemu_arch=said)
    with pytest.raises(RuntimeUnavailable, match=rf"^x: needs qemu 10\.0 or newer, found {found}, .*Debian 13"):
        find_qemu("arch", "x", (10, 0))


def test_none_at_all_is_told_with_its_package(installed):
    installed()
    with pytest.raises(RuntimeUnavailable, match=r"^x: no qemu-arch here; .*qemu-user-static"):
        find_qemu("arch", "x", (10, 0))
