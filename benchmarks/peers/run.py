"""bertport and its peers on one checkpoint, in one run: size, load, latency, memory, faithfulness.

    make bench DATA=../shared/data      (or: python -m benchmarks.peers.run --data ../shared/data --threads 1 2)

There is one record for each kind of processor, artifacts/peers/PROCESSOR.json, named with the int8 abilities that
decide who is faster. Every measurement is a child process that imports one runtime; rounds go over all contenders in
turn, so that what else the machine does meets all alike; every raw value is kept. A peer that cannot be installed,
converted or run is a row with the error it gave.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import ARTIFACTS, ROOT
from benchmarks.models.labelled_text import ag_news_test
from benchmarks.peers.cases import Text, as_one_text, text_of
from benchmarks.peers.contenders import (
    BASE,
    PYTORCH,
    SHAPES,
    Contender,
    contenders,
    optimum_command,
    our_command,
)
from benchmarks.peers.faithfulness import as_logits, compared, departure
from benchmarks.peers.geometries import GEOMETRIES, write_seeded
from benchmarks.peers.matrix_work import matrix_flop
from exporter.checkpoint.checkpoint import Checkpoint, load
from exporter.checkpoint.source import DEMO, HubOptions, resolve
from exporter.verification.reference.default_texts import TEST_ROWS
from runtimes.measurement.measure import fingerprint

CHILD, GEMM = ROOT / "benchmarks" / "peers" / "child.py", ROOT / "benchmarks" / "peers" / "gemm_peak.py"
RUNS, LIMIT_S = 40, 1.0
"""Runs of one shape in one process, and how long they may take."""
EXPORT_ROUNDS = 3
MODELS = ("demo", *GEOMETRIES)
TIMEOUT_S = 1800


@dataclass
class Row:
    """What is known of a contender so far; `error` once something failed."""

    contender: Contender
    error: str | None = None
    convert_s: float | None = None
    rounds: list[dict[str, Any]] = field(default_factory=list)
    faithfulness: dict[str, float] = field(default_factory=dict)


class ChildError(Exception):
    """A process gave no result; the message is its last line."""


def say(text: str) -> None:
    """Progress to stderr."""
    print(f"peers: {text}", file=sys.stderr, flush=True)


def call(
    command: Sequence[str], request: dict[str, Any] | None = None, threads: int = 1, answers: Path | str = ""
) -> str:
    """Run a process offline; return what it printed. Raises ChildError.

    Answers of PyTorch are kept in the folder `answers`, or nowhere.
    """
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    ours = {"PYTHONPATH": paths, "BERTPORT_CACHE": str(answers)}
    quiet = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": str(threads), **ours}
    text = None if request is None else json.dumps(request)
    try:
        done = subprocess.run(
            command, input=text, capture_output=True, text=True, timeout=TIMEOUT_S, env={**os.environ, **quiet}
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ChildError(str(error)) from error
    if done.returncode:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        raise ChildError(lines[-1][:300] if lines else f"exit code {done.returncode}")
    return done.stdout


def ask(contender: Contender, request: dict[str, Any], threads: int = 1) -> dict[str, Any]:
    """One child's result."""
    request = {"runtime": contender.runtime, "path": str(contender.path), "threads": threads, **request}
    found: dict[str, Any] = json.loads(call([str(contender.python), str(CHILD)], request, threads).splitlines()[-1])
    return found


def convert(rows: list[Row]) -> None:
    """Every contender makes its file; what fails is out."""
    for row in rows:
        if row.contender.command:
            say(f"{row.contender.name}: converting")
            start = time.perf_counter()
            _guarded(row, lambda row=row: call(row.contender.command))
            row.convert_s = time.perf_counter() - start


def measure(rows: list[Row], text: Text, rounds: int, threads: int) -> dict[str, list[float]]:
    """Rounds over all that still run; return the GEMM seconds of all rounds."""
    cases = {name: [as_one_text(batch) for batch in batches] for name, batches in text.cases.items()}
    request = {"cases": cases, "runs": RUNS, "limit_s": LIMIT_S}
    peaks: dict[str, list[float]] = {}
    for number in range(rounds):
        for name, values in json.loads(call([sys.executable, str(GEMM)])).items():
            peaks.setdefault(name, []).extend(values)
        for row in rows:
            say(f"round {number + 1}/{rounds}: {row.contender.name}")
            _guarded(row, lambda row=row: row.rounds.append(ask(row.contender, request, threads)))
    return peaks


def compare(rows: list[Row], text: Text) -> None:
    """Answers of all that still run against PyTorch's, which is the first row."""
    expected = None
    for row in rows:
        say(f"{len(text.rows)} answers: {row.contender.name}")
        answers: list[dict[str, Any]] = []
        _guarded(row, lambda row=row, answers=answers: answers.append(ask(row.contender, {"rows": text.rows})))
        if answers:
            logits = as_logits(answers[0])
            expected = logits if expected is None else expected
            row.faithfulness = compared(logits, expected, text.labels)
            row.error = departure(row.faithfulness, expected)
    if rows[0].error is not None:
        raise SystemExit(f"{PYTORCH}: {rows[0].error}; without the reference there is nothing to compare with")


