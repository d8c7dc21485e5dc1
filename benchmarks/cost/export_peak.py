"""Memory of an export: of its process, of the one in which PyTorch answers, and of both at any one time.

    python -m benchmarks.cost.export_peak CHECKPOINT [-- OPTION …]      what `bertport export` takes; Linux

A process's peak is its largest resident size (VmHWM), with what it maps of libraries and of the checkpoint: pages that
the system can drop, and that two processes share, count in both.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

_EVERY_S = 0.01


@dataclass(frozen=True)
class Peak:
    """Resident bytes; `pytorch_bytes` is 0 where nothing was compared."""

    export_bytes: int
    pytorch_bytes: int
    together_bytes: int

    @property
    def largest_bytes(self) -> int:
        """Of either process."""
        return max(self.export_bytes, self.pytorch_bytes)


def export_peak(arguments: Sequence[str]) -> Peak:
    """Run `bertport export` with these arguments, and watch it. Raises CalledProcessError where it fails."""
    return watch([sys.executable, "-m", "exporter", "export", *arguments])


def watch(command: Sequence[str]) -> Peak:
    """Run a program that ends with 0 or 1, as an export does."""
    own, others, together = 0, 0, 0
    asked = {**os.environ, "BERTPORT_CACHE": ""}  # PyTorch itself, each time
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=asked) as process:
        while process.poll() is None:
            found = {number: _resident(number) for number in (process.pid, *_children(process.pid))}
            own = max(own, found[process.pid][1])
            others = max([others, *(peak for number, (_, peak) in found.items() if number != process.pid)])
            together = max(together, sum(now for now, _ in found.values()))
            time.sleep(_EVERY_S)
    if process.returncode not in (0, 1):
        raise subprocess.CalledProcessError(process.returncode, command)
    return Peak(own, others, together)


def _resident(process: int) -> tuple[int, int]:
    """Bytes now, and at most so far; 0 of a process that is gone."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0, 0
    facts = dict(line.split(":", 1) for line in lines if line.startswith(("VmRSS", "VmHWM")))
    return tuple(int(facts.get(name, "0 kB").split()[0]) * 1024 for name in ("VmRSS", "VmHWM"))  # type: ignore[return-value]


def _children(process: int) -> Iterator[int]:
    """Started by any of its threads."""
    for listed in Path(f"/proc/{process}/task").glob("*/children"):
        try:
            yield from map(int, listed.read_text().split())
        except OSError:  # the thread is gone
            continue


def main() -> None:
    """Measure one export into a folder that goes."""
    with TemporaryDirectory() as folder:
        arguments = [argument for argument in sys.argv[1:] if argument != "--"]
        print(json.dumps(asdict(export_peak([*arguments, "-o", str(Path(folder) / "out")]))))


if __name__ == "__main__":
    main()
