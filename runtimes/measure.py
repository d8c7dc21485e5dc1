"""Load, latency and memory of a model: one child process for each case and round, importing only its runtime.

Rounds are interleaved over the cases, and every raw value is kept. Times are of this processor, in seconds.
"""

import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

_START = time.perf_counter()
WARM_UP_RUNS = 5


@dataclass(frozen=True)
class Case:
    """What to measure: `runtime` is "onnx" (a model file) or "pytorch" (a checkpoint folder and its class)."""

    name: str
    runtime: str
    path: str
    vocabulary: int
    architecture: str = ""
    threads: int = 1


@dataclass(frozen=True)
class Plan:
    """How much: token counts of one-row batches, runs of each, and rounds over all cases."""

    lengths: tuple[int, ...] = (16, 128, 512)
    runs: int = 50
    rounds: int = 3


@dataclass(frozen=True)
class Measurement:
    """One child's figures. `bare_rss_bytes` is the process with its runtime imported and no model loaded."""

    case: Case
    import_s: float
    load_s: float
    first_run_s: float
    latency_s: dict[int, list[float]]
    bare_rss_bytes: int
    peak_rss_bytes: int


def measure(cases: Sequence[Case], plan: Plan, say: Callable[[str], None]) -> list[Measurement]:
    """Run every case once a round, in children of this process; return all of them, in that order."""
    done = []
    for number in range(plan.rounds):
        for case in cases:
            say(f"round {number + 1}/{plan.rounds}: {case.name}")
            done.append(_in_child(case, plan))
    return done


def fingerprint() -> dict[str, str]:
    """What figures of this host may be compared with: records of another host are not merged with them."""
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def _in_child(case: Case, plan: Plan) -> Measurement:
    request = json.dumps({"case": asdict(case), "plan": asdict(plan)})
    environment = {**os.environ, "OMP_NUM_THREADS": str(case.threads)}
    command = [sys.executable, "-m", "runtimes.measure"]
    root = str(Path(__file__).parent.parent)
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [root, environment.get("PYTHONPATH")]))
    child = subprocess.run(command, input=request, capture_output=True, text=True, env=environment, check=True)  # noqa: S603
    raw = json.loads(child.stdout.splitlines()[-1])
    latency = {int(length): values for length, values in raw.pop("latency_s").items()}
    return Measurement(case, latency_s=latency, **raw)


def _child(case: Case, plan: Plan) -> dict[str, Any]:
    """Measure `case` in this process, which has imported nothing but this module."""
    opened = _OPEN[case.runtime]()
    import numpy as np

    from runtimes.runner import full_batch

    import_s, bare = time.perf_counter() - _START, peak_rss_bytes()
    start = time.perf_counter()
    runner = opened(case)
    load_s = time.perf_counter() - start
    random = np.random.default_rng(0)
    batches = {n: full_batch(random.integers(0, case.vocabulary, (1, n))) for n in plan.lengths}
    start = time.perf_counter()
    runner.run(batches[plan.lengths[0]])
    first_run_s = time.perf_counter() - start
    latency = {n: _time_runs(partial(runner.run, batch), plan.runs) for n, batch in batches.items()}
    return {
        "import_s": import_s,
        "load_s": load_s,
        "first_run_s": first_run_s,
        "latency_s": latency,
        "bare_rss_bytes": bare,
        "peak_rss_bytes": peak_rss_bytes(),
    }


def _time_runs(run: Callable[[], object], runs: int) -> list[float]:
    for _ in range(WARM_UP_RUNS):
        run()
    values = []
    for _ in range(runs):
        start = time.perf_counter()
        run()
        values.append(time.perf_counter() - start)
    return values


def _onnx() -> Callable[[Case], Any]:
    from runtimes.onnxruntime import OnnxRunner

    return lambda case: OnnxRunner(Path(case.path), case.threads)


def _pytorch() -> Callable[[Case], Any]:
    import torch

    from runtimes.pytorch import TorchRunner

    def opened(case: Case) -> Any:
        torch.set_num_threads(case.threads)
        return TorchRunner(Path(case.path), case.architecture)

    return opened


_OPEN: dict[str, Callable[[], Callable[[Case], Any]]] = {"onnx": _onnx, "pytorch": _pytorch}


def peak_rss_bytes() -> int:
    """Largest resident size of this process so far.

    Linux's ru_maxrss survives exec and so starts at the parent's size; VmHWM does not.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.exists():
        return platform.processor()
    lines = dict(line.split(":", 1) for line in cpuinfo.read_text().splitlines() if ":" in line)
    fields = {key.strip(): value.strip() for key, value in lines.items()}
    vector = [
        flag for flag in ("avx2", "avx512f", "avx512_vnni", "avx_vnni") if flag in fields.get("flags", "").split()
    ]
    return f"{fields.get('model name', platform.processor())} ({' '.join(vector)})"


if __name__ == "__main__":
    asked = json.loads(sys.stdin.read())
    asked["plan"]["lengths"] = tuple(asked["plan"]["lengths"])
    print(json.dumps(_child(Case(**asked["case"]), Plan(**asked["plan"]))))
