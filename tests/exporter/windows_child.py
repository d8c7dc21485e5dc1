"""What Windows lacks is taken away from this process; then the command line runs, and every module is imported.

python windows_child.py CHECKPOINT FOLDER
"""

import importlib
import os
import pkgutil
import signal
import sys
from pathlib import Path

MODULES = ("fcntl", "grp", "pty", "pwd", "resource", "syslog", "termios", "tty")
OF_OS = (
    *("O_CLOEXEC", "O_DIRECTORY", "O_NOFOLLOW", "O_NONBLOCK", "chroot", "fork", "forkpty", "geteuid", "getpgid"),
    *("getuid", "killpg", "mkfifo", "sched_getaffinity", "sched_setaffinity", "setsid", "wait3", "wait4"),
)
APPLES = (
    *("exporter.targets.coreai.program.building_child", "exporter.targets.coreai.program.listing"),
    *("runtimes.backends.coreai.child", "runtimes.backends.coreai.session"),
)
"""What runs in processes of Apple's package, which has no wheel for Windows."""
TORCHS = ("runtimes.backends.pytorch.own_models",)
"""A class of torch's: importing that takes SIGKILL for granted on all systems but Windows itself, and this is none."""
OF_SIGNAL = ("SIGALRM", "SIGHUP", "SIGKILL", "SIGPIPE", "SIGUSR1", "alarm", "setitimer")


def take_away() -> None:
    sys.modules.update(dict.fromkeys(MODULES))  # importing one is an ImportError now
    for module, names in ((os, OF_OS), (signal, OF_SIGNAL)):
        for name in names:
            if hasattr(module, name):
                delattr(module, name)


def helped(main, *arguments: str) -> None:
    try:
        main([*arguments, "--help"])
    except SystemExit as end:
        if end.code != 0:
            raise AssertionError(arguments) from end


def _prefix(package) -> str:
    return f"{package.__name__}."


def every_module() -> list[str]:
    import exporter
    import runtimes

    packages = (exporter, runtimes)
    found = [one.name for package in packages for one in pkgutil.walk_packages(package.__path__, _prefix(package))]
    assert set(APPLES) <= {*found}
    return [name for name in found if not name.endswith("__main__") and name not in (*APPLES, *TORCHS)]


def main() -> None:
    checkpoint, folder = map(Path, sys.argv[1:])
    take_away()
    from exporter.cli import main as cli

    helped(cli.main)
    for command in cli.COMMANDS:
        helped(cli.main, command)
    for target in ("onnx", "coreml"):
        place = folder / target
        for _ in range(2):  # into nothing, then in another's place
            assert cli.main(["export", str(checkpoint), "--no-verify", "--target", target, "-o", str(place)]) == 0
        assert cli.main(["inspect", str(place)]) == 0
    for name in every_module():
        importlib.import_module(name)
    sys.platform = "win32"  # what we ask it for, and no library while it is imported
    assert cli.main(["export", str(checkpoint), "--no-verify", "-o", str(folder / "onnx")]) == 0
    sys.platform = "linux"
    print("all of it")


if __name__ == "__main__":
    main()
