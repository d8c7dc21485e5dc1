"""Measuring start, load, latency and memory of a model, in a child process for each case and round.

Rounds are interleaved over the cases, and every raw value is kept. Times are of this processor, in seconds.
"""

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from runtimes.errors import MeasurementError
from runtimes.measurement.host import fingerprint as fingerprint
from runtimes.process.peak_memory import peak_rss_bytes

WARM_UP_RUNS, WARM_UP_S = 5, 2.0
LEAST_RUNS, SHAPE_S = 5, 10.0
"""A shape so slow that its runs take longer than this gets fewer of them, but these."""
_REASON_CHARACTERS = 300


@dataclass(frozen=True)
class Case:
    """What to measure.

    `runtime` is a backend's name, and `path` what that opens; or "pytorch" and a checkpoint folder: then `reference` is
    the text of its ReferenceModel, and `device` where it runs. `positions` and `max_rows` are the most tokens and rows;
    None: any. `axes` are those of the inputs: with 3, [rows, 1, tokens], a row is one choice of a text.
    """

    name: str
    runtime: str
    path: str
    vocabulary: int
    reference: str = ""
    threads: int = 1
    device: str = "cpu"
    positions: int | None = None
    max_rows: int | None = None
    axes: int = 2


@dataclass(frozen=True)
class Plan:
    """How much: token counts, rows of a batch, runs of each combination at most, and rounds over all cases."""

    lengths: tuple[int, ...] = (16, 128, 512)
    runs: int = 50
    rounds: int = 3
    batches: tuple[int, ...] = (1,)

    def shapes(self, case: Case) -> list[tuple[int, int]]:
        """(tokens, rows) of what the case can take; one row first, so that its memory is told apart."""
        tokens = [length for length in sorted(self.lengths) if length <= (case.positions or math.inf)]
        rows = [batch for batch in sorted(self.batches) if batch <= (case.max_rows or math.inf)]
        return [(length, batch) for batch in rows for length in tokens]


@dataclass(frozen=True)
class Latency:
    """Times of all runs of one shape; `peak_rss_bytes` is the process's peak when they were done."""

    tokens: int
    rows: int
    values_s: tuple[float, ...]
    peak_rss_bytes: int


@dataclass(frozen=True)
class Measurement:
    """One child's figures.

    `cold_start_s` is from the start of the process to the first outputs; `bare_rss_bytes` is the process with its
    runtime imported and no model loaded.
    """

    case: Case
    cold_start_s: float
    import_s: float
    load_s: float
    first_run_s: float
    latencies: tuple[Latency, ...]
    bare_rss_bytes: int
    peak_rss_bytes: int

    @property
    def latency_s(self) -> dict[int, tuple[float, ...]]:
        """Times of one row, by tokens."""
        return {found.tokens: found.values_s for found in self.latencies if found.rows == 1}


def measure(cases: Sequence[Case], plan: Plan) -> list[Measurement]:
    """Run every case once a round, in children of this process; return all of them, in that order."""
    import logging  # here, for the child imports this module, and is weighed

    log, done = logging.getLogger(__name__), []
    for number in range(plan.rounds):
        for case in cases:
            log.info(f"round {number + 1}/{plan.rounds}: {case.name}")
            done.append(measure_once(case, plan))
    return done


def measure_once(case: Case, plan: Plan) -> Measurement:
    """Run one case in a child of this process. Raises MeasurementError when the child does not come to its end."""
    from runtimes.process.launch import python_path  # here, for the child imports this module, and is weighed

    environment = {**os.environ, "OMP_NUM_THREADS": str(case.threads), **python_path()}
    command = [sys.executable, "-P", "-m", "runtimes.measurement.measure"]  # -P: nothing from the folder it starts in
    started_s = time.perf_counter()  # the same clock in every process
    request = json.dumps({"case": asdict(case), "plan": asdict(plan), "started_s": started_s})
    child = subprocess.run(  # noqa: S603 - this interpreter, this module
        command, input=request, capture_output=True, encoding="utf-8", errors="replace", env=environment, check=False
    )
    if child.returncode:
        raise MeasurementError(f"{case.name}: measuring {case.path} {_ending(child)}")
    raw = json.loads(child.stdout.splitlines()[-1])
    latencies = tuple(Latency(**found | {"values_s": tuple(found["values_s"])}) for found in raw.pop("latencies"))
    return Measurement(case, latencies=latencies, **raw)


def _ending(child: subprocess.CompletedProcess[str]) -> str:
    if child.returncode < 0:
        return f"was ended by signal {-child.returncode}; 9 is most often a lack of memory: try smaller --batches"
    said = [line for line in child.stderr.splitlines() if line.strip()] or ["nothing was said"]
    return f"failed: {said[-1].strip()[:_REASON_CHARACTERS]}"


def _child(case: Case, plan: Plan, started_s: float) -> dict[str, Any]:
    """Measure `case` in this process, which has imported nothing but this module."""
    begun = time.perf_counter()
    opened = _prepare(case)
    import numpy as np

    from runtimes.runner import full_batch

    import_s, bare = time.perf_counter() - begun, peak_rss_bytes()
    start = time.perf_counter()
    runner = opened(case)
    load_s = time.perf_counter() - start
    random, shapes, choices = np.random.default_rng(0), plan.shapes(case), (1,) * (case.axes - 2)
    sizes = [(rows, *choices, tokens) for tokens, rows in shapes]
    batches = [full_batch(random.integers(0, case.vocabulary, size)) for size in sizes]
    start = time.perf_counter()
    runner.run(batches[0])
    first_run_s, cold_start_s = time.perf_counter() - start, time.perf_counter() - started_s
    latencies = []
    for (tokens, rows), batch in zip(shapes, batches, strict=True):
        values = _time_runs(partial(runner.run, batch), plan.runs)
        latencies.append(asdict(Latency(tokens, rows, tuple(values), peak_rss_bytes())))
    return {
        "cold_start_s": cold_start_s,
        "import_s": import_s,
        "load_s": load_s,
        "first_run_s": first_run_s,
        "latencies": latencies,
        "bare_rss_bytes": bare,
        "peak_rss_bytes": peak_rss_bytes(),
    }


def _time_runs(run: Callable[[], object], runs: int) -> list[float]:
    _repeat(run, WARM_UP_RUNS, 1, WARM_UP_S)
    return _repeat(run, runs, LEAST_RUNS, SHAPE_S)


def _repeat(run: Callable[[], object], most: int, least: int, enough_s: float) -> list[float]:
    """Time `most` runs, or `least` and as many more as `enough_s` has room for; whole nanoseconds."""
    values: list[float] = []
    while len(values) < most and (len(values) < least or sum(values) < enough_s):
        start = time.perf_counter()
        run()
        values.append(round(time.perf_counter() - start, 9))
    return values


def _prepare(case: Case) -> Callable[[Case], Any]:
    """Import the case's runtime; what comes back opens it."""
    if case.reference:
        from runtimes.backends.pytorch.timing import prepare_timing

        return prepare_timing()
    from runtimes.backends.registry import BACKENDS

    opened = BACKENDS[case.runtime].prepare_timing()
    return lambda case: opened(Path(case.path), case.threads)


if __name__ == "__main__":
    asked = json.loads(sys.stdin.read())
    print(json.dumps(_child(Case(**asked["case"]), Plan(**asked["plan"]), asked["started_s"])))
