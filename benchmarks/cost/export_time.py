"""What an export of the demo with verification takes, beside optimum-cli's of the same checkpoint, which verifies less.

    python -m benchmarks.cost.export_time -o artifacts/export_time.json

`first`: no answers of PyTorch are kept; `cached`: they are, from the run before; `optimum`: `optimum-cli export onnx`,
in `make optimum-env` or the environment that `--optimum` names. On an idle machine, and with an endless loop on one
core. Rounds are interleaved over all of it, the order of the three turns from round to round, and every raw value is
kept: wall and processor time of all processes of a command. What counts are the ratios within the run; times are of
this host, and `load` is what else ran there.
"""

import argparse
import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import ARTIFACTS, ROOT
from benchmarks.cost.busy import loops
from exporter.checkpoint.source import DEMO_DIRECTORY
from runtimes.files.atomic_write import write_whole
from runtimes.files.json_text import to_json
from runtimes.measurement.measure import fingerprint

OPTIMUM = ROOT / ".venv-optimum" / "bin" / "optimum-cli"
STATES = {"idle": 0, "one core busy": 1}
ASKED = {"first / optimum": 0.7, "cached / optimum": 0.25, "first, one core busy / idle": 1.3}
Times = dict[str, dict[str, list[dict[str, float]]]]
"""State → command → rounds."""


def timed(command: Sequence[str], environment: Mapping[str, str]) -> dict[str, float]:
    """One call, with what its processes took."""
    load, before, start = os.getloadavg()[0], resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, **environment})
    wall_s, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    times = {"user_s": after.ru_utime - before.ru_utime, "system_s": after.ru_stime - before.ru_stime}
    return {name: round(value, 3) for name, value in {"wall_s": wall_s, **times, "load": load}.items()}


def one_round(number: int, work: Path, optimum: Path) -> dict[str, dict[str, float]]:
    """Each command once; the one with kept answers after the one that keeps them, optimum first or last."""
    kept = {"BERTPORT_CACHE": str(work / "answers")}
    ours = [sys.executable, "-m", "exporter", "export", "demo", "--target", "onnx", "--quantize", "int8", "-o"]
    theirs = ["export", "onnx", "--model", str(DEMO_DIRECTORY), "--task", "text-classification"]
    calls = {
        "first": ([*ours, str(work / "first")], kept),
        "cached": ([*ours, str(work / "cached")], kept),
        "optimum": ([str(optimum), *theirs, str(work / "optimum")], {"HF_HUB_OFFLINE": "1"}),
    }
    order = ["optimum", "first", "cached"] if number % 2 else ["first", "cached", "optimum"]
    return {name: timed(*calls[name]) for name in order}


def rounds(count: int, optimum: Path) -> Times:
    """Idle and busy, turn by turn."""
    found: Times = {state: {} for state in STATES}
    for number in range(count):
        for state, busy in STATES.items():
            with TemporaryDirectory() as folder, loops(busy):
                for name, one in one_round(number, Path(folder), optimum).items():
                    print(number, state, name, one, flush=True)
                    found[state].setdefault(name, []).append(one)
    return found


def ratios(found: Times) -> dict[str, float]:
    """Of median wall times."""
    wall = {state: {name: _median(ones) for name, ones in calls.items()} for state, calls in found.items()}
    idle, busy = wall["idle"], wall["one core busy"]
    within = {
        "first / optimum": idle["first"] / idle["optimum"],
        "cached / optimum": idle["cached"] / idle["optimum"],
        "first, one core busy / idle": busy["first"] / idle["first"],
        "cached, one core busy / idle": busy["cached"] / idle["cached"],
        "optimum, one core busy / idle": busy["optimum"] / idle["optimum"],
        "first / optimum, one core busy": busy["first"] / busy["optimum"],
        "cached / optimum, one core busy": busy["cached"] / busy["optimum"],
    }
    return {name: round(value, 3) for name, value in within.items()}


def _median(ones: Sequence[Mapping[str, float]]) -> float:
    return median(one["wall_s"] for one in ones)


def record_of(found: Times) -> dict[str, Any]:
    """What is written."""
    return {"kind": "export_time", "host": fingerprint(), "asked": ASKED, "ratios": ratios(found), "rounds": found}


def main() -> None:
    """Measure, print the ratios, write the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--optimum", type=Path, default=OPTIMUM, metavar="FILE", help="optimum-cli")
    parser.add_argument("-o", "--output", type=Path, default=ARTIFACTS / "export_time.json")
    parsed = parser.parse_args()
    with TemporaryDirectory() as folder:  # once for the files' sake: what is read first comes from the disk
        one_round(0, Path(folder), parsed.optimum)
    record = record_of(rounds(parsed.rounds, parsed.optimum))
    for name, value in record["ratios"].items():
        print(f"{name}: {value:.2f}" + (f", asked: {ASKED[name]}" if name in ASKED else ""))
    write_whole(parsed.output, to_json(record))


if __name__ == "__main__":
    main()