def _guarded(row: Row, act: Any) -> None:
    if row.error is None:
        try:
            act()
        except ChildError as error:
            row.error = str(error)
            say(f"{row.contender.name}: {error}")


def export_times(checkpoint: Path, work: Path) -> dict[str, list[float]]:
    """Wall times of the exports, process and imports included, interleaved.

    Ours first where PyTorch is asked, then with the answers that this kept.
    """
    commands = {
        "optimum-cli export onnx": optimum_command(checkpoint, work / "timed-optimum"),
        "bertport export": our_command(checkpoint, work / "timed-ours"),
        "bertport export, answers kept": our_command(checkpoint, work / "timed-kept"),
        "bertport export --no-verify": our_command(checkpoint, work / "timed-unverified", "--no-verify"),
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(EXPORT_ROUNDS):
        say(f"export times, round {number + 1}/{EXPORT_ROUNDS}")
        with TemporaryDirectory() as answers:
            for name, command in commands.items():
                start = time.perf_counter()
                call(command, answers=answers)
                times[name].append(time.perf_counter() - start)
    return times


def bench(checkpoint: Checkpoint, text: Text, given: argparse.Namespace, work: Path) -> dict[int, Any]:
    """The whole record of one checkpoint, for each number of threads."""
    directory = checkpoint.source.directory.absolute()
    rows = [Row(contender) for contender in contenders(directory, work) if is_asked(contender, given.contenders)]
    convert(rows)
    compare(rows, text)
    found = {}
    for threads in given.threads:
        for row in rows:
            row.rounds = []
        gemm_s = measure(rows, text, given.rounds, threads)
        flop = {name: matrix_flop(checkpoint.geometry, *shape) for name, shape in SHAPES.items()}
        found[threads] = {
            "test_rows": len(text.rows),
            "threads": threads,
            "matrix_flop": flop,
            "gemm_s": gemm_s,
            "rows": [entry(row) for row in rows],
        }
    return found


def is_asked(contender: Contender, names: list[str]) -> bool:
    """Whether it takes part: everyone where nobody is named, and always those that the others are held against."""
    return not names or contender.name in (PYTORCH, BASE, *names)


def entry(row: Row) -> dict[str, Any]:
    """A row as the record has it."""
    contender = row.contender
    return {
        "name": contender.name,
        "version": version(contender),
        "error": row.error,
        "size_bytes": None if row.error else contender.size_bytes,
        "convert_s": row.convert_s,
        "faithfulness": row.faithfulness,
        "rounds": row.rounds,
    }


def version(contender: Contender) -> str:
    """The runtime and its version in the contender's environment."""
    program = f"from importlib.metadata import version; print(version({contender.library!r}))"
    try:
        return f"{contender.library} {call([str(contender.python), '-c', program]).strip()}"
    except ChildError as error:
        return f"{contender.library}: {error}"


def labelled(data: Path | None) -> tuple[list[str], list[int]]:
    """The official AG News test where it is at hand, else the rows kept with the demo."""
    if data is not None:
        return ag_news_test(data)
    rows = [json.loads(line) for line in TEST_ROWS.read_text(encoding="utf-8").splitlines()]
    return [row["text"] for row in rows], [row["label"] for row in rows]


def rounded(value: Any) -> Any:
    """Floats to six digits, all the way down: raw values, but no noise of printing."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: rounded(inner) for key, inner in value.items()}
    return [rounded(inner) for inner in value] if isinstance(value, list) else value


def measured(model: str, given: argparse.Namespace, work: Path) -> dict[str, Any]:
    """The records of one of MODELS, by its name and threads; the demo's has the wall times of exports too."""
    texts, labels = labelled(given.data)
    demo = resolve(DEMO, HubOptions()).directory.absolute()
    folder = demo if model == "demo" else write_seeded(model, demo, work / "checkpoint")
    times = {"export_s": export_times(demo, work)} if model == "demo" and not given.contenders else {}
    checkpoint = load(resolve(str(folder), HubOptions()))
    text = text_of(checkpoint, texts, labels if model == "demo" else None)
    found = bench(checkpoint, text, given, work)
    return {key_of(model, threads): (times if threads == 1 else {}) | one for threads, one in found.items()}


def key_of(model: str, threads: int) -> str:
    """What a record calls a model on so many threads."""
    return model if threads == 1 else f"{model}, {threads} threads"


def name_of(host: dict[str, str]) -> str:
    """A kind of processor as the name of a file: "amd-epyc-avx2-avx512f-avx512_vnni"."""
    return "-".join(re.findall(r"[a-z0-9_]+", host["processor"].lower()))


def main() -> None:
    """Measure, and write the record; what an earlier run on this host found of other checkpoints stays."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    parser.add_argument("--contenders", nargs="+", default=[], help="these alone, beside what they are held to")
    parser.add_argument("--threads", nargs="+", type=int, default=[1])
    parser.add_argument("-o", "--output", type=Path)
    given = parser.parse_args()
    host = fingerprint()
    output = given.output or ARTIFACTS / "peers" / f"{name_of(host)}.json"
    found: dict[str, Any] = json.loads(output.read_text(encoding="utf-8")) if output.exists() else {}
    record = found if found.get("host") == host else {"host": host}
    for model in given.models:
        with TemporaryDirectory() as folder:
            record |= measured(model, given, Path(folder))
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps(rounded(record), separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
