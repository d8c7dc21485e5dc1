"""What `bertport verify` of the demo takes on an idle machine and on a busy one, before a change and after it.

    git worktree add /tmp/before COMMIT
    python -m benchmarks.cost.busy --before /tmp/before -o artifacts/busy.json

Busy is one endless loop for each core. Rounds are interleaved over all of it and every raw value is kept: wall and
processor time of all processes of the command, and the parity figures, which must not move by more than float32's sums
do. Times are of this host; `load` is what else ran there.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import ARTIFACTS, ROOT
from exporter.cli.main import main as bertport
from runtimes.files.atomic_write import write_whole
from runtimes.files.json_text import to_json
from runtimes.measurement.measure import fingerprint

FIGURES = ("verdict", "max_absolute", "mean_absolute", "agreement")


@contextmanager
def loops(count: int) -> Iterator[None]:
    """Keep so many cores busy."""
    started = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for one in started:
            one.kill()
            one.wait()


def verify(tree: Path, bundle: Path) -> dict[str, Any]:
    """One call, by the sources in `tree`."""
    command = [sys.executable, "-m", "exporter", "verify", str(bundle), "--json"]
    load, before, start = os.getloadavg()[0], resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    asked = {**os.environ, "BERTPORT_CACHE": ""}  # PyTorch itself, each time
    done = subprocess.run(command, cwd=tree, check=True, capture_output=True, env=asked)
    wall_s, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    record = json.loads(done.stdout)
    times = {"user_s": after.ru_utime - before.ru_utime, "system_s": after.ru_stime - before.ru_stime}
    rounded = {name: round(value, 3) for name, value in {"wall_s": wall_s, **times, "load": load}.items()}
    return rounded | {name: record[name] for name in FIGURES}


def rounds(trees: dict[str, Path], bundle: Path, count: int) -> dict[str, list[dict[str, Any]]]:
    """Every tree, idle and busy, turn by turn."""
    cores, found = os.cpu_count() or 1, dict[str, list[dict[str, Any]]]()
    for number in range(count):
        for state, busy in (("idle", 0), ("busy", cores)):
            for name, tree in trees.items():
                with loops(busy):
                    one = verify(tree, bundle)
                print(number, state, name, one, flush=True)
                found.setdefault(f"{name}, {state}", []).append(one)
    return found


def main() -> None:
    """Measure, print the medians, write the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--before", type=Path, metavar="DIR", help="a worktree of an older commit")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("-o", "--output", type=Path, default=ARTIFACTS / "busy.json")
    parsed = parser.parse_args()
    trees = {"before": parsed.before} if parsed.before else {}
    with TemporaryDirectory() as folder:
        bundle = Path(folder) / "demo"
        bertport(["export", "demo", "--no-verify", "-o", str(bundle)])
        found = rounds(trees | {"after": ROOT}, bundle, parsed.rounds)
    for name, values in found.items():
        wall_s, user_s = (median(one[key] for one in values) for key in ("wall_s", "user_s"))
        print(f"{name}: {wall_s:.1f} s of wall, {user_s:.1f} s of a processor")
    write_whole(parsed.output, to_json({"kind": "busy", "host": fingerprint(), "rounds": found}))


if __name__ == "__main__":
    main()
