"""Starting and ending a child process with pipes; imports neither numpy nor anything else that is slow."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parents[2]
"""Where a child finds `runtimes`."""


@dataclass(frozen=True)
class Started:
    """A process with its own `stdin` and `stdout`; what it says on stderr goes to `log`.

    `folder` is where it runs, and goes with it; None for this process's own.
    """

    process: "subprocess.Popen[bytes]"
    stdin: IO[bytes]
    stdout: IO[bytes]
    log: IO[bytes]
    folder: Path | None

    def end(self) -> None:
        """Kill it, for it has nothing to lose, and remove what was its own; doing so twice does no harm."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.stdin, self.stdout):
            with suppress(OSError):
                pipe.close()
        _remove(self.log, self.folder)


def launch(command: Sequence[str], environment: Mapping[str, str], folder: Path | None = None) -> Started:
    """Start a program whose environment is this process's and `environment`. Raises OSError, `folder` gone."""
    log = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the process
    try:
        process = subprocess.Popen(  # noqa: S603 - our own command
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=folder,
            env={**os.environ, **environment},
            start_new_session=True,  # Ctrl-C is for the parent, which ends the child
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # the same on Windows
        )
    except OSError:
        _remove(log, folder)
        raise
    if process.stdin is None or process.stdout is None:
        raise ValueError("a child without pipes")
    return Started(process, process.stdin, process.stdout, log, folder)


def python_path() -> dict[str, str]:
    """The environment of a Python that finds our packages, then what this process was told of."""
    return {"PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))}


def _remove(log: IO[bytes], folder: Path | None) -> None:
    log.close()
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)
